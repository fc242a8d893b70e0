package mcp

import (
	"context"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

// events passes published events on until the task's ledger has n rows.
func (h *house) events(t *testing.T, task string, n int) {
	t.Helper()
	id, err := ordinaut.ParseTaskID(task)
	if err != nil {
		t.Fatal(err)
	}
	language := pipeline.New(nil)
	wake, unsubscribe := h.store.Subscribe(store.WakeEvent)
	defer unsubscribe()
	d, err := scheduler.NewDispatcher(scheduler.DispatcherConfig{
		Dispatch: h.store.Dispatch, Wake: wake,
		Compile: func(source string) (scheduler.Expression, error) {
			x, err := language.Filter(source)
			if err != nil {
				return nil, err
			}
			return func(event map[string]any) (any, bool, error) {
				found, err := x.Search(event)
				return found, pipeline.Truthy(found), err
			}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() { stop(); <-ended }()
	deadline := time.After(testLimit)
	for {
		rows, err := h.store.ListOccurrences(t.Context(), h.local.NamespaceID, id, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) >= n {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d rows of %d", len(rows), n)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// onEvent makes a task that events start.
func onEvent(t *testing.T, v *visitor, event object) string {
	t.Helper()
	args := manual("On mail")
	args["schedule"] = object{"kind": "event", "expr": "mail", "event": event}
	return v.newTask(t, args)
}

func publishMail(t *testing.T, v *visitor, payload object) {
	t.Helper()
	v.must(t, "publish_event", object{"topic": "mail", "payload": payload})
}

// explainedEvents are the verdicts on events that started nothing.
func explainedEvents() []explained {
	return []explained{
		{
			name: "deduplicated", verdict: ordinaut.ReasonDeduplicated.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := onEvent(t, v, object{"dedupe_by": "payload.id"})
				publishMail(t, v, object{"id": "x"})
				publishMail(t, v, object{"id": "x"})
				h.events(t, task, 2)
				return about(task)
			},
			sentence: `An event came at AT but started nothing, because an earlier event with the same value of dedupe_by had started it\.`,
			evidence: []string{"skipped (deduplicated)"},
		},
		{
			name: "debounced", verdict: ordinaut.ReasonDebounced.Verdict(),
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := onEvent(t, v, object{"debounce_seconds": 1})
				publishMail(t, v, object{"id": "x"})
				publishMail(t, v, object{"id": "y"})
				h.events(t, task, 2)
				var first time.Time
				if err := h.pool.QueryRow(t.Context(), `SELECT nominal_at FROM occurrence WHERE reason = 'debounced'`).Scan(&first); err != nil {
					t.Fatal(err)
				}
				return object{"task_id": task, "since": stamp(first.Add(-time.Minute)), "until": first.Format(time.RFC3339Nano)}
			},
			sentence: `An event came at AT but started nothing, because it was one of a burst, and a later event of that stood in for it\.`,
			evidence: []string{"coalesced (debounced)"},
		},
		{
			name: "event_loop", verdict: ordinaut.ReasonEventLoop.Verdict(), fix: "run_now",
			cause: func(t *testing.T, h *house, v *visitor) object {
				h.work(t)
				args := manual("Answers itself")
				args["schedule"] = object{"kind": "event", "expr": "mail"}
				args["pipeline"] = []object{{"id": "answer", "uses": "event.publish", "with": object{"topic": "mail", "payload": object{"id": "x"}}}}
				task := v.newTask(t, args)
				publishMail(t, v, object{"id": "x"})
				h.events(t, task, 10) // one from outside, eight that are let on, one that is not
				return about(task)
			},
			sentence: `An event came at AT but started nothing, because the event came of runs that events had started, too many in a row\.`,
			evidence: []string{"skipped (event_loop)"},
		},
		{
			name: "filter_error", verdict: ordinaut.ReasonFilterError.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := onEvent(t, v, object{"filter": "length(payload.amount) > `1`"})
				publishMail(t, v, object{"amount": 5})
				h.events(t, task, 1)
				return about(task)
			},
			sentence: `An event came at AT but started nothing, because the schedule's filter or dedupe_by could not be evaluated for it\.`,
			evidence: []string{"skipped (filter_error)"},
		},
		{
			name: "not_due, no event", verdict: ordinaut.VerdictNotDue,
			cause:    func(t *testing.T, _ *house, v *visitor) object { return about(onEvent(t, v, object{})) },
			sentence: `Nothing that could start it came about AT: it runs when an event of the topic mail is published\.`,
		},
	}
}
