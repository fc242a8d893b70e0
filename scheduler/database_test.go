package scheduler_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// startScheduler runs a scheduler over a store of its own until stop is called.
func startScheduler(t *testing.T, s *store.Store, batch int) (stop func()) {
	t.Helper()
	wake, unsubscribe := s.Subscribe(store.WakeSchedule)
	loop, err := scheduler.New(scheduler.Config{
		Tick: s.Tick, Wake: wake, Batch: batch,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	return func() {
		cancel()
		unsubscribe()
		if err := <-ended; err != nil {
			t.Errorf("the scheduler ended with %v", err)
		}
	}
}

// Law: two schedulers on one database, one of which is stopped and started in between, double and lose
// no tick: each nominal time of each task is in the ledger once, each start has its one run.
func TestNoTickIsDoubledOrLost(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	one, two := storetest.StoreOn(t, pool, store.Config{}), storetest.StoreOn(t, pool, store.Config{})
	stopOne, stopTwo := startScheduler(t, one, 7), startScheduler(t, two, 5)
	var tasks []ordinaut.Task
	for _, expr := range slices.Repeat([]string{"PT1S", "2s", "* * * * * *", "*/2 * * * * *"}, 10) {
		tasks = append(tasks, createDue(t, one, expr))
	}
	waitForRows(t, one, tasks, 2)
	stopOne()
	waitForRows(t, one, tasks, 4)
	stopOne = startScheduler(t, one, 1000)
	waitForRows(t, one, tasks, 5)
	stopOne()
	stopTwo()
	for _, task := range tasks {
		checkLedger(t, one, task)
	}
	storetest.Upheld(t, one, scheduler.NewAuditor("").Audit)
}

// createDue makes a task that is due by expr, a duration or a cron expression, from now on.
func createDue(t *testing.T, s *store.Store, expr string) ordinaut.Task {
	t.Helper()
	spec := storetest.Spec(expr)
	spec.Schedule = ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: expr, Overlap: ordinaut.OverlapAllow}
	if _, err := time.ParseDuration(expr); err == nil || expr[0] == 'P' {
		spec.Schedule.Kind = ordinaut.ScheduleInterval
	}
	now := time.Now()
	plan, normalised, err := scheduler.Parse(spec.Schedule, now)
	if err != nil {
		t.Fatal(err)
	}
	spec.Schedule = normalised
	first, ok := plan.First(now)
	if !ok {
		t.Fatalf("%s is never due", expr)
	}
	task, err := s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), spec, &first)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// waitForRows waits until the ledger of each task has n rows.
func waitForRows(t *testing.T, s *store.Store, tasks []ordinaut.Task, n int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for _, task := range tasks {
		for len(ledger(t, s, task)) < n {
			if time.Now().After(deadline) {
				t.Fatalf("task %s has %d rows after a minute, want %d", task.Spec.Title, len(ledger(t, s, task)), n)
			}
			<-time.After(50 * time.Millisecond)
		}
	}
}

// ledger returns the rows of a task, the oldest first.
func ledger(t *testing.T, s *store.Store, task ordinaut.Task) []ordinaut.Occurrence {
	t.Helper()
	rows, err := s.ListOccurrences(t.Context(), task.NamespaceID, task.ID, 1000)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(rows)
	return rows
}

// checkLedger walks the task's schedule from its first time and expects each occurrence in one row.
func checkLedger(t *testing.T, s *store.Store, task ordinaut.Task) {
	t.Helper()
	plan, err := scheduler.Compile(task.Spec.Schedule)
	if err != nil {
		t.Fatal(err)
	}
	next, started := *task.NextAt, map[ordinaut.RunID]bool{}
	for _, row := range ledger(t, s, task) {
		if !row.NominalAt.Equal(next) {
			t.Fatalf("task %s: a row begins at %s, want %s", task.Spec.Title, row.NominalAt, next)
		}
		for i := range row.Count {
			if i == row.Count-1 && !row.LastAt.Equal(next) {
				t.Fatalf("task %s: a row of %d from %s ends at %s, want %s", task.Spec.Title, row.Count, row.NominalAt, row.LastAt, next)
			}
			next, _ = plan.Next(next)
		}
		if row.Fate == ordinaut.FateStarted {
			started[row.RunID] = true
		}
	}
	runs, err := s.ListRuns(t.Context(), task.NamespaceID, store.RunFilter{TaskID: task.ID, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != len(started) {
		t.Errorf("task %s: %d runs for %d starts", task.Spec.Title, len(runs), len(started))
	}
	for _, run := range runs {
		if !started[run.ID] {
			t.Errorf("task %s: run %s is in no row", task.Spec.Title, run.ID)
		}
	}
}
