package scheduler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// newDispatcher returns a dispatcher over dispatch, whose expressions are those of pipelines.
func newDispatcher(t *testing.T, dispatch scheduler.DispatchFunc, wake <-chan struct{}, batch int) *scheduler.Dispatcher {
	t.Helper()
	language := pipeline.New(nil)
	d, err := scheduler.NewDispatcher(scheduler.DispatcherConfig{
		Dispatch: dispatch, Wake: wake, Batch: batch,
		Compile: func(source string) (scheduler.Expression, error) {
			x, err := language.Filter(source)
			if err != nil {
				return nil, err
			}
			return func(event map[string]any) (any, bool, error) {
				v, err := x.Search(event)
				return v, pipeline.Truthy(v), err
			}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// startDispatcher runs a dispatcher over s until stop is called.
func startDispatcher(t *testing.T, s *store.Store, batch int) (stop func()) {
	t.Helper()
	wake, unsubscribe := s.Subscribe(store.WakeEvent)
	d := newDispatcher(t, s.Dispatch, wake, batch)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return func() {
		cancel()
		unsubscribe()
		if err := <-ended; err != nil {
			t.Errorf("the dispatcher ended with %v", err)
		}
	}
}

// onEvent stores a task that events of pattern start.
func onEvent(t *testing.T, s *store.Store, pattern string, change func(*ordinaut.Schedule)) ordinaut.Task {
	t.Helper()
	spec := storetest.Spec("on " + pattern)
	spec.Schedule = ordinaut.Schedule{Kind: ordinaut.ScheduleEvent, Expr: pattern, Rules: &ordinaut.Rules{Event: &ordinaut.EventTrigger{}}}
	if change != nil {
		change(&spec.Schedule)
	}
	var err error
	if _, spec.Schedule, err = scheduler.Parse(spec.Schedule, time.Now()); err != nil {
		t.Fatal(err)
	}
	task := storetest.Task(t, s, spec)
	if task.State != ordinaut.TaskActive {
		t.Fatalf("the task is %s", task.State)
	}
	return task
}

func publish(t *testing.T, s *store.Store, topic string, payload any) ordinaut.Event {
	t.Helper()
	doc, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	event, err := s.PublishEvent(t.Context(), storetest.Call(t, s, "publish_event"), ordinaut.Event{Topic: topic, Payload: doc})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// fates returns what became of the task's events, oldest first, once there are n.
func fates(t *testing.T, s *store.Store, task ordinaut.Task, n int) []string {
	t.Helper()
	waitForRows(t, s, []ordinaut.Task{task}, n)
	var all []string
	for _, o := range ledger(t, s, task) {
		if o.Kind != ordinaut.RunEvent || o.EventID.IsZero() {
			t.Errorf("a row of kind %s for %s", o.Kind, o.EventID)
		}
		all = append(all, fmt.Sprintf("%s(%s)", o.Fate, o.Reason))
	}
	return all
}

// Law: two schedulers, one of which is stopped and started in between, start each matching task exactly
// once for each event.
func TestEachEventStartsEachTaskOnce(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	one, two := storetest.StoreOn(t, pool, store.Config{}), storetest.StoreOn(t, pool, store.Config{})
	tasks := map[string]ordinaut.Task{}
	for _, pattern := range []string{"email.*", "email.received", "**", "other.*"} {
		tasks[pattern] = onEvent(t, one, pattern, nil)
	}
	stopOne, stopTwo := startDispatcher(t, one, 3), startDispatcher(t, two, 2)
	const events = 60
	want := map[ordinaut.EventID]bool{}
	for i := range events {
		want[publish(t, one, "email.received", map[string]any{"n": i}).ID] = true
		if i == events/3 {
			stopOne()
		}
		if i == 2*events/3 {
			stopOne = startDispatcher(t, one, 100)
		}
	}
	for pattern, task := range tasks {
		n := events
		if pattern == "other.*" {
			n = 0
		}
		waitForRows(t, one, []ordinaut.Task{task}, n)
	}
	stopOne()
	stopTwo()
	var left int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM event_queue`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d events are queued still, error %v", left, err)
	}
	for pattern, task := range tasks {
		runs, err := one.ListRuns(t.Context(), task.NamespaceID, store.RunFilter{TaskID: task.ID, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		started := map[ordinaut.EventID]bool{}
		for _, run := range runs {
			if run.Kind != ordinaut.RunEvent || started[run.EventID] {
				t.Errorf("%s: a run of kind %s, or a second one, for %s", pattern, run.Kind, run.EventID)
			}
			started[run.EventID] = true
		}
		if pattern == "other.*" {
			if len(started) != 0 {
				t.Errorf("%s was started", pattern)
			}
		} else if diff := cmp.Diff(want, started); diff != "" {
			t.Errorf("%s was started for (-want +got)\n%s", pattern, diff)
		}
	}
	storetest.Upheld(t, one, scheduler.NewAuditor("").Audit)
}

// Law: a scheduler that dies between its decision and its commit has passed nothing on; the next one passes
// the same events on once.
func TestADispatchThatDiesHasDoneNothing(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := onEvent(t, s, "a", func(sc *ordinaut.Schedule) { sc.Rules.Event.DedupeBy = "payload" })
	event := publish(t, s, "a", 1)
	other := storetest.Pool(t, pool.Config().ConnString())
	dead := func(ctx context.Context, limit int, judge func(time.Time, []ordinaut.EventTask), decide func(time.Time, []ordinaut.EventTask) []ordinaut.EventDecision) (ordinaut.DispatchResult, error) {
		result, err := s.Dispatch(ctx, limit, judge, func(now time.Time, tasks []ordinaut.EventTask) []ordinaut.EventDecision {
			decisions := decide(now, tasks)
			const kill = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`
			var killed int
			if err := other.QueryRow(ctx, kill).Scan(&killed); err != nil || killed != 1 || len(decisions) != 1 {
				t.Errorf("%d transactions were killed over %d decisions, error %v", killed, len(decisions), err)
			}
			return decisions
		})
		if err == nil {
			t.Error("the dispatch whose transaction was killed went well")
		}
		return result, ordinaut.Errorf(ordinaut.CodeUnavailable, "stop")
	}
	ctx, cancel := context.WithCancel(t.Context())
	once := func(c context.Context, limit int, judge func(time.Time, []ordinaut.EventTask), decide func(time.Time, []ordinaut.EventTask) []ordinaut.EventDecision) (ordinaut.DispatchResult, error) {
		defer cancel()
		return dead(c, limit, judge, decide)
	}
	if err := newDispatcher(t, once, nil, 10).Run(ctx); err != nil {
		t.Fatal(err)
	}
	if rows := ledger(t, s, task); len(rows) != 0 {
		t.Errorf("%d rows were written", len(rows))
	}
	defer startDispatcher(t, s, 10)()
	if got := fates(t, s, task, 1); got[0] != "started()" || ledger(t, s, task)[0].EventID != event.ID {
		t.Errorf("then it was %v", got)
	}
}

// Law: filters, repetitions, pauses, loops and windows give each event its fate and its reason.
func TestEventsMeetTheirFates(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	filtered := onEvent(t, s, "order", func(sc *ordinaut.Schedule) { sc.Rules.Event.Filter = "payload.amount > `100` && source == 'tool'" })
	broken := onEvent(t, s, "order", func(sc *ordinaut.Schedule) {
		sc.Rules.Event.Filter = "payload.amount > `10` && length(payload.amount) > `1`"
	})
	deduped := onEvent(t, s, "order", func(sc *ordinaut.Schedule) { sc.Rules.Event.DedupeBy = "payload.id" })
	limited := onEvent(t, s, "order", func(sc *ordinaut.Schedule) { sc.MaxRuns = 2 })
	paused := onEvent(t, s, "order", nil)
	if _, err := s.PauseTask(t.Context(), storetest.Call(t, s, "pause_task"), paused.ID, "later", nil); err != nil {
		t.Fatal(err)
	}
	future := onEvent(t, s, "order", func(sc *ordinaut.Schedule) { at := time.Now().Add(time.Hour); sc.StartsAt = &at })
	defer startDispatcher(t, s, 10)()
	for _, e := range []map[string]any{{"amount": 5, "id": "x"}, {"amount": 500, "id": "y"}, {"amount": 600, "id": "x"}, {"amount": 7}} {
		publish(t, s, "order", e)
	}
	for name, c := range map[string]struct {
		task ordinaut.Task
		want []string
	}{
		"filter":       {filtered, []string{"started()", "started()"}},
		"filter error": {broken, []string{"skipped(filter_error)", "skipped(filter_error)"}},
		"dedupe_by":    {deduped, []string{"started()", "started()", "skipped(deduplicated)", "started()"}},
		"max_runs":     {limited, []string{"started()", "started()"}},
		"paused":       {paused, []string{"skipped(paused)", "skipped(paused)", "skipped(paused)", "skipped(paused)"}},
		"starts_at":    {future, nil},
	} {
		if diff := cmp.Diff(c.want, fates(t, s, c.task, len(c.want))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if task, err := s.GetTask(t.Context(), limited.NamespaceID, limited.ID); err != nil || task.State != ordinaut.TaskFinished {
		t.Errorf("a task that has had its runs is %s, error %v", task.State, err)
	}
}

// Law: a burst of events starts one run, for its latest, when it is over; a scheduler that is not the one
// that saw the burst may start it.
func TestABurstStartsOnce(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := onEvent(t, s, "burst", func(sc *ordinaut.Schedule) { sc.Rules.Event.DebounceSeconds = 3600 })
	stop := startDispatcher(t, s, 10)
	publish(t, s, "burst", 1)
	publish(t, s, "burst", 2)
	last := publish(t, s, "burst", 3)
	if got := fates(t, s, task, 2); got[0] != "coalesced(debounced)" || got[1] != "coalesced(debounced)" {
		t.Errorf("the earlier ones were %v", got)
	}
	stop()
	// The hour passes.
	if tag, err := pool.Exec(t.Context(), `UPDATE debounce SET due_at = now()`); err != nil || tag.RowsAffected() != 1 {
		t.Fatal(tag, err)
	}
	defer startDispatcher(t, s, 10)()
	got := fates(t, s, task, 3)
	if rows := ledger(t, s, task); got[2] != "started()" || rows[2].EventID != last.ID {
		t.Errorf("then it was %v", got)
	}
}

// Law: events that runs publish which events started come to an end.
func TestTasksThatStartEachOtherComeToAnEnd(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task := onEvent(t, s, "echo", nil)
	defer startDispatcher(t, s, 10)()
	publish(t, s, "echo", nil)
	for hop := 1; hop <= ordinaut.MaxHops+1; hop++ {
		waitForRows(t, s, []ordinaut.Task{task}, hop)
		claimed, err := s.ClaimRuns(t.Context(), "w", time.Minute, 1)
		if err != nil || len(claimed) != 1 || claimed[0].EventID.IsZero() {
			t.Fatalf("hop %d: claimed %+v, error %v", hop, claimed, err)
		}
		echo := ordinaut.Event{ID: ordinaut.NewEventID(), Topic: "echo", At: time.Now()}
		rec := ordinaut.Record{Lease: claimed[0].Lease, Events: []ordinaut.Event{echo}, Outcome: &ordinaut.Outcome{State: ordinaut.RunSucceeded}}
		if _, err := s.Record(t.Context(), []ordinaut.Record{rec}); err != nil {
			t.Fatal(err)
		}
		if stored, err := s.GetEvent(t.Context(), task.NamespaceID, echo.ID); err != nil || stored.Hops != hop {
			t.Errorf("the event has %d hops, want %d; error %v", stored.Hops, hop, err)
		}
	}
	got := fates(t, s, task, ordinaut.MaxHops+2)
	if last := got[len(got)-1]; len(got) != ordinaut.MaxHops+2 || last != "skipped(event_loop)" {
		t.Errorf("the fates were %v", got)
	}
	storetest.Upheld(t, s, scheduler.NewAuditor("").Audit)
}
