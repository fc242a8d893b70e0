package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// patience is how long a test waits for what must come; it is no measure of speed.
const patience = 30 * time.Second

func await(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
}

// What one process does wakes the subscribers of another, of the right kind.
func TestWakeReachesOtherProcesses(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	here, there := storetest.StoreOn(t, pool, store.Config{}), storetest.StoreOn(t, pool, store.Config{})
	queue, stopQueue := there.Subscribe(store.WakeQueue)
	defer stopQueue()
	schedule, stopSchedule := there.Subscribe(store.WakeSchedule)
	defer stopSchedule()
	cancel, stopCancel := there.Subscribe(store.WakeCancel)
	defer stopCancel()
	task := storetest.Task(t, here, storetest.Spec("wake"))

	listening(t, here, queue, task)
	storetest.Run(t, here, task)
	await(t, queue, "a queued run")
	must(here.CreateTask(t.Context(), storetest.Call(t, here, "create_task"), hourly("due"), in(time.Hour)))(t)
	await(t, schedule, "a new due time")
	a := claimAll(t, there, 100)[0]
	drained(cancel)
	must(here.CancelRun(t.Context(), storetest.Call(t, here, "cancel_run"), a.RunID))(t)
	await(t, cancel, "a canceled run")
}

// listening queues runs until c was poked twice: once for the start of listening, once for a run.
func listening(t *testing.T, s *store.Store, c <-chan struct{}, task ordinaut.Task) {
	t.Helper()
	await(t, c, "the start of listening")
	storetest.Run(t, s, task)
	await(t, c, "the first run")
}

// A subscriber that comes before listening began is poked when it begins: what was told in between is
// found by looking, so nothing is missed between LISTEN and the first look.
func TestListenThenLook(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := must(store.New(store.Config{Pool: pool}))(t)
	queue, stop := s.Subscribe(store.WakeQueue)
	defer stop()
	select {
	case <-queue:
		t.Fatal("poked before anything happened")
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	await(t, queue, "the start of listening")
	var listeners int
	const count = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ordinaut listener'`
	if err := pool.QueryRow(t.Context(), count).Scan(&listeners); err != nil || listeners != 1 {
		t.Errorf("%d listening connections, error %v; want 1", listeners, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run returned %v after a clean stop", err)
	}
}

// A stopped subscription is poked no more, and does not hold up the others.
func TestSubscriptionEnds(t *testing.T) {
	t.Parallel()
	s := must(store.New(store.Config{Pool: storetest.Pool(t, storetest.DB(t))}))(t)
	ended, stop := s.Subscribe(store.WakeQueue)
	kept, stopKept := s.Subscribe(store.WakeQueue)
	defer stopKept()
	stop()
	task := storetest.Task(t, s, storetest.Spec("x"))
	storetest.Run(t, s, task)
	storetest.Run(t, s, task)
	await(t, kept, "a queued run")
	select {
	case <-ended:
		t.Error("an ended subscription was poked")
	case <-kept:
		t.Error("two pokes that nobody took were not one")
	default:
	}
}

// The time of sleepers comes by the database's clock, and they are claimed once.
func TestWakeRuns(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	if n, next, err := s.WakeRuns(t.Context(), 10); n != 0 || next != time.Hour || err != nil {
		t.Errorf("nobody sleeps: %d, %v, %v", n, next, err)
	}
	fill(t, s, 3)
	all := claimAll(t, s, 3)
	sleep := func(a ordinaut.Attempt, d time.Duration) ordinaut.Record {
		return ordinaut.Record{Lease: a.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: d, Seq: 3, Error: "asleep", Failed: true}}
	}
	record(t, s, sleep(all[0], 0), sleep(all[1], 0), sleep(all[2], 10*time.Minute))
	if n, next, err := s.WakeRuns(t.Context(), 1); n != 1 || next != 0 || err != nil {
		t.Errorf("a full batch: %d, %v, %v", n, next, err)
	}
	if n, next, err := s.WakeRuns(t.Context(), 10); n != 1 || next < 9*time.Minute || next > 10*time.Minute || err != nil {
		t.Errorf("the rest: %d, %v, %v", n, next, err)
	}
	again := claimAll(t, s, 10)
	if len(again) != 2 || again[0].Epoch != 2 || again[0].Failures != 1 || again[0].Seq != 4 {
		t.Errorf("attempts after sleeping: %+v", again)
	}
}

// A crash of the server in mid-use loses nothing that was acknowledged; calls during it say
// unavailable; afterwards the same store goes on, listening included.
func TestPostgresRestartHeals(t *testing.T) {
	t.Parallel()
	server := storetest.Postgres(t)
	pool := storetest.Pool(t, server.DSN("postgres"))
	if err := store.Migrate(t.Context(), pool, nil); err != nil {
		t.Fatal(err)
	}
	s := storetest.StoreOn(t, pool, store.Config{})
	task := storetest.Task(t, s, storetest.Spec("survivor"))
	run := storetest.Run(t, s, task)
	a := claimOne(t, s)
	record(t, s, ordinaut.Record{Lease: a.Lease, Steps: []ordinaut.StepResult{step("say", 3)}})
	call := storetest.Call(t, s, "run_now")

	server.Stop(t, "immediate")
	for range 20 { // each connection of the pool finds out for itself
		_, err := s.CreateRun(t.Context(), call, task.ID, nil)
		codeIs(t, err, ordinaut.CodeUnavailable)
		_, err = s.Record(t.Context(), []ordinaut.Record{ended(a)})
		codeIs(t, err, ordinaut.CodeUnavailable)
	}
	queue, stop := s.Subscribe(store.WakeQueue)
	defer stop()
	server.Start(t)
	await(t, queue, "the listener to be back")

	rec := ended(a)
	rec.Outcome.Seq = 4
	record(t, s, rec)
	if got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t); got.State != ordinaut.RunSucceeded || got.Seq != 4 {
		t.Errorf("run after the crash = %+v", got)
	}
}
