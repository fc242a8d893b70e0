package main

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/ordinaut/ordinaut/store/storetest"
)

// A question outlives everybody: the worker that asked and the process that showed it are killed, another of each
// is started, a person answers from a shell, and what was approved is done once.
func TestAQuestionOutlivesItsProcesses(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	front, worker := p.serve("api,scheduler"), p.serve("worker")
	s := p.dial(front, "")
	ask := map[string]any{"id": "ok", "uses": "approval.request", "with": map[string]any{
		"message": "Call ${item}?", "show": map[string]any{"path": "${item}"}, "editable": true,
	}}
	send := map[string]any{"id": "send", "uses": "http.request", "if": "steps.ok.approved", "with": map[string]any{"url": p.web.URL + "${steps.ok.input.path}"}}
	var made struct{ Task struct{ ID string } }
	s.must(t, "create_task", map[string]any{"title": "asks", "schedule": manual(), "pipeline": []any{
		map[string]any{
			"id": "each", "uses": "flow.foreach", "with": map[string]any{"items": []string{"/nowhere", "/fast"}, "concurrency": 2}, "steps": []any{ask, send},
		},
	}}, &made)
	run := runNow(t, s, made.Task.ID)
	open := func(s *session) map[string]string {
		var list struct{ Approvals []struct{ ID, Step string } }
		s.must(t, "list_approvals", nil, &list)
		byStep := map[string]string{}
		for _, a := range list.Approvals {
			byStep[a.Step] = a.ID
		}
		return byStep
	}
	eventually(t, "both items ask and the run waits", func() bool { return len(open(s)) == 2 && getRun(t, s, run).State == "waiting" })
	asked := open(s)
	worker.kill()
	front.kill()

	front = p.serve("api")
	s = p.dial(front, "")
	if again := open(s); !maps.Equal(again, asked) {
		t.Errorf("after the crash %v are open, before it %v", again, asked)
	}
	decide := func(step, decision, input string) {
		t.Helper()
		args, err := json.Marshal(map[string]any{"approval_id": asked[step], "decision": decision})
		if err != nil {
			t.Fatal(err)
		}
		if input != "" {
			args = append(args[:len(args)-1], `,"input":`+input+`}`...)
		}
		cmd := p.command("call", "--url", endpoint(front.addr), "decide_approval", string(args))
		if out, err := cmd.Output(); err != nil {
			t.Fatalf("call: %v\n%s", describe(err), out)
		}
	}
	decide("each[0].ok", "approve", `{"path": "/fast"}`) // while no worker is there
	eventually(t, "the run is ready", func() bool { return getRun(t, s, run).State == "queued" })
	worker = p.serve("worker")
	eventually(t, "the first item is done", func() bool { return p.web.count(run+"/each[0].send") == 1 })
	eventually(t, "the run waits for the other", func() bool { return getRun(t, s, run).State == "waiting" })
	worker.kill()
	p.serve("worker")
	decide("each[1].ok", "approve", "")
	eventually(t, "the run ends", func() bool { return getRun(t, s, run).State == "succeeded" })
	want := map[string]int{run + "/each[0].send": 1, run + "/each[1].send": 1}
	if got := p.web.calls(); !maps.Equal(got, want) {
		t.Errorf("calls by key: %v, want %v", got, want)
	}
	p.upheld()
}
