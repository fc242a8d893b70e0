package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// The real store is the store that the executor asks for.
var _ Store = (*store.Store)(nil)

// onStore starts an executor over the real store, with what edit changes.
func onStore(t *testing.T, s *store.Store, worker string, servers Servers, edit func(*Config)) (stop func()) {
	t.Helper()
	wakeQueue, stopQueue := s.Subscribe(store.WakeQueue)
	wakeCancel, stopCancel := s.Subscribe(store.WakeCancel)
	cfg := Config{
		Store: s, Worker: worker, Slots: 50, Servers: servers, Log: slog.New(slog.DiscardHandler), Grace: 100 * time.Millisecond,
		WakeQueue: wakeQueue, WakeCancel: wakeCancel,
	}
	if edit != nil {
		edit(&cfg)
	}
	halt := start(t, cfg)
	return sync.OnceFunc(func() {
		halt()
		stopQueue()
		stopCancel()
	})
}

func spec(list ...ordinaut.Step) ordinaut.TaskSpec {
	s := storetest.Spec("law")
	s.Pipeline = list
	return s
}

// terminal waits for the run's end and checks that its progress has no gap.
func terminal(t *testing.T, s *store.Store, run ordinaut.Run) ordinaut.Run {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := s.GetRun(t.Context(), run.NamespaceID, run.ID)
		if err == nil && got.State.Terminal() {
			checkProgress(t, s, got)
			return got
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("run is %s, error %v", got.State, err)
		}
	}
}

func checkProgress(t *testing.T, s *store.Store, run ordinaut.Run) []ordinaut.Progress {
	t.Helper()
	entries, err := s.ListProgress(t.Context(), run.NamespaceID, run.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range entries {
		if p.Seq != int64(i+1) {
			t.Errorf("entry %d of run %s has number %d", i+1, run.ID, p.Seq)
			break
		}
	}
	if n := int64(len(entries)); n != run.Seq || n == 0 || entries[n-1].Type != ordinaut.ProgressFinished {
		t.Errorf("run %s has %d entries, wants %d, the last run.finished", run.ID, n, run.Seq)
	}
	return entries
}

// A pipeline with every way to wait goes through, on the real database, and leaves what it should.
func TestPipelineOnTheDatabase(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	flaky, _ := toolFails(ordinaut.ReasonActionFailed, 3)
	talk := func(_ context.Context, c downstream.Call) (json.RawMessage, error) {
		for i := range 5 {
			percent := float64(i * 20)
			c.OnProgress(&percent, "part\x00 "+fmt.Sprint(i))
		}
		return json.RawMessage(`{"said":"\u0000"}`), nil
	}
	defer onStore(t, s, "w1", tools{"s.flaky": flaky, "s.talk": talk}, nil)()
	def := spec(
		ordinaut.Step{ID: "talk", Uses: "s.talk"},
		ordinaut.Step{ID: "nap", Uses: "wait.sleep", With: map[string]any{"seconds": 0.05}},
		ordinaut.Step{ID: "never", Uses: "s.talk", If: "params.n > 5"},
		ordinaut.Step{ID: "flaky", Uses: "s.flaky", Retry: &ordinaut.Retry{MaxAttempts: 2, Backoff: ordinaut.BackoffFixed, InitialSeconds: 0.05}},
		ordinaut.Step{ID: "tell", Uses: "event.publish", With: map[string]any{"topic": "a.b", "payload": "${params}"}},
		ordinaut.Step{ID: "sum", Uses: "data.transform", With: map[string]any{"input": []any{"${params.n}", 2.0}, "expression": "sum(@)"}, Expect: "result == 5"},
	)
	def.Params = map[string]any{"n": 3.0}
	def.Retry = &ordinaut.Retry{MaxAttempts: 2, Backoff: ordinaut.BackoffFixed, InitialSeconds: 0.05}
	run := terminal(t, s, storetest.Run(t, s, storetest.Task(t, s, def)))
	if run.State != ordinaut.RunSucceeded || string(run.Output) != `{"result": 5}` {
		t.Errorf("ended %s(%s) %s with %s", run.State, run.Reason, run.Error, run.Output)
	}
	kinds := map[ordinaut.ProgressType]int{}
	for _, p := range checkProgress(t, s, run) {
		kinds[p.Type]++
	}
	// One nap, a retry of the step, one of the run, a retry of the step: four waits, five starts.
	want := map[ordinaut.ProgressType]int{"run.queued": 1, "run.started": 5, "run.waiting": 4, "progress": 5, "step.finished": 6, "run.finished": 1}
	for kind, n := range want {
		if kinds[kind] != n {
			t.Errorf("%d entries %s, want %d", kinds[kind], kind, n)
		}
	}
	results, err := s.ListSteps(t.Context(), run.NamespaceID, run.ID)
	if err != nil || len(results) != 6 {
		t.Errorf("%d results, error %v; want 6", len(results), err)
	}
	storetest.Upheld(t, s, scheduler.NewAuditor("").Audit)
}

// The task that tests store when any will do is one that succeeds.
func TestCommonTaskSucceeds(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	defer onStore(t, s, "w1", nil, nil)()
	run := terminal(t, s, storetest.Run(t, s, storetest.Task(t, s, storetest.Spec("common"))))
	if run.State != ordinaut.RunSucceeded || string(run.Output) != `{"result": "hello"}` {
		t.Errorf("ended %s(%s) %s with %s", run.State, run.Reason, run.Error, run.Output)
	}
}

// Two workers share a queue and call each step of each run once.
func TestTwoWorkersNeverCallAStepTwice(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	var calls sync.Map
	var doubled atomic.Int32
	pool := tools{"s.count": func(_ context.Context, c downstream.Call) (json.RawMessage, error) {
		if _, again := calls.LoadOrStore(c.IdempotencyKey, true); again {
			doubled.Add(1)
		}
		return json.RawMessage(`{}`), nil
	}}
	task := storetest.Task(t, s, spec(uses("a", "s.count"), uses("b", "s.count"), uses("c", "s.count")))
	var runs []ordinaut.Run
	for range 100 {
		runs = append(runs, storetest.Run(t, s, task))
	}
	defer onStore(t, s, "w1", pool, nil)()
	defer onStore(t, s, "w2", pool, nil)()
	for _, run := range runs {
		if got := terminal(t, s, run); got.State != ordinaut.RunSucceeded || got.Attempt != 1 {
			t.Errorf("ended %s at attempt %d, want succeeded at 1", got.State, got.Attempt)
		}
	}
	if doubled.Load() != 0 {
		t.Errorf("%d steps were called twice", doubled.Load())
	}
	storetest.Upheld(t, s, scheduler.NewAuditor("").Audit)
}

// cutOff is a store that a worker can no longer reach: what it wanted to write waits for the cable.
type cutOff struct {
	*store.Store
	cut atomic.Bool
}

func (c *cutOff) RenewLeases(ctx context.Context, worker string, ttl time.Duration, held []ordinaut.Lease) (lost, canceled []ordinaut.RunID, err error) {
	if c.cut.Load() {
		return nil, nil, errAway
	}
	return c.Store.RenewLeases(ctx, worker, ttl, held)
}

func (c *cutOff) Record(ctx context.Context, recs []ordinaut.Record) ([]ordinaut.RunID, error) {
	if c.cut.Load() {
		return nil, errAway
	}
	return c.Store.Record(ctx, recs)
}

func (c *cutOff) ClaimRuns(ctx context.Context, worker string, ttl time.Duration, limit int) ([]ordinaut.Attempt, error) {
	if c.cut.Load() {
		return nil, errAway
	}
	return c.Store.ClaimRuns(ctx, worker, ttl, limit)
}

// A worker that is cut off loses its run to another, which goes on from the last recorded step.
func TestCutOffWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	lost := &cutOff{Store: s}
	var firsts, seconds atomic.Int32
	reached := make(chan struct{})
	pool := tools{
		"s.first": func(context.Context, downstream.Call) (json.RawMessage, error) {
			firsts.Add(1)
			return json.RawMessage(`{}`), nil
		},
		"s.second": func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
			if seconds.Add(1) > 1 {
				return json.RawMessage(`{"by":"the other"}`), nil
			}
			lost.cut.Store(true)
			close(reached)
			<-ctx.Done() // its own clock tells it that the lease is over
			return nil, context.Cause(ctx)
		},
	}
	short := func(c *Config) { c.TTL, c.RescueEvery = time.Second, 100*time.Millisecond }
	defer onStore(t, s, "cut", pool, func(c *Config) { short(c); c.Store = lost })()
	run := storetest.Run(t, s, storetest.Task(t, s, spec(uses("a", "s.first"), uses("b", "s.second"))))
	<-reached
	defer onStore(t, s, "other", pool, short)()
	got := terminal(t, s, run)
	if got.State != ordinaut.RunSucceeded || got.Attempt != 2 || firsts.Load() != 1 || seconds.Load() != 2 {
		t.Errorf("ended %s at attempt %d; first step called %d times, second %d; want succeeded, 2, 1, 2", got.State, got.Attempt, firsts.Load(), seconds.Load())
	}
	storetest.Upheld(t, s, scheduler.NewAuditor("").Audit)
}

// cancel_run reaches the call in flight through the database.
func TestCancelRunReachesTheCall(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	tool, called := blocked(nil)
	defer onStore(t, s, "w1", tools{"s.block": tool}, nil)()
	run := storetest.Run(t, s, storetest.Task(t, s, spec(uses("a", "s.block"))))
	<-called
	if _, err := s.CancelRun(t.Context(), storetest.Call(t, s, "cancel_run"), run.ID); err != nil {
		t.Fatal(err)
	}
	if got := terminal(t, s, run); got.State != ordinaut.RunCanceled || got.Reason != ordinaut.ReasonCanceled {
		t.Errorf("ended %s(%s), want canceled", got.State, got.Reason)
	}
}

// Postgres that crashes and comes back in the middle of the load loses no run and records no step twice.
func TestPostgresCrashLosesNothing(t *testing.T) {
	t.Parallel()
	server := storetest.Postgres(t)
	dsn := server.DSN("postgres")
	pool := storetest.Pool(t, dsn)
	if err := store.Migrate(t.Context(), pool, nil); err != nil {
		t.Fatal(err)
	}
	s := storetest.StoreOn(t, pool, store.Config{})
	crash := make(chan struct{})
	var once sync.Once
	var calls atomic.Int32
	servers := tools{"s.slow": func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
		if calls.Add(1) > 100 {
			once.Do(func() { close(crash) })
		}
		sleep(ctx, 20*time.Millisecond)
		return json.RawMessage(`{}`), nil
	}}
	task := storetest.Task(t, s, spec(uses("a", "s.slow"), uses("b", "s.slow"), uses("c", "s.slow")))
	var runs []ordinaut.Run
	for range 100 {
		runs = append(runs, storetest.Run(t, s, task))
	}
	defer onStore(t, s, "w1", servers, func(c *Config) { c.TTL, c.RescueEvery = 3*time.Second, 200*time.Millisecond })()
	<-crash
	server.Stop(t, "immediate")
	server.Start(t)
	for _, run := range runs {
		if got := terminal(t, s, run); got.State != ordinaut.RunSucceeded {
			t.Errorf("ended %s(%s): %s, want succeeded", got.State, got.Reason, got.Error)
		}
	}
	storetest.Upheld(t, s, scheduler.NewAuditor("").Audit)
}
