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

// A run goes from the queue through a lease to its end, and each reading of it agrees.
func TestRunLife(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task := storetest.Task(t, s, storetest.Spec("life"))
	run := storetest.Run(t, s, task)
	if run.State != ordinaut.RunQueued || run.Seq != 1 || run.TaskTitle != "life" || run.Kind != ordinaut.RunManual {
		t.Errorf("queued run = %+v", run)
	}
	a := claimOne(t, s)
	if a.RunID != run.ID || a.Epoch != 1 || a.Seq != 2 || a.StartedAt != nil || a.TaskVersion != 1 {
		t.Errorf("attempt = %+v", a)
	}
	if got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t); got.State != ordinaut.RunRunning || got.Attempt != 1 || got.StartedAt == nil {
		t.Errorf("running run = %+v", got)
	}
	percent := 50.0
	record(t, s, ordinaut.Record{
		Lease:    a.Lease,
		Progress: []ordinaut.Progress{{Seq: 3, Type: ordinaut.ProgressReport, At: time.Now(), Percent: &percent, Message: "half"}},
		Steps:    []ordinaut.StepResult{step("say", 4)},
	})
	if got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t); got.Seq != 4 {
		t.Errorf("seq of a running run = %d, want 4", got.Seq)
	}
	record(t, s, ordinaut.Record{Lease: a.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunSucceeded, Output: []byte(`{"n":1}`), Seq: 5}})

	got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t)
	if got.State != ordinaut.RunSucceeded || got.FinishedAt == nil || got.Seq != 5 || string(got.Output) != `{"n": 1}` || got.Attempt != 1 {
		t.Errorf("ended run = %+v", got)
	}
	if !got.StartedAt.Equal(a.ClaimedAt) || !got.ClaimedAt.Equal(a.ClaimedAt) {
		t.Errorf("started %v, claimed %v, want both %v", got.StartedAt, got.ClaimedAt, a.ClaimedAt)
	}
	steps := must(s.ListSteps(t.Context(), task.NamespaceID, run.ID))(t)
	if len(steps) != 1 || steps[0].Epoch != 1 || string(steps[0].Output) != `{"ok": true}` {
		t.Errorf("steps = %+v", steps)
	}
	wantTypes(t, must(s.ListProgress(t.Context(), task.NamespaceID, run.ID, 0))(t),
		ordinaut.ProgressQueued, ordinaut.ProgressStarted, ordinaut.ProgressReport, ordinaut.ProgressStep, ordinaut.ProgressFinished)
	if after := must(s.ListProgress(t.Context(), task.NamespaceID, run.ID, 3))(t); len(after) != 2 || after[0].Seq != 4 {
		t.Errorf("progress after 3 = %+v", after)
	}
}

// wantTypes checks that all has these types and that seq counts from 1 without a gap.
func wantTypes(t *testing.T, all []ordinaut.Progress, want ...ordinaut.ProgressType) {
	t.Helper()
	var types []ordinaut.ProgressType
	for i, p := range all {
		types = append(types, p.Type)
		if p.Seq != int64(i+1) {
			t.Errorf("entry %d has seq %d", i+1, p.Seq)
		}
		if p.At.IsZero() {
			t.Errorf("entry %d has no time", i+1)
		}
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("types of progress (-want +got):\n%s", diff)
	}
}

// An id of another namespace answers exactly as one that does not exist.
func TestOtherNamespaceIsUnknown(t *testing.T) {
	t.Parallel()
	dsn := storetest.DB(t)
	pool := storetest.Pool(t, dsn)
	s := storetest.StoreOn(t, pool, store.Config{})
	task := storetest.Task(t, s, storetest.Spec("mine"))
	run := storetest.Run(t, s, task)
	other := ordinaut.NewNamespaceID()
	stranger := storetest.Call(t, s, "cancel_run")
	agent := *stranger.Agent
	agent.NamespaceID = other
	stranger.Agent = &agent
	if _, err := pool.Exec(t.Context(), `INSERT INTO namespace (id, name) VALUES ($1, 'other')`, other); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `INSERT INTO agent (namespace_id, id, name, scopes) VALUES ($1, $2, 'x', '{}')`, other, agent.ID); err != nil {
		t.Fatal(err)
	}
	noTask, noRun := ordinaut.NewTaskID(), ordinaut.NewRunID()
	calls := map[string]func(ordinaut.TaskID, ordinaut.RunID) error{
		"get task": func(id ordinaut.TaskID, _ ordinaut.RunID) error {
			_, err := s.GetTask(t.Context(), other, id)
			return err
		},
		"delete task": func(id ordinaut.TaskID, _ ordinaut.RunID) error {
			_, err := s.DeleteTask(t.Context(), stranger, id, nil)
			return err
		},
		"pause task": func(id ordinaut.TaskID, _ ordinaut.RunID) error {
			_, err := s.PauseTask(t.Context(), stranger, id, "", nil)
			return err
		},
		"update task": func(id ordinaut.TaskID, _ ordinaut.RunID) error {
			_, err := s.UpdateTask(t.Context(), stranger, id, 0, task.Spec, nil, nil)
			return err
		},
		"run now": func(id ordinaut.TaskID, _ ordinaut.RunID) error {
			_, err := s.CreateRun(t.Context(), stranger, id, nil)
			return err
		},
		"version": func(id ordinaut.TaskID, _ ordinaut.RunID) error {
			_, err := s.TaskVersion(t.Context(), other, id, 1)
			return err
		},
		"get run": func(_ ordinaut.TaskID, id ordinaut.RunID) error {
			_, err := s.GetRun(t.Context(), other, id)
			return err
		},
		"cancel run": func(_ ordinaut.TaskID, id ordinaut.RunID) error {
			_, err := s.CancelRun(t.Context(), stranger, id)
			return err
		},
		"list progress": func(_ ordinaut.TaskID, id ordinaut.RunID) error {
			_, err := s.ListProgress(t.Context(), other, id, 0)
			return err
		},
	}
	for name, call := range calls {
		theirs, nobodys := call(task.ID, run.ID), call(noTask, noRun)
		codeIs(t, theirs, ordinaut.CodeNotFound)
		codeIs(t, nobodys, ordinaut.CodeNotFound)
		if theirs == nil || nobodys == nil {
			continue
		}
		a := strings.NewReplacer(task.ID.String(), "ID", run.ID.String(), "ID").Replace(theirs.Error())
		b := strings.NewReplacer(noTask.String(), "ID", noRun.String(), "ID").Replace(nobodys.Error())
		if a != b {
			t.Errorf("%s: %q for another's, %q for nobody's", name, a, b)
		}
	}
	if runs := must(s.ListRuns(t.Context(), other, store.RunFilter{}))(t); len(runs) != 0 {
		t.Errorf("the other namespace lists %d runs", len(runs))
	}
	if got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t); got.State != ordinaut.RunQueued {
		t.Errorf("run is %s after a stranger's calls", got.State)
	}
}
