package scheduler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// renewOnce runs a renewer of a process with this release until the store has it, or a newer one, on record.
func renewOnce(t *testing.T, s *store.Store, release string, batches *int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last store.ZonedTask
	done := func() { cancel() }
	r, err := scheduler.NewRenewer(scheduler.RenewerConfig{
		Release: release,
		Recorded: func(ctx context.Context) (string, error) {
			recorded, err := s.ZoneRelease(ctx)
			if release[0] > '9' || recorded >= release { // it will do nothing
				done()
			}
			return recorded, err
		},
		Record: func(ctx context.Context, release string) error {
			defer done()
			return s.SetZoneRelease(ctx, release)
		},
		Renew: func(ctx context.Context, first bool, _ int, next scheduler.NextFunc) (int, error) {
			if first {
				last = store.ZonedTask{}
			}
			*batches++
			var count int
			var err error
			for n := 3; n == 3; count += n { // smaller batches of the store's than of the renewer's
				last, n, err = s.RenewTimes(ctx, last, 3, func(t store.ZonedTask) (time.Time, bool) { return next(t.Schedule, t.After) })
				if err != nil {
					return count, err
				}
			}
			return count, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// Newer rules of time zones give stored tasks the times that they make, once; an older process changes
// nothing.
func TestNewZoneReleaseRenewsTimes(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	next := time.Now().UTC().Truncate(time.Hour).Add(2 * time.Hour)
	daily := fmt.Sprintf("0 %d * * *", next.Hour())
	create := func(kind ordinaut.ScheduleKind, expr string) ordinaut.Task {
		spec := storetest.Spec(string(kind) + expr)
		spec.Schedule = ordinaut.Schedule{Kind: kind, Expr: expr, Timezone: "UTC", Overlap: ordinaut.OverlapAllow, CatchUp: ordinaut.CatchUpLatest}
		plan, schedule, err := scheduler.Parse(spec.Schedule, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		spec.Schedule = schedule
		at, _ := plan.First(time.Now())
		task, err := s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), spec, &at)
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	var zoned []ordinaut.Task
	for range 3 {
		zoned = append(zoned, create(ordinaut.ScheduleCron, daily), create(ordinaut.ScheduleOnce, next.Format("2006-01-02T15:04:05")))
	}
	zoned = append(zoned, create(ordinaut.ScheduleRRule, fmt.Sprintf("FREQ=DAILY;BYHOUR=%d;BYMINUTE=0;BYSECOND=0", next.Hour())))
	interval, decided := create(ordinaut.ScheduleInterval, "PT1H"), create(ordinaut.ScheduleCron, daily)
	// As if the rules by which the times were computed had been an hour off.
	if _, err := pool.Exec(t.Context(), `UPDATE task SET next_at = next_at + interval '1 hour', due_at = due_at + interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	const fate = `INSERT INTO occurrence (namespace_id, task_id, nominal_at, kind, last_at, fate, reason) VALUES ($1, $2, $3, 'schedule', $3, 'skipped', 'paused')`
	if _, err := pool.Exec(t.Context(), fate, decided.NamespaceID, decided.ID, next); err != nil {
		t.Fatal(err)
	}
	stored := func(task ordinaut.Task) (at time.Time, due bool) {
		t.Helper()
		const read = `SELECT next_at, due_at <= clock_timestamp() FROM task WHERE namespace_id = $1 AND id = $2`
		if err := pool.QueryRow(t.Context(), read, task.NamespaceID, task.ID).Scan(&at, &due); err != nil {
			t.Fatal(err)
		}
		return at, due
	}
	batches := 0
	renewOnce(t, s, "2026b", &batches)
	for _, task := range zoned {
		at, due := stored(task)
		if !due || !at.Equal(next) {
			t.Errorf("%s is next at %s, due %t; want %s", task.Spec.Title, at, due, next)
		}
	}
	if at, due := stored(interval); due || !at.Equal(interval.NextAt.Add(time.Hour)) {
		t.Errorf("an interval, which knows no zone, is next at %s, due %t", at, due)
	}
	if at, _ := stored(decided); !at.Equal(next.AddDate(0, 0, 1)) {
		t.Errorf("a time that has its fate comes again: next at %s", at)
	}
	for _, release := range []string{"2026b", "2026a", "of go1.26.8", "the system's, unnamed"} {
		renewOnce(t, s, release, &batches)
	}
	if batches != 1 {
		t.Errorf("times were renewed %d times, want once", batches)
	}
	if err := s.SetZoneRelease(t.Context(), "2025c"); err != nil {
		t.Fatal(err)
	}
	if release, err := s.ZoneRelease(t.Context()); err != nil || release != "2026b" {
		t.Errorf("on record is %s, error %v", release, err)
	}
	renewOnce(t, s, "2026c", &batches)
	if release, err := s.ZoneRelease(t.Context()); err != nil || release != "2026c" || batches != 2 {
		t.Errorf("after a newer release: on record is %s, renewed %d times, error %v", release, batches, err)
	}
}

// What a renewer needs, it asks for.
func TestNewRenewerNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := scheduler.NewRenewer(scheduler.RenewerConfig{Release: "2026a"}); err == nil {
		t.Error("a renewer without a store was made")
	}
}
