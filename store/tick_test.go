package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// startAll decides that everything due starts and is due again after every.
func startAll(every time.Duration) func(time.Time, []ordinaut.DueTask) []ordinaut.Decision {
	return func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		all := make([]ordinaut.Decision, len(due))
		for i, d := range due {
			next := now.Add(every)
			all[i] = ordinaut.Decision{TaskID: d.TaskID, NextAt: &next, DueAt: &next, Occurrences: []ordinaut.Occurrence{{
				NominalAt: *d.NextAt, LastAt: *d.NextAt, Count: 1, Kind: ordinaut.RunScheduled,
				Fate: ordinaut.FateStarted, RunID: ordinaut.NewRunID(),
			}}}
		}
		return all
	}
}

// However many schedulers tick at once, each nominal time becomes one occurrence and one run.
func TestTickOnce(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	const tasks = 120
	for i := range tasks {
		must(s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), hourly(fmt.Sprint(i)), in(-time.Minute)))(t)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	due, runs := 0, 0
	for range 4 {
		group.Go(func() {
			for range 20 {
				got, err := s.Tick(t.Context(), 25, startAll(time.Hour))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				due, runs = due+got.Due, runs+got.Runs
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if due != tasks || runs != tasks {
		t.Errorf("%d due, %d runs, want %d of both", due, runs, tasks)
	}
	var occurrences, queued, distinct int
	const count = `SELECT (SELECT count(*) FROM occurrence), (SELECT count(*) FROM queue), (SELECT count(DISTINCT task_id) FROM run WHERE kind = 'schedule')`
	if err := pool.QueryRow(t.Context(), count).Scan(&occurrences, &queued, &distinct); err != nil {
		t.Fatal(err)
	}
	if occurrences != tasks || queued != tasks || distinct != tasks {
		t.Errorf("%d occurrences, %d queued, %d tasks with a run, want %d of each", occurrences, queued, distinct, tasks)
	}
}

// A nominal time that is in the ledger already gets no second run.
func TestTickIsIdempotent(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := must(s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), hourly("again"), in(-time.Minute)))(t)
	if got := must(s.Tick(t.Context(), 10, startAll(time.Hour)))(t); got.Runs != 1 {
		t.Fatalf("first tick: %+v", got)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE task SET next_at = $1, due_at = $1`, task.NextAt); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Tick(t.Context(), 10, startAll(time.Hour)))(t); got.Due != 1 || got.Runs != 0 {
		t.Errorf("second tick of one nominal time: %+v, want no run", got)
	}
	if n := len(claimAll(t, s, 10)); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

// A task that does not allow overlap is busy while its run is queued, held or asleep, and only then;
// one that does never is.
func TestTickSeesBusyTasks(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "create_task")
	skip := must(s.CreateTask(t.Context(), call, hourly("skip"), in(-time.Minute)))(t)
	spec := hourly("allow")
	spec.Schedule.Overlap = ordinaut.OverlapAllow
	must(s.CreateTask(t.Context(), call, spec, in(-time.Minute)))(t)
	other := storetest.Task(t, s, hourly("other"))
	storetest.Run(t, s, other)

	tick := func(state string, want bool) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), `UPDATE task SET due_at = next_at WHERE due_at IS NOT NULL`); err != nil {
			t.Fatal(err)
		}
		got := must(s.Tick(t.Context(), 10, func(_ time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
			var all []ordinaut.Decision
			for _, d := range due {
				if busy := want && d.TaskID == skip.ID; d.Busy != busy {
					t.Errorf("%s: task with overlap %s is busy = %v", state, d.Overlap, d.Busy)
				}
				if d.Kind != ordinaut.ScheduleInterval || d.Expr != "1h" {
					t.Errorf("due task = %+v", d)
				}
				all = append(all, ordinaut.Decision{TaskID: d.TaskID, NextAt: d.NextAt, DueAt: &d.DueAt})
			}
			return all
		}))(t)
		if got.Due != 2 || got.Runs != 0 {
			t.Errorf("%s: %+v, want 2 due", state, got)
		}
	}
	tick("idle", false)
	run := storetest.Run(t, s, skip)
	tick("queued", true)
	var a ordinaut.Attempt
	for _, each := range claimAll(t, s, 10) {
		if each.RunID == run.ID {
			a = each
		}
	}
	tick("running", true)
	record(t, s, ordinaut.Record{Lease: a.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Seq: 3}})
	tick("waiting", true)
	if n, _, err := s.WakeRuns(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("woke %d, error %v", n, err)
	}
	tick("queued again", true)
	record(t, s, ended(claimOne(t, s)))
	tick("ended", false)
}

// A schedule without a further time is finished; the next look is at the earliest due time that is
// left; what could not be taken at once is looked for at once.
func TestTickNext(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	call := storetest.Call(t, s, "create_task")
	if got := must(s.Tick(t.Context(), 10, nothingDue(t)))(t); got.Next != time.Hour {
		t.Errorf("nothing at all: next in %v, want an hour", got.Next)
	}
	last := must(s.CreateTask(t.Context(), call, hourly("last"), in(-time.Minute)))(t)
	must(s.CreateTask(t.Context(), call, hourly("later"), in(10*time.Minute)))(t)
	exhaust := func(_ time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		return []ordinaut.Decision{{TaskID: due[0].TaskID}}
	}
	if got := must(s.Tick(t.Context(), 1, exhaust))(t); got.Due != 1 || got.Next != 0 {
		t.Errorf("a full batch: %+v, want to look again at once", got)
	}
	if got := must(s.Tick(t.Context(), 1, nothingDue(t)))(t); got.Next < 9*time.Minute || got.Next > 10*time.Minute {
		t.Errorf("next in %v, want just under ten minutes", got.Next)
	}
	if got := must(s.GetTask(t.Context(), last.NamespaceID, last.ID))(t); got.State != ordinaut.TaskFinished || got.NextAt != nil {
		t.Errorf("exhausted task = %+v", got)
	}
}

// A decide that leaves out a task changes nothing.
func TestTickWantsEveryDecision(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	call := storetest.Call(t, s, "create_task")
	for _, title := range []string{"a", "b"} {
		must(s.CreateTask(t.Context(), call, hourly(title), in(-time.Minute)))(t)
	}
	_, err := s.Tick(t.Context(), 10, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		return startAll(time.Hour)(now, due[:1])
	})
	if err == nil {
		t.Error("a decision was missing, and nobody said so")
	}
	if n := len(claimAll(t, s, 10)); n != 0 {
		t.Errorf("%d runs were queued", n)
	}
}

// A decision that changes nothing leaves no trace: neither an audit row nor a newer row of the task,
// however often the task is looked at. It stays due, and what is decided beside it lands.
func TestTickLeavesTheUndecidedAlone(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "create_task")
	odd := must(s.CreateTask(t.Context(), call, hourly("odd"), in(-time.Minute)))(t)
	must(s.CreateTask(t.Context(), call, hourly("plain"), in(-time.Minute)))(t)
	leaveOdd := func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		all := startAll(time.Hour)(now, due)
		for i, d := range due {
			if d.TaskID == odd.ID {
				all[i] = ordinaut.Decision{TaskID: d.TaskID, NextAt: d.NextAt, DueAt: &d.DueAt}
			}
		}
		return all
	}
	look := func() (ticks int, version string) {
		const trace = `SELECT (SELECT count(*) FROM audit WHERE action = 'tick'), (SELECT xmin::text FROM task WHERE id = $1)`
		if err := pool.QueryRow(t.Context(), trace, [16]byte(odd.ID)).Scan(&ticks, &version); err != nil {
			t.Fatal(err)
		}
		return ticks, version
	}
	_, before := look()
	if got := must(s.Tick(t.Context(), 10, leaveOdd))(t); got.Due != 2 || got.Runs != 1 {
		t.Errorf("first tick: %+v, want two due and one run", got)
	}
	for range 3 {
		if got := must(s.Tick(t.Context(), 10, leaveOdd))(t); got.Due != 1 || got.Runs != 0 {
			t.Errorf("later tick: %+v, want the undecided task due", got)
		}
	}
	if ticks, after := look(); ticks != 1 || after != before {
		t.Errorf("%d audit rows of ticks, want 1; the task's row was written: %v", ticks, after != before)
	}
}

// Law: a burst that fills a batch leaves room for what became due after it.
func TestTickKeepsRoomBesideABurst(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	for range 12 {
		storetest.Task(t, s, storetest.Spec("burst"))
	}
	late := storetest.Task(t, s, storetest.Spec("late"))
	const set = `UPDATE task SET state = 'active', next_at = now() - $2::interval, due_at = now() - $2::interval WHERE title = $1`
	for title, ago := range map[string]time.Duration{"burst": time.Minute, "late": time.Second} {
		if _, err := pool.Exec(t.Context(), set, title, ago); err != nil {
			t.Fatal(err)
		}
	}
	found := false
	result := must(s.Tick(t.Context(), 10, func(_ time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		all := make([]ordinaut.Decision, len(due))
		for i, d := range due {
			found = found || d.TaskID == late.ID
			all[i] = ordinaut.Decision{TaskID: d.TaskID, NextAt: d.NextAt, DueAt: &d.DueAt}
		}
		return all
	}))(t)
	if !found || result.Due != 9 || result.Next != 0 {
		t.Errorf("tick took the late task: %t, %d tasks, next look in %v; want it among 9, and the next look at once", found, result.Due, result.Next)
	}
}
