package main

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut/store/storetest"
	"github.com/ordinaut/ordinaut/store/stream"
)

// What another program puts into the namespace's inbox starts the tasks it matches, once for one id, on a
// run that sees it; one that is sent twice, with two processes reading, starts nothing more.
func TestTheInboxStartsTasks(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	s := p.dial(p.serve("api,scheduler,worker"), "")
	p.serve("scheduler")
	var made struct{ Task struct{ ID string } }
	s.must(t, "create_task", map[string]any{
		"title": "letters", "schedule": map[string]any{"kind": "event", "expr": "letter.**"},
		"pipeline": []map[string]any{{"id": "say", "uses": "data.transform", "with": map[string]any{
			"input": "${event.source}: ${event.payload.text}", "expression": "@",
		}}},
	}, &made)
	c, err := stream.Open(p.redisURL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, id := range []string{"one", "one", "two"} {
		values := []string{"topic", "letter.came", "id", id, "payload", `{"text":"` + id + `"}`}
		if err := c.XAdd(t.Context(), &redis.XAddArgs{Stream: "ordinaut:default:inbox", Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	var done []demoRun
	eventually(t, "two runs succeed", func() bool {
		done = runs(t, s, map[string]any{"task_id": made.Task.ID, "states": []string{"succeeded"}})
		return len(done) >= 2 && c.XLen(t.Context(), "ordinaut:default:inbox").Val() == 0
	})
	if len(done) != 2 {
		t.Errorf("%d runs for two letters", len(done))
	}
	said := map[string]bool{}
	for _, run := range done {
		var got struct {
			Run struct{ Output struct{ Result string } }
		}
		s.must(t, "get_run", map[string]any{"run_id": run.ID, "detail": "full"}, &got)
		said[got.Run.Output.Result] = true
	}
	if !said["inbox: one"] || !said["inbox: two"] {
		t.Errorf("the runs said %v", said)
	}
	p.upheld()
}
