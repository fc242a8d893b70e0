package mcp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// A task is answered with its schedule normalised, its next three times in UTC and local time, and
// what is odd about it.
func TestCreateTaskAnswersWhatItMeans(t *testing.T) {
	t.Parallel()
	clock := time.Date(2030, 3, 29, 12, 0, 0, 0, time.UTC)
	h := newHouse(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	v := h.connect(t, h.key)
	args := manual("Night check")
	args["schedule"] = object{"kind": "cron", "expr": " 30  2 * * * ", "timezone": "Europe/Berlin"}
	args["params"] = object{"city": "Berlin"}
	r := v.must(t, "create_task", args)
	want := []any{
		object{"utc": "2030-03-30T01:30:00Z", "local": "2030-03-30T02:30:00+01:00"},
		object{"utc": "2030-03-31T01:00:00Z", "local": "2030-03-31T03:00:00+02:00", "dst": "gap_shifted"},
		object{"utc": "2030-04-01T00:30:00Z", "local": "2030-04-01T02:30:00+02:00"},
	}
	if diff := cmp.Diff(want, r.at(t, "next_times")); diff != "" {
		t.Errorf("next_times (-want +got):\n%s", diff)
	}
	wantSchedule := object{"kind": "cron", "expr": "30 2 * * *", "timezone": "Europe/Berlin", "overlap": "skip", "catch_up": "latest"}
	if diff := cmp.Diff(wantSchedule, r.at(t, "task", "schedule")); diff != "" {
		t.Errorf("schedule (-want +got):\n%s", diff)
	}
	wantWarnings := []any{
		"the clocks skip its time on that day, so it is due at 2030-03-31T03:00:00+02:00 (gap_shifted)",
		"the clocks show its time twice on that day, and it is due at 2030-10-27T02:30:00+02:00 (first_pass)",
	}
	if diff := cmp.Diff(wantWarnings, r.at(t, "warnings")); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	for key, want := range (object{"state": "active", "version": 1.0, "priority": 5.0, "timeout_seconds": 900.0, "next_at": "2030-03-30T01:30:00Z"}) {
		if got := r.at(t, "task", key); got != want {
			t.Errorf("task %s is %v, want %v", key, got, want)
		}
	}
	if !strings.Contains(r.text, r.text1(t, "task", "id")) || !strings.Contains(r.text, "2030-03-30T02:30:00+01:00") {
		t.Errorf("the text does not stand on its own: %s", r.text)
	}
}

// A schedule whose zone was forgotten, or which is due very often, is stored and remarked upon.
func TestCreateTaskWarns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	for want, schedule := range map[string]object{
		"timezone was left out, so the schedule is read in UTC": {"kind": "cron", "expr": "0 9 * * *"},
		"the schedule is due every 2s: is that meant?":          {"kind": "interval", "expr": "2s"},
		"the schedule ends soon: times left: 1": {
			"kind": "interval", "expr": "1h", "starts_at": stamp(time.Now().Add(time.Hour)), "ends_at": stamp(time.Now().Add(90 * time.Minute)),
		},
	} {
		args := manual("Odd")
		args["schedule"] = schedule
		if r := v.must(t, "create_task", args); !strings.Contains(r.text, "Warning: "+want) {
			t.Errorf("%v: no warning %q in %s", schedule, want, r.text)
		}
	}
}

// Only the keys that are given change, and each change is a version.
func TestUpdateTaskChangesGivenKeysOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	args := manual("Before")
	args["description"], args["params"], args["priority"] = "kept", object{"city": "Chisinau"}, 3
	args["schedule"] = object{"kind": "cron", "expr": "0 9 * * *", "timezone": "Europe/Chisinau"}
	id := v.newTask(t, args)
	before := v.must(t, "get_task", object{"task_id": id, "detail": "full"})
	r := v.must(t, "update_task", object{"task_id": id, "title": "After", "retry": object{"max_attempts": 3}})
	if r.at(t, "task", "version") != 2.0 || r.at(t, "task", "title") != "After" {
		t.Errorf("update answered %s", r.raw)
	}
	after := v.must(t, "get_task", object{"task_id": id, "detail": "full"})
	want := before.content
	task := want["task"].(object)
	task["title"], task["version"], task["retry"] = "After", 2.0, object{"max_attempts": 3.0}
	task["updated_at"] = after.at(t, "task", "updated_at")
	if diff := cmp.Diff(want, after.content); diff != "" {
		t.Errorf("what changed (-want +got):\n%s", diff)
	}
	r = v.must(t, "update_task", object{"task_id": id, "if_version": 2, "schedule": object{"kind": "manual"}, "params": object{}})
	if r.at(t, "task", "version") != 3.0 || r.content["task"].(object)["next_at"] != nil || r.text1(t, "words") != "only when started by hand" {
		t.Errorf("update to manual answered %s", r.raw)
	}
}

// A change of something else leaves the next time as it is, also while the task is paused: resuming
// goes on with the schedule.
func TestUpdateTaskKeepsNextTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	args := manual("Hourly")
	args["schedule"] = object{"kind": "interval", "expr": "1h"}
	created := v.must(t, "create_task", args)
	id, next := created.text1(t, "task", "id"), created.text1(t, "task", "next_at")
	if r := v.must(t, "update_task", object{"task_id": id, "title": "Every hour"}); r.text1(t, "task", "next_at") != next {
		t.Errorf("next_at became %v, want %s", r.at(t, "task", "next_at"), next)
	}
	v.must(t, "pause_task", object{"task_id": id})
	if r := v.must(t, "update_task", object{"task_id": id, "title": "Each hour"}); r.at(t, "task", "state") != "paused" {
		t.Errorf("a change resumed the task: %s", r.raw)
	}
	r := v.must(t, "resume_task", object{"task_id": id})
	if r.at(t, "task", "state") != "active" || r.at(t, "task", "next_at") != next {
		t.Errorf("resumed as %s, want next_at %s", r.raw, next)
	}
}

// A page goes on where the one before ended, and filters select by state and title.
func TestListTasksPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	var want []string
	for i := range 5 {
		want = append(want, v.newTask(t, manual(fmt.Sprintf("Report %d", i))))
	}
	other := v.newTask(t, manual("Something else"))
	v.must(t, "pause_task", object{"task_id": other})
	var got []string
	for cursor := ""; ; {
		args := object{"text": "rePORT", "limit": 2}
		if cursor != "" {
			args["cursor"] = cursor
		}
		r := v.must(t, "list_tasks", args)
		for i := range r.content["tasks"].([]any) {
			got = append(got, r.text1(t, "tasks", i, "id"))
		}
		if r.content["next_cursor"] == nil {
			break
		}
		cursor = r.text1(t, "next_cursor")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tasks over all pages (-want +got):\n%s", diff)
	}
	r := v.must(t, "list_tasks", object{"state": "paused"})
	if len(r.content["tasks"].([]any)) != 1 || r.text1(t, "tasks", 0, "id") != other {
		t.Errorf("paused tasks: %s", r.raw)
	}
	if r := v.must(t, "list_tasks", object{"text": "nothing like it"}); r.text != "No task." {
		t.Errorf("no match gave %q", r.text)
	}
}

// Pausing keeps its note, resuming goes on, deleting hides the task and ends its queued runs.
func TestTaskIsPausedResumedDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	args := manual("Pausable")
	args["schedule"] = object{"kind": "interval", "expr": "1h"}
	id := v.newTask(t, args)
	r := v.must(t, "pause_task", object{"task_id": id, "note": "on holiday"})
	if r.at(t, "task", "state") != "paused" || r.at(t, "task", "note") != "on holiday" || r.content["task"].(object)["next_at"] != nil {
		t.Errorf("paused as %s", r.raw)
	}
	if r := v.must(t, "resume_task", object{"task_id": id}); r.at(t, "task", "state") != "active" {
		t.Errorf("resumed as %s", r.raw)
	}
	run := v.newRun(t, id)
	if r := v.must(t, "delete_task", object{"task_id": id}); r.at(t, "task", "state") != "deleted" {
		t.Errorf("deleted as %s", r.raw)
	}
	if r := v.call(t, "get_task", object{"task_id": id}); r.content["code"] != "not_found" {
		t.Errorf("a deleted task is still there: %s", r.text)
	}
	if r := v.must(t, "get_run", object{"run_id": run}); r.at(t, "run", "state") != "canceled" || r.at(t, "run", "reason") != "task_deleted" {
		t.Errorf("its run is %s", r.raw)
	}
}

// A schedule is explained without anything being stored.
func TestPreviewScheduleStoresNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	r := v.must(t, "preview_schedule", object{
		"schedule": object{"kind": "cron", "expr": "30 2 * * *", "timezone": "Europe/Berlin"},
		"after":    "2030-10-26T12:00:00Z", "count": 2,
	})
	want := []any{
		object{"utc": "2030-10-27T00:30:00Z", "local": "2030-10-27T02:30:00+02:00", "dst": "first_pass"},
		object{"utc": "2030-10-28T01:30:00Z", "local": "2030-10-28T02:30:00+01:00"},
	}
	if diff := cmp.Diff(want, r.at(t, "times")); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	if r := v.must(t, "list_tasks", nil); r.text != "No task." {
		t.Errorf("a preview stored %s", r.text)
	}
}

// The catalogue is searched by words; schemas come only with a name; servers show their state.
func TestListActions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	calendar := ordinaut.Action{
		Name: "calendar.list_events", Description: "Events of a day. " + strings.Repeat("More of it. ", 40),
		InputSchema: []byte(`{"type":"object","properties":{"zone":{},"day":{"type":"string"}},"required":["day"]}`),
		ReadOnly:    true, Idempotent: true,
	}
	if err := h.store.SaveServer(t.Context(), h.local.NamespaceID, "calendar", "stdio", []ordinaut.Action{calendar}, nil); err != nil {
		t.Fatal(err)
	}
	r := v.must(t, "list_actions", object{"query": "DAY calendar"})
	if len(r.content["actions"].([]any)) != 1 {
		t.Fatalf("found %s", r.raw)
	}
	action := r.at(t, "actions", 0).(object)
	if action["name"] != "calendar.list_events" || action["inputs"] != "day*, zone" || action["effects"] != "read_only" ||
		action["input_schema"] != nil || len(action["description"].(string)) > 200 {
		t.Errorf("brief action: %v", action)
	}
	if r.at(t, "servers", 0, "state") != "ready" {
		t.Errorf("servers: %v", r.at(t, "servers"))
	}
	r = v.must(t, "list_actions", object{"name": "calendar.list_events"})
	if r.at(t, "actions", 0, "description") != calendar.Description || r.at(t, "actions", 0, "input_schema", "required", 0) != "day" {
		t.Errorf("full action: %s", r.raw)
	}
	r = v.must(t, "list_actions", nil)
	if n := len(r.content["actions"].([]any)); n < 5 {
		t.Errorf("the catalogue has %d actions, want the built-in ones and calendar's", n)
	}
}

// Status tells of what is live, and of what is wrong.
func TestGetStatus(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	id := v.newTask(t, manual("One"))
	v.newRun(t, id)
	r := v.must(t, "get_status", nil)
	if r.at(t, "healthy") != true || r.at(t, "runs", "queued") != 1.0 || r.at(t, "tasks", "active") != 1.0 ||
		r.at(t, "versions", "ordinaut") != "1.2.3" || r.at(t, "versions", "tz") != "2026f" || r.at(t, "versions", "schema") == 0.0 {
		t.Errorf("status: %s", r.raw)
	}
	down := ordinaut.Errorf(ordinaut.CodeUnavailable, "connection refused")
	if err := h.store.SaveServer(t.Context(), h.local.NamespaceID, "calendar", "stdio", nil, down); err != nil {
		t.Fatal(err)
	}
	r = v.must(t, "get_status", nil)
	if want := []any{"server calendar is unavailable"}; r.at(t, "healthy") != false || cmp.Diff(want, r.at(t, "problems")) != "" {
		t.Errorf("status with a server down: %s", r.raw)
	}
	late := problemsOf(store.Status{Overdue: 2, OldestReady: time.Minute}, nil)
	want := []string{
		"2 schedules are overdue: no process with the scheduler role looks at them",
		"a run has been ready for 60 s: no process with the worker role is free",
	}
	if diff := cmp.Diff(want, late); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
