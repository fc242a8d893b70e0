package mcp

import "testing"

// A task that events start is paused and resumed, and changed, without ceasing to be active.
func TestEventTasksArePausedAndResumed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	args := manual("On orders")
	args["schedule"] = object{"kind": "event", "expr": "shop.*", "event": object{"filter": "payload.n > `1`"}}
	task := v.newTask(t, args)
	v.must(t, "pause_task", object{"task_id": task, "note": "later"})
	if r := v.must(t, "resume_task", object{"task_id": task}); r.text1(t, "task", "state") != "active" {
		t.Errorf("resumed: %s", r.text)
	}
	if r := v.must(t, "update_task", object{"task_id": task, "schedule": object{"kind": "event", "expr": "shop.**"}}); r.text1(t, "task", "state") != "active" {
		t.Errorf("changed: %s", r.text)
	}
	for pointer, event := range map[string]object{
		"/schedule/event/filter":    {"filter": "payload.n >"},
		"/schedule/event/dedupe_by": {"dedupe_by": "order.id"},
	} {
		r := v.call(t, "update_task", object{"task_id": task, "schedule": object{"kind": "event", "expr": "shop.*", "event": event}})
		if r.content["code"] != "invalid_argument" || r.content["pointer"] != pointer || r.content["example"] == nil {
			t.Errorf("want a fault at %s: %s", pointer, r.text)
		}
	}
	if r := v.call(t, "preview_schedule", object{"schedule": object{"kind": "event", "expr": "shop.*", "event": object{"filter": "nonsense("}}}); !r.failed {
		t.Errorf("a preview lets a broken filter pass: %s", r.text)
	}
}
