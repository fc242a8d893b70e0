package store_test

import (
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// then is a schedule's next time after what a snooze moves; nil for none.
func then(at *time.Time) func(ordinaut.DueTask) (store.Following, error) {
	return func(ordinaut.DueTask) (store.Following, error) { return store.Following{NextAt: at, DueAt: at}, nil }
}

// A snooze moves one occurrence; the task is due at the earlier of that and what follows. Moved again, it is
// still the same one. The last of a schedule may be moved too, and the task goes on until it is over.
func TestSnooze(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "snooze_task")
	first, second := in(10*time.Minute), in(70*time.Minute)
	task := must(s.CreateTask(t.Context(), call, hourly("snoozed"), first))(t)
	for _, c := range []struct{ until, follows, due *time.Time }{
		{in(30 * time.Minute), second, in(30 * time.Minute)},
		{in(90 * time.Minute), second, second},
		{in(20 * time.Minute), nil, in(20 * time.Minute)},
	} {
		got := must(s.SnoozeTask(t.Context(), call, task.ID, "later", *c.until, then(c.follows)))(t)
		if got.State != ordinaut.TaskActive || got.SnoozedAt == nil || !got.SnoozedAt.Equal(*first) || !got.SnoozedUntil.Equal(*c.until) ||
			(got.NextAt == nil) != (c.follows == nil) || !got.DueAt.Equal(*c.due) || got.Note != "later" {
			t.Errorf("snoozed until %v: %+v", c.until, got)
		}
	}
	if _, err := pool.Exec(t.Context(), `UPDATE task SET due_at = clock_timestamp(), snoozed_until = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	must(s.Tick(t.Context(), 10, func(_ time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		d := due[0]
		if d.SnoozedAt == nil || !d.SnoozedAt.Equal(*first) || d.NextAt != nil {
			t.Errorf("due task = %+v", d)
		}
		return []ordinaut.Decision{{TaskID: d.TaskID, SnoozeOver: true, Occurrences: []ordinaut.Occurrence{
			{NominalAt: *d.SnoozedAt, Fate: ordinaut.FateStarted, DueAt: *d.SnoozedUntil},
		}}}
	}))(t)
	got := must(s.GetTask(t.Context(), task.NamespaceID, task.ID))(t)
	if got.State != ordinaut.TaskFinished || got.SnoozedAt != nil || got.Note != "" {
		t.Errorf("after the snoozed one: %+v", got)
	}
	if a := claimOne(t, s); a.NominalAt == nil || !a.NominalAt.Equal(*first) {
		t.Errorf("the run is that of %v, want %v", a.NominalAt, first)
	}
}

// What has no occurrence coming up cannot be snoozed, and neither is one brought forward.
func TestSnoozeRefusals(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	call := storetest.Call(t, s, "snooze_task")
	task := must(s.CreateTask(t.Context(), call, hourly("coming"), in(time.Hour)))(t)
	paused := must(s.CreateTask(t.Context(), call, hourly("paused"), in(time.Hour)))(t)
	must(s.PauseTask(t.Context(), call, paused.ID, "", nil))(t)
	for name, c := range map[string]struct {
		id    ordinaut.TaskID
		until *time.Time
		want  ordinaut.Code
	}{
		"unknown":  {ordinaut.NewTaskID(), in(time.Hour), ordinaut.CodeNotFound},
		"paused":   {paused.ID, in(2 * time.Hour), ordinaut.CodeConflict},
		"finished": {storetest.Task(t, s, hourly("over")).ID, in(2 * time.Hour), ordinaut.CodeConflict},
		"manual":   {storetest.Task(t, s, storetest.Spec("by hand")).ID, in(2 * time.Hour), ordinaut.CodeConflict},
		"past":     {task.ID, in(-time.Hour), ordinaut.CodeInvalidArgument},
		"forward":  {task.ID, in(time.Minute), ordinaut.CodeInvalidArgument},
	} {
		_, err := s.SnoozeTask(t.Context(), call, c.id, "", *c.until, then(nil))
		if ordinaut.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if got := must(s.GetTask(t.Context(), task.NamespaceID, task.ID))(t); got.SnoozedAt != nil || got.DueAt == nil || !got.DueAt.Equal(*task.DueAt) {
		t.Errorf("a refused snooze changed the task: %+v", got)
	}
}

// A task that may keep its last run for a snoozed occurrence is looked at when max_runs changes.
func TestMaxRunsChangesUnderASnooze(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	call := storetest.Call(t, s, "snooze_task")
	spec := hourly("counted")
	spec.Schedule.MaxRuns = 1
	task := must(s.CreateTask(t.Context(), call, spec, in(10*time.Minute)))(t)
	until := in(30 * time.Hour)
	if got := must(s.SnoozeTask(t.Context(), call, task.ID, "", *until, then(nil)))(t); !got.DueAt.Equal(*until) {
		t.Fatalf("due at %s, want %s", got.DueAt, until)
	}
	spec.Title = "renamed"
	if got := must(s.UpdateTask(t.Context(), call, task.ID, 0, spec, nil, nil))(t); !got.DueAt.Equal(*until) {
		t.Errorf("with another title it is due at %s, want %s", got.DueAt, until)
	}
	spec.Schedule.MaxRuns = 3
	if got := must(s.UpdateTask(t.Context(), call, task.ID, 0, spec, nil, nil))(t); got.DueAt.After(time.Now().Add(time.Second)) {
		t.Errorf("with more runs left it is due at %s, want now", got.DueAt)
	}
}
