package store_test

import (
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// A run that no worker holds ends at once when it is canceled; a running one ends by its worker; an
// ended one says how it ended.
func TestCancelInEachState(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task := storetest.Task(t, s, storetest.Spec("cancel"))
	call := storetest.Call(t, s, "cancel_run")
	wake, stop := s.Subscribe(store.WakeCancel)
	defer stop()

	queued := storetest.Run(t, s, task)
	if got := must(s.CancelRun(t.Context(), call, queued.ID))(t); got.State != ordinaut.RunCanceled || got.Reason != ordinaut.ReasonCanceled || got.FinishedAt == nil || got.Seq != 2 {
		t.Errorf("canceled while queued: %+v", got)
	}

	waiting := storetest.Run(t, s, task)
	record(t, s, ordinaut.Record{Lease: claimOne(t, s).Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Seq: 3}})
	if got := must(s.GetRun(t.Context(), task.NamespaceID, waiting.ID))(t); got.State != ordinaut.RunWaiting || got.WakesAt == nil || time.Until(*got.WakesAt) < 50*time.Minute {
		t.Errorf("waiting run: %+v", got)
	}
	if got := must(s.CancelRun(t.Context(), call, waiting.ID))(t); got.State != ordinaut.RunCanceled || got.Seq != 4 || got.StartedAt == nil {
		t.Errorf("canceled while waiting: %+v", got)
	}

	drained(wake)
	running := storetest.Run(t, s, task)
	a := claimOne(t, s)
	if got := must(s.CancelRun(t.Context(), call, running.ID))(t); got.State != ordinaut.RunRunning {
		t.Errorf("canceled while running: %+v", got)
	}
	<-wake
	// Giving it back cannot bring it to life again.
	record(t, s, ordinaut.Record{Lease: a.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunQueued, Seq: 3}})
	if got := must(s.GetRun(t.Context(), task.NamespaceID, running.ID))(t); got.State != ordinaut.RunCanceled || got.Reason != ordinaut.ReasonCanceled {
		t.Errorf("given back after cancel: %+v", got)
	}
	_, err := s.CancelRun(t.Context(), call, running.ID)
	codeIs(t, err, ordinaut.CodeConflict)

	dead := storetest.Run(t, s, task)
	claimDead(t, s)
	must(s.CancelRun(t.Context(), call, dead.ID))(t)
	must(s.RescueRuns(t.Context(), 10))(t)
	if got := must(s.GetRun(t.Context(), task.NamespaceID, dead.ID))(t); got.State != ordinaut.RunCanceled {
		t.Errorf("canceled under a dead worker: %+v", got)
	}
}

func drained(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// Deleting a task ends its queued and waiting runs, tells the running one, hides the task, and leaves
// other tasks and the history alone.
func TestDeleteTask(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task, other := storetest.Task(t, s, storetest.Spec("gone")), storetest.Task(t, s, storetest.Spec("stays"))
	ns := task.NamespaceID
	running := storetest.Run(t, s, task)
	a := claimOne(t, s)
	waiting := storetest.Run(t, s, task)
	record(t, s, ordinaut.Record{Lease: claimOne(t, s).Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Seq: 3}})
	queued, kept := storetest.Run(t, s, task), storetest.Run(t, s, other)

	got := must(s.DeleteTask(t.Context(), storetest.Call(t, s, "delete_task"), task.ID, nil))(t)
	if got.State != ordinaut.TaskDeleted {
		t.Errorf("task = %+v", got)
	}
	for _, id := range []ordinaut.RunID{waiting.ID, queued.ID} {
		if got := must(s.GetRun(t.Context(), ns, id))(t); got.State != ordinaut.RunCanceled || got.Reason != ordinaut.ReasonTaskDeleted || got.TaskTitle != "gone" {
			t.Errorf("run of a deleted task: %+v", got)
		}
	}
	if got := must(s.GetRun(t.Context(), ns, kept.ID))(t); got.State != ordinaut.RunQueued {
		t.Errorf("run of another task: %+v", got)
	}
	_, canceled, err := s.RenewLeases(t.Context(), "w", time.Minute, []ordinaut.Lease{a.Lease})
	if err != nil || len(canceled) != 1 || canceled[0] != running.ID {
		t.Errorf("canceled = %v, error %v; want the running run", canceled, err)
	}
	_, err = s.GetTask(t.Context(), ns, task.ID)
	codeIs(t, err, ordinaut.CodeNotFound)
	_, err = s.CreateRun(t.Context(), storetest.Call(t, s, "run_now"), task.ID, nil)
	codeIs(t, err, ordinaut.CodeNotFound)
	if tasks := must(s.ListTasks(t.Context(), ns, store.TaskFilter{}))(t); len(tasks) != 1 || tasks[0].ID != other.ID {
		t.Errorf("tasks = %+v, want the other", tasks)
	}
	if spec := must(s.TaskVersion(t.Context(), ns, task.ID, 1))(t); spec.Title != "gone" {
		t.Errorf("version of a deleted task = %+v", spec)
	}
}
