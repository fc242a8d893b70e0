package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// A time is made up for once, however many ask at once; what the schedule started is left out unless all
// is asked for; the runs have their turns one after another and do not keep the schedule from starting.
func TestBackfillOnce(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "backfill_task")
	start := in(-10 * time.Hour)
	task := must(s.CreateTask(t.Context(), call, hourly("late"), start))(t)
	must(s.Tick(t.Context(), 10, startAll(24*time.Hour)))(t)
	record(t, s, ended(onlyOne(t, s, task)))
	var times []time.Time
	for i := range 5 {
		times = append(times, start.Add(time.Duration(i)*time.Hour))
	}
	fill := store.Backfill{
		Times: func(ordinaut.DueTask) ([]time.Time, int, error) { return times, 2, nil },
		Every: time.Minute, Priority: 8,
	}
	dry := fill
	dry.DryRun = true
	if got := must(s.BackfillTask(t.Context(), call, task.ID, dry))(t); got.Runs != 4 || got.Existing != 1 || !got.FirstAt.Equal(times[1]) {
		t.Errorf("dry run = %+v", got)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 4 {
		group.Go(func() {
			got, err := s.BackfillTask(t.Context(), call, task.ID, fill)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			made += got.Runs
			mu.Unlock()
		})
	}
	group.Wait()
	if made != 4 {
		t.Errorf("%d runs were made, want 4", made)
	}
	fill.All = true
	got := must(s.BackfillTask(t.Context(), call, task.ID, fill))(t)
	if got.Runs != 1 || got.Existing != 4 || !got.FirstAt.Equal(times[0]) {
		t.Errorf("with all: %+v", got)
	}
	var asleep, inOrder, exclusive int
	const rows = `SELECT count(*), count(*) FILTER (WHERE r.due_at - r.queued_at = (extract(hour FROM r.nominal_at - $1) - 1) * interval '1 minute'),
    count(*) FILTER (WHERE w.exclusive OR w.buffered OR w.priority <> 8)
FROM wait w JOIN run r ON r.id = w.run_id AND r.due_at = w.due_at WHERE r.kind = 'backfill' AND r.nominal_at > $1`
	if err := pool.QueryRow(t.Context(), rows, *start).Scan(&asleep, &inOrder, &exclusive); err != nil || asleep != 4 || inOrder != 4 || exclusive != 0 {
		t.Errorf("%d asleep, %d in their turn, %d in the way (%v), want 4, 4 and none", asleep, inOrder, exclusive, err)
	}
	if n, _, err := s.WakeRuns(t.Context(), 10); err != nil || n != 2 { // the first of each call
		t.Errorf("%d runs have their turn at once (%v), want 2", n, err)
	}
	if got := must(s.GetTask(t.Context(), task.NamespaceID, task.ID))(t); got.RunsStarted != 1 {
		t.Errorf("the backfill counts for max_runs: %+v", got)
	}
	_, err := s.BackfillTask(t.Context(), call, storetest.Task(t, s, storetest.Spec("by hand")).ID, fill)
	codeIs(t, err, ordinaut.CodeConflict)
	_, err = s.BackfillTask(t.Context(), call, ordinaut.NewTaskID(), fill)
	codeIs(t, err, ordinaut.CodeNotFound)
}

// onlyOne claims the one run that is ready, which is of the task.
func onlyOne(t *testing.T, s *store.Store, task ordinaut.Task) ordinaut.Attempt {
	t.Helper()
	a := claimOne(t, s)
	if a.TaskID != task.ID {
		t.Fatalf("the run is of %s", a.TaskID)
	}
	return a
}

// A call that repeats an idempotency key makes nothing more and is told what the first one made, also when
// the times are made up for by then and the task is gone.
func TestBackfillRepeatsItsAnswer(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "backfill_task")
	start := in(-10 * time.Hour)
	task := must(s.CreateTask(t.Context(), call, hourly("late"), start))(t)
	call.IdempotencyKey = "again"
	fill := store.Backfill{
		Times: func(ordinaut.DueTask) ([]time.Time, int, error) {
			return []time.Time{*start, start.Add(time.Hour)}, 3, nil
		},
		Every: time.Minute, Priority: 8,
	}
	first := must(s.BackfillTask(t.Context(), call, task.ID, fill))(t)
	if first.Runs != 2 || first.Excluded != 3 {
		t.Fatalf("the first call made %+v", first)
	}
	deletion := call
	deletion.IdempotencyKey = ""
	must(s.DeleteTask(t.Context(), deletion, task.ID, nil))(t)
	second := must(s.BackfillTask(t.Context(), call, task.ID, fill))(t)
	for _, at := range []*time.Time{&first.FirstAt, &first.LastAt, &first.LastDue, &second.FirstAt, &second.LastAt, &second.LastDue} {
		*at = at.UTC()
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("repeated (-first +second):\n%s", diff)
	}
	var rows int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM occurrence WHERE kind = 'backfill'`).Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d times were made up for (%v), want 2", rows, err)
	}
}
