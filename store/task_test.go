package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// spec returns the definition of an hourly task.
func hourly(title string) ordinaut.TaskSpec {
	spec := storetest.Spec(title)
	spec.Schedule.Kind, spec.Schedule.Expr, spec.Schedule.Overlap = ordinaut.ScheduleInterval, "1h", ordinaut.OverlapSkip
	return spec
}

func in(d time.Duration) *time.Time {
	at := time.Now().Add(d).UTC().Truncate(time.Second)
	return &at
}

// Each change of a task is a new version; runs and readers of an old one keep it; a change on top of
// a version that is no longer present is refused with the present one. A task whose schedule stays is due
// as before; another schedule brings its next time, or the end.
func TestTaskVersions(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	call := storetest.Call(t, s, "update_task")
	spec := hourly("first")
	spec.Params = map[string]any{"city": "Chisinau"}
	task := must(s.CreateTask(t.Context(), call, spec, in(time.Hour)))(t)
	if task.Version != 1 || task.State != ordinaut.TaskActive || task.NextAt == nil || task.OwnerID != call.Agent.ID {
		t.Errorf("created = %+v", task)
	}
	if diff := cmp.Diff(spec, task.Spec); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
	run := storetest.Run(t, s, task)
	changed := must(s.UpdateTask(t.Context(), call, task.ID, 1, hourly("second"), in(2*time.Hour), nil))(t)
	if changed.Version != 2 || changed.Spec.Title != "second" || !changed.NextAt.Equal(*task.NextAt) {
		t.Errorf("updated = %+v", changed)
	}
	_, err := s.UpdateTask(t.Context(), call, task.ID, 1, spec, nil, nil)
	codeIs(t, err, ordinaut.CodeConflict)
	if err != nil && !strings.Contains(err.Error(), "version 2") {
		t.Errorf("conflict %q does not name the present version", err)
	}
	if a := claimOne(t, s); a.RunID != run.ID || a.TaskVersion != 1 {
		t.Errorf("attempt = %+v, want version 1", a)
	}
	if old := must(s.TaskVersion(t.Context(), task.NamespaceID, task.ID, 1))(t); old.Title != "first" {
		t.Errorf("version 1 = %+v", old)
	}
	spec.Schedule.Expr = "2h"
	later := must(s.UpdateTask(t.Context(), call, task.ID, 0, spec, in(2*time.Hour), nil))(t)
	if later.State != ordinaut.TaskActive || !later.NextAt.After(*task.NextAt) {
		t.Errorf("with another schedule: %+v", later)
	}
	spec.Schedule.Expr = "3h"
	finished := must(s.UpdateTask(t.Context(), call, task.ID, 0, spec, nil, nil))(t)
	if finished.State != ordinaut.TaskFinished || finished.NextAt != nil {
		t.Errorf("without a next time: %+v", finished)
	}
	if still := must(s.UpdateTask(t.Context(), call, task.ID, 0, spec, in(time.Hour), nil))(t); still.State != ordinaut.TaskFinished || still.NextAt != nil {
		t.Errorf("updated after its end: %+v", still)
	}
}

// Pages of tasks are told by state and by words of the title, and leave none out.
func TestListTasks(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	var all []ordinaut.TaskID
	for _, title := range []string{"Morning brief", "evening BRIEF", "backup"} {
		all = append(all, storetest.Task(t, s, storetest.Spec(title)).ID)
	}
	ns := storetest.Call(t, s, "x").Agent.NamespaceID
	must(s.PauseTask(t.Context(), storetest.Call(t, s, "pause_task"), all[1], "not now", nil))(t)
	ids := func(f store.TaskFilter) []ordinaut.TaskID {
		var ids []ordinaut.TaskID
		for _, task := range must(s.ListTasks(t.Context(), ns, f))(t) {
			ids = append(ids, task.ID)
		}
		return ids
	}
	for name, c := range map[string]struct {
		filter store.TaskFilter
		want   []ordinaut.TaskID
	}{
		"all":         {store.TaskFilter{}, all},
		"text":        {store.TaskFilter{Text: "brief"}, all[:2]},
		"paused":      {store.TaskFilter{State: ordinaut.TaskPaused}, all[1:2]},
		"first page":  {store.TaskFilter{Limit: 2}, all[:2]},
		"second page": {store.TaskFilter{Limit: 2, After: all[1]}, all[2:]},
		"a pattern":   {store.TaskFilter{Text: "%"}, nil},
	} {
		if diff := cmp.Diff(c.want, ids(c.filter)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What was passed over while a task was paused is in the ledger after it was resumed.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	call := storetest.Call(t, s, "pause_task")
	task := must(s.CreateTask(t.Context(), call, hourly("paused"), in(-2*time.Hour)))(t)
	paused := must(s.PauseTask(t.Context(), call, task.ID, "holiday", nil))(t)
	if paused.State != ordinaut.TaskPaused || paused.Note != "holiday" || paused.NextAt != nil {
		t.Errorf("paused = %+v", paused)
	}
	if got := must(s.Tick(t.Context(), 10, nothingDue(t)))(t); got.Due != 0 {
		t.Errorf("a paused task is due: %+v", got)
	}
	// Its schedule stays, so what it passes over stays known, whatever next time comes with the change.
	changed := must(s.UpdateTask(t.Context(), call, task.ID, 0, hourly("still paused"), in(time.Hour), nil))(t)
	if changed.State != ordinaut.TaskPaused {
		t.Errorf("updated while paused = %+v", changed)
	}
	next := in(time.Hour)
	resumed := must(s.ResumeTask(t.Context(), call, task.ID, "", func(now time.Time, given ordinaut.DueTask) ordinaut.Decision {
		if given.NextAt == nil || !given.NextAt.Equal(*task.NextAt) || time.Since(now).Abs() > time.Minute {
			t.Errorf("decide was given next %v at %v, want %v", given.NextAt, now, task.NextAt)
		}
		return ordinaut.Decision{NextAt: next, DueAt: next, Occurrences: []ordinaut.Occurrence{{
			NominalAt: *given.NextAt, LastAt: given.NextAt.Add(time.Hour), Count: 2,
			Kind: ordinaut.RunScheduled, Fate: ordinaut.FateSkipped, Reason: ordinaut.ReasonPaused,
		}}}
	}))(t)
	if resumed.State != ordinaut.TaskActive || resumed.Note != "" || resumed.NextAt == nil || !resumed.NextAt.Equal(*next) {
		t.Errorf("resumed = %+v", resumed)
	}
	ledger := must(s.ListOccurrences(t.Context(), task.NamespaceID, task.ID, 10))(t)
	if len(ledger) != 1 || ledger[0].Count != 2 || ledger[0].Reason != ordinaut.ReasonPaused || !ledger[0].RunID.IsZero() {
		t.Errorf("ledger = %+v", ledger)
	}
	_, err := s.ResumeTask(t.Context(), call, task.ID, "", nil)
	codeIs(t, err, ordinaut.CodeConflict)
}

// nothingDue is a decide that must not be called.
func nothingDue(t *testing.T) func(time.Time, []ordinaut.DueTask) []ordinaut.Decision {
	return func(_ time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		t.Errorf("asked to decide on %+v", due)
		return nil
	}
}

// A repeated call changes nothing and answers with the first call's object as it stands now; the same
// key for other arguments or another tool is refused; a call that failed leaves its key free.
func TestIdempotentReplay(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	create := storetest.Call(t, s, "create_task")
	create.IdempotencyKey = "k1"
	first := must(s.CreateTask(t.Context(), create, storetest.Spec("once"), nil))(t)
	must(s.PauseTask(t.Context(), storetest.Call(t, s, "pause_task"), first.ID, "later", nil))(t)
	again := must(s.CreateTask(t.Context(), create, storetest.Spec("once"), nil))(t)
	if again.ID != first.ID || again.State != ordinaut.TaskPaused {
		t.Errorf("replayed = %+v, want %s, paused", again, first.ID)
	}
	other := create
	other.Digest = []byte("other arguments")
	_, err := s.CreateTask(t.Context(), other, storetest.Spec("twice"), nil)
	codeIs(t, err, ordinaut.CodeConflict)
	other = create
	other.Tool = "run_now"
	_, err = s.CreateRun(t.Context(), other, first.ID, nil)
	codeIs(t, err, ordinaut.CodeConflict)

	run := storetest.Call(t, s, "run_now")
	run.IdempotencyKey = "k2"
	_, err = s.CreateRun(t.Context(), run, ordinaut.NewTaskID(), nil)
	codeIs(t, err, ordinaut.CodeNotFound)
	a := must(s.CreateRun(t.Context(), run, first.ID, nil))(t)
	b := must(s.CreateRun(t.Context(), run, first.ID, nil))(t)
	if a.ID != b.ID || len(claimAll(t, s, 10)) != 1 {
		t.Errorf("run_now twice with one key made %s and %s", a.ID, b.ID)
	}

	if _, err := pool.Exec(t.Context(), `UPDATE idempotency SET created_at = created_at - interval '25 hours'`); err != nil {
		t.Fatal(err)
	}
	if fresh := must(s.CreateTask(t.Context(), create, storetest.Spec("once"), nil))(t); fresh.ID == first.ID {
		t.Error("a key older than a day still replays")
	}
	run.IdempotencyKey = strings.Repeat("x", 201)
	_, err = s.CreateRun(t.Context(), run, first.ID, nil)
	codeIs(t, err, ordinaut.CodeInvalidArgument)
}

// Of many calls at once with one key, one acts and all get its object.
func TestConcurrentReplay(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task := storetest.Task(t, s, storetest.Spec("one"))
	call := storetest.Call(t, s, "run_now")
	call.IdempotencyKey = "same"
	ids := make(chan ordinaut.RunID, 8)
	for range cap(ids) {
		go func() {
			run, err := s.CreateRun(t.Context(), call, task.ID, nil)
			if err != nil {
				t.Error(err)
			}
			ids <- run.ID
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		if id := <-ids; id != first {
			t.Errorf("two runs: %s and %s", first, id)
		}
	}
	if n := len(claimAll(t, s, 10)); n != 1 {
		t.Errorf("%d runs were queued, want 1", n)
	}
}

// Every change of an agent, and every tick, has its row in the audit trail, in the transaction that
// did it; a refused call has none.
func TestAudit(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := must(s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), hourly("audited"), in(-time.Minute)))(t)
	call := storetest.Call(t, s, "update_task")
	must(s.UpdateTask(t.Context(), call, task.ID, 0, hourly("audited"), in(-time.Minute), nil))(t)
	s.UpdateTask(t.Context(), call, task.ID, 1, hourly("refused"), nil, nil)
	must(s.Tick(t.Context(), 10, startAll(time.Hour)))(t)
	run := claimOne(t, s)
	must(s.CancelRun(t.Context(), storetest.Call(t, s, "cancel_run"), run.RunID))(t)
	must(s.DeleteTask(t.Context(), storetest.Call(t, s, "delete_task"), task.ID, nil))(t)
	rows := must(pool.Query(t.Context(), `SELECT actor || ' ' || action || ' ' || object FROM audit ORDER BY at`))(t)
	var got []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	me := call.Agent.ID.String()
	want := []string{
		me + " create_task " + task.ID.String(), me + " update_task " + task.ID.String(), "scheduler tick ",
		me + " cancel_run " + run.RunID.String(), me + " delete_task " + task.ID.String(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}
