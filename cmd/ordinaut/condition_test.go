package main

import (
	"maps"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut/store/storetest"
)

// A worker killed in a probe loses nothing: another looks again, the condition gets one verdict, and what it
// starts, once, is told what was found. All processes of the plant are started anew in between.
func TestAProbeSurvivesItsWorker(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	scheduler := p.serve("api,scheduler")
	s := p.dial(scheduler, "")
	var made struct{ Task struct{ ID string } }
	s.must(t, "create_task", map[string]any{
		"title": "watch",
		"schedule": map[string]any{"kind": "condition", "max_runs": 1, "condition": map[string]any{
			"every": "10s", "when": "contains(body, 'true')",
			"probe": map[string]any{"uses": "http.request", "with": map[string]any{"url": p.web.URL + "/held"}},
		}},
		"pipeline": []map[string]any{{"id": "tell", "uses": "data.transform", "with": map[string]any{"expression": "@", "input": "${event}"}}},
	}, &made)
	task := made.Task.ID
	probes := func() []demoRun { return runs(t, s, map[string]any{"task_id": task, "kinds": []string{"probe"}}) }

	first := p.serve("worker")
	p.makeDue(t, task)
	eventually(t, "the probe is under way", func() bool {
		live := probes()
		return len(live) == 1 && p.web.count(live[0].ID+"/probe") == 1
	})
	probe := probes()[0].ID
	first.kill()
	scheduler.kill()
	p.web.release()
	s = p.dial(p.serve("api,scheduler"), "")
	p.serve("worker")
	eventually(t, "what it starts has ended", func() bool {
		return len(runs(t, s, map[string]any{"task_id": task, "states": []string{"succeeded"}})) == 1
	})
	if got := getRun(t, s, probe); got.State != "succeeded" || got.Attempt != 2 {
		t.Errorf("the probe is %s at attempt %d", got.State, got.Attempt)
	}
	if got, want := p.web.calls(), map[string]int{probe + "/probe": 2}; !maps.Equal(got, want) {
		t.Errorf("calls by key: %v, want %v", got, want)
	}
	var got struct{ Task struct{ State, Note string } }
	s.must(t, "get_task", map[string]any{"task_id": task}, &got)
	if got.Task.State != "finished" || got.Task.Note == "" {
		t.Errorf("after max_runs the task is %+v", got.Task)
	}
}

// makeDue lets the task be due at once.
func (p *plant) makeDue(t *testing.T, task string) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	const due = `UPDATE task SET next_at = clock_timestamp(), due_at = clock_timestamp() WHERE id = replace($1, 'task_', '')::uuid`
	tag, err := db.Exec(t.Context(), due, task)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%d tasks made due: %v", tag.RowsAffected(), err)
	}
}
