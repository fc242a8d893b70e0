package main

import (
	"maps"
	"testing"

	"github.com/ordinaut/ordinaut/store/storetest"
)

// A worker killed in the midst of a flow loses nothing: another goes on with the items that have no result,
// repeats only what was under way, and the flow's sleep holds nobody.
func TestAKilledWorkersFlowGoesOn(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	s := p.dial(p.serve("api,scheduler"), "")
	first := p.serve("worker")
	call := func(id, path string) map[string]any {
		return map[string]any{"id": id, "uses": "http.request", "with": map[string]any{"url": p.web.URL + path}}
	}
	nap := map[string]any{"id": "nap", "uses": "wait.sleep", "with": map[string]any{"seconds": 1}}
	var made struct {
		Task struct {
			ID    string
			Steps []string
		}
	}
	s.must(t, "create_task", map[string]any{"title": "rounds", "schedule": manual(), "params": map[string]any{"stops": []string{"/fast", "/held", "/fast"}}, "pipeline": []any{
		map[string]any{
			"id": "each", "uses": "flow.foreach", "with": map[string]any{"items": "${params.stops}"},
			"steps": []any{call("stop", "${item}"), nap},
		},
		map[string]any{"id": "both", "uses": "flow.parallel", "branches": map[string]any{"a": []any{call("left", "/fast")}, "b": []any{call("right", "/fast")}}},
		map[string]any{"id": "count", "uses": "data.assert", "with": map[string]any{"that": "${steps.each.succeeded == 3 && steps.left.status == 200}"}},
	}}, &made)
	if len(made.Task.Steps) != 3 || made.Task.Steps[0] != "each: flow.foreach (stop: http.request, nap: wait.sleep)" {
		t.Errorf("the task shows its steps as %q", made.Task.Steps)
	}
	run := runNow(t, s, made.Task.ID)
	eventually(t, "the second item is under way", func() bool { return p.web.count(run+"/each[1].stop") == 1 })
	first.kill()
	p.web.release()
	p.serve("worker")
	eventually(t, "the run ends", func() bool { return getRun(t, s, run).State == "succeeded" })
	want := map[string]int{run + "/each[0].stop": 1, run + "/each[1].stop": 2, run + "/each[2].stop": 1, run + "/left": 1, run + "/right": 1}
	if got := p.web.calls(); !maps.Equal(got, want) {
		t.Errorf("calls by key: %v, want %v", got, want)
	}
	p.upheld()
}
