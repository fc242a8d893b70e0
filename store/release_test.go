package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// buffering is a task that is due and buffers its runs.
func buffering(t *testing.T, s *store.Store) ordinaut.Task {
	t.Helper()
	spec := hourly("buffers")
	spec.Schedule.Overlap = ordinaut.OverlapBufferAll
	return must(s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), spec, in(-time.Minute)))(t)
}

// buffer ticks once: each due task starts n buffered runs. It returns them, oldest first.
func buffer(t *testing.T, s *store.Store, n int) []ordinaut.RunID {
	t.Helper()
	var runs []ordinaut.RunID
	got := must(s.Tick(t.Context(), 10, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		all := startAll(time.Hour)(now, due)
		for i := range all {
			all[i].Occurrences = nil
			for k := range n {
				id := ordinaut.NewRunID()
				runs = append(runs, id)
				all[i].Occurrences = append(all[i].Occurrences, ordinaut.Occurrence{
					NominalAt: due[i].NextAt.Add(time.Duration(k-n) * time.Hour), Fate: ordinaut.FateStarted, RunID: id, Buffered: true,
				})
			}
		}
		return all
	}))(t)
	if got.Runs != len(runs) || len(runs) == 0 {
		t.Fatalf("tick: %+v, want %d runs", got, n)
	}
	return runs
}

// bufferAll is startAll whose runs wait for their tasks' live ones.
func bufferAll(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
	all := startAll(time.Hour)(now, due)
	for i := range all {
		all[i].Occurrences[0].Buffered = true
	}
	return all
}

// onlyReady fails the test unless exactly this run is ready, and claims it.
func onlyReady(t *testing.T, s *store.Store, want ordinaut.RunID) ordinaut.Attempt {
	t.Helper()
	a := claimOne(t, s)
	if a.RunID != want {
		t.Fatalf("%s is ready, want %s", a.RunID, want)
	}
	return a
}

// Buffered runs show as waiting, start one at a time, oldest first, each as soon as the one before it has
// ended, however that ends; one that is canceled is passed over.
func TestBufferedRunsTakeTurns(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := buffering(t, s)
	storetest.Run(t, s, task)
	first := claimOne(t, s)
	runs := buffer(t, s, 7)
	if n := must(s.ReleaseRuns(t.Context(), 10))(t); n != 0 {
		t.Fatalf("%d runs were released beside a live one", n)
	}
	if got := must(s.GetRun(t.Context(), task.NamespaceID, runs[0]))(t); got.State != ordinaut.RunWaiting || got.WakesAt != nil {
		t.Errorf("buffered run = %+v", got)
	}
	wake, stop := s.Subscribe(store.WakeQueue)
	defer stop()
	drained(wake)
	record(t, s, ended(first))
	await(t, wake, "the release")

	asleep := onlyReady(t, s, runs[0])
	record(t, s, ordinaut.Record{Lease: asleep.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Seq: 3}})
	if n := must(s.ReleaseRuns(t.Context(), 10))(t); n != 0 {
		t.Errorf("%d runs were released while the first sleeps", n)
	}
	if n, _, err := s.WakeRuns(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("woke %d runs, %v, want the sleeper alone", n, err)
	}
	record(t, s, ordinaut.Record{Lease: onlyReady(t, s, runs[0]).Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunFailed, Reason: ordinaut.ReasonActionFailed}})

	cancel := func(id ordinaut.RunID) {
		t.Helper()
		must(s.CancelRun(t.Context(), storetest.Call(t, s, "cancel_run"), id))(t)
	}
	cancel(runs[2]) // while it waits
	held := onlyReady(t, s, runs[1])
	cancel(runs[1]) // while it is held
	record(t, s, ordinaut.Record{Lease: held.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunQueued}})
	cancel(runs[3]) // while it is queued
	for range 3 {
		dead := must(s.ClaimRuns(t.Context(), "dead", -time.Second, 10))(t)
		if len(dead) != 1 || dead[0].RunID != runs[4] {
			t.Fatalf("claimed %+v, want %s", dead, runs[4])
		}
		must(s.RescueRuns(t.Context(), 10))(t)
	}
	last := onlyReady(t, s, runs[5])
	record(t, s, ended(last))
	record(t, s, ended(onlyReady(t, s, runs[6])))
	if n := buffered(t, pool); n != 0 {
		t.Errorf("%d runs are still buffered", n)
	}
}

func buffered(t *testing.T, pool *pgxpool.Pool) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM wait WHERE buffered`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A run that is buffered when the run it was to wait for has just ended starts at once.
func TestTickReleasesWhatNothingHolds(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	buffering(t, s)
	runs := buffer(t, s, 2)
	onlyReady(t, s, runs[0])
}

// However many release at once, one run of a task is freed.
func TestReleasersNeverFreeTwo(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := buffering(t, s)
	storetest.Run(t, s, task)
	a := claimOne(t, s)
	const runs = 20
	buffer(t, s, runs)
	record(t, s, ended(a))
	for left := runs - 1; left >= 0; left-- {
		a := claimOne(t, s)
		if n := buffered(t, pool); n != left {
			t.Fatalf("%d runs are buffered, want %d", n, left)
		}
		// The lease goes as by a process that dies before it can release the next.
		if _, err := pool.Exec(t.Context(), `DELETE FROM lease WHERE run_id = $1`, [16]byte(a.RunID)); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		released := 0
		for range 6 {
			group.Go(func() {
				n, err := s.ReleaseRuns(t.Context(), 10)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				released += n
				mu.Unlock()
			})
		}
		group.Wait()
		if want := min(left, 1); released != want {
			t.Fatalf("%d runs were released, want %d", released, want)
		}
	}
}

// With cancel_running, what is queued or asleep ends at once and what is held by its worker, all as
// superseded; the new run starts when they have ended, and not before.
func TestCancelRunning(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	spec := hourly("restarts")
	spec.Schedule.Overlap = ordinaut.OverlapCancelRunning
	task := must(s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), spec, in(-time.Minute)))(t)
	other := storetest.Task(t, s, hourly("other"))
	kept := storetest.Run(t, s, other)
	onlyReady(t, s, kept.ID)
	asleep := storetest.Run(t, s, task)
	sleeper := claimOne(t, s)
	record(t, s, ordinaut.Record{Lease: sleeper.Lease, Steps: []ordinaut.StepResult{asks(&sleeper, "ok")}, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Seq: 3}})
	var held []ordinaut.Attempt
	for range 4 {
		storetest.Run(t, s, task)
		held = append(held, claimOne(t, s))
	}
	if _, err := pool.Exec(t.Context(), `UPDATE lease SET until = clock_timestamp() - interval '1 second' WHERE run_id = $1`, [16]byte(held[3].RunID)); err != nil {
		t.Fatal(err)
	}
	queued := storetest.Run(t, s, task)
	must(s.CancelRun(t.Context(), storetest.Call(t, s, "cancel_run"), held[2].RunID))(t)
	wake, stop := s.Subscribe(store.WakeCancel)
	defer stop()
	drained(wake)

	fresh := ordinaut.NewRunID()
	must(s.Tick(t.Context(), 10, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		all := startAll(time.Hour)(now, due)
		all[0].CancelRunning = true
		all[0].Occurrences[0].RunID, all[0].Occurrences[0].Buffered = fresh, true
		return all
	}))(t)
	await(t, wake, "the workers' being told")
	ends := func(id ordinaut.RunID, want ordinaut.Reason) {
		t.Helper()
		got := must(s.GetRun(t.Context(), task.NamespaceID, id))(t)
		if got.State != ordinaut.RunCanceled || got.Reason != want || got.FinishedAt == nil {
			t.Errorf("run = %+v, want canceled(%s)", got, want)
		}
	}
	ends(asleep.ID, ordinaut.ReasonSuperseded)
	if all := must(s.RunApprovals(t.Context(), task.NamespaceID, asleep.ID))(t); len(all) != 1 || all[0].Decision != ordinaut.DecisionClosed {
		t.Errorf("what the superseded run asked is %+v", all)
	}
	ends(queued.ID, ordinaut.ReasonSuperseded)
	if n := len(claimAll(t, s, 10)); n != 0 {
		t.Fatalf("%d runs are ready while others are still being canceled", n)
	}
	canceled := ordinaut.Outcome{State: ordinaut.RunCanceled, Reason: ordinaut.ReasonCanceled}
	record(t, s, ordinaut.Record{Lease: held[0].Lease, Outcome: &canceled})
	record(t, s, ordinaut.Record{Lease: held[1].Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunQueued}})
	record(t, s, ordinaut.Record{Lease: held[2].Lease, Outcome: &canceled})
	must(s.RescueRuns(t.Context(), 10))(t)
	ends(held[0].RunID, ordinaut.ReasonSuperseded)
	ends(held[1].RunID, ordinaut.ReasonSuperseded)
	ends(held[2].RunID, ordinaut.ReasonCanceled)
	ends(held[3].RunID, ordinaut.ReasonSuperseded)
	onlyReady(t, s, fresh)
	if got := must(s.GetRun(t.Context(), task.NamespaceID, kept.ID))(t); got.State != ordinaut.RunRunning {
		t.Errorf("the run of another task is %s", got.State)
	}
}

// A run that succeeds although it was told to stop has succeeded.
func TestSupersededTooLate(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := buffering(t, s)
	storetest.Run(t, s, task)
	a := claimOne(t, s)
	if _, err := pool.Exec(t.Context(), `UPDATE lease SET canceled = true, superseded = true`); err != nil {
		t.Fatal(err)
	}
	record(t, s, ended(a))
	if got := must(s.GetRun(t.Context(), task.NamespaceID, a.RunID))(t); got.State != ordinaut.RunSucceeded || got.Reason != "" {
		t.Errorf("run = %+v", got)
	}
}
