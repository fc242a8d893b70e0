package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// A pause with an end is due then, and not before; who ends it wakes the task, whatever its kind, without
// its note, and an update in between leaves the end as it is.
func TestPauseEndsByItself(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "pause_task")
	timed := must(s.CreateTask(t.Context(), call, hourly("timed"), in(time.Minute)))(t)
	manual := storetest.Task(t, s, storetest.Spec("manual"))
	until := in(30 * time.Minute)
	for _, task := range []ordinaut.Task{timed, manual} {
		got := must(s.PauseTask(t.Context(), call, task.ID, "holiday", until))(t)
		if got.State != ordinaut.TaskPaused || got.DueAt == nil || !got.DueAt.Equal(*until) || got.PausedReason != ordinaut.ReasonPaused {
			t.Errorf("paused = %+v", got)
		}
	}
	spec := hourly("timed")
	spec.Schedule.Expr = "2h"
	if got := must(s.UpdateTask(t.Context(), call, timed.ID, 0, spec, in(2*time.Hour), nil))(t); got.DueAt == nil || !got.DueAt.Equal(*until) || got.State != ordinaut.TaskPaused {
		t.Errorf("updated while paused = %+v", got)
	}
	if got := must(s.Tick(t.Context(), 10, nothingDue(t)))(t); got.Due != 0 {
		t.Errorf("due before the pause is over: %+v", got)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE task SET due_at = clock_timestamp() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	next := in(time.Hour)
	got := must(s.Tick(t.Context(), 10, func(_ time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		all := make([]ordinaut.Decision, len(due))
		for i, d := range due {
			if d.State != ordinaut.TaskPaused {
				t.Errorf("due task = %+v", d)
			}
			all[i] = ordinaut.Decision{TaskID: d.TaskID, Resumed: true}
			if d.NextAt != nil {
				all[i].NextAt, all[i].DueAt = next, next
			}
		}
		return all
	}))(t)
	if got.Due != 2 {
		t.Fatalf("tick = %+v", got)
	}
	for _, id := range []ordinaut.TaskID{timed.ID, manual.ID} {
		if got := must(s.GetTask(t.Context(), timed.NamespaceID, id))(t); got.State != ordinaut.TaskActive || got.Note != "" || got.PausedReason != "" {
			t.Errorf("resumed = %+v", got)
		}
	}
	var told bool
	const audited = `SELECT EXISTS (SELECT FROM audit WHERE action = 'tick' AND detail->'resumed' ? $1)`
	if err := pool.QueryRow(t.Context(), audited, timed.ID.String()).Scan(&told); err != nil || !told {
		t.Errorf("the audit trail does not tell of the resumption (%v)", err)
	}
}

// scheduled makes a run of the task by schedule and returns its attempt.
func scheduled(t *testing.T, s *store.Store, task ordinaut.Task, kind ordinaut.RunKind) ordinaut.Attempt {
	t.Helper()
	if kind == ordinaut.RunManual {
		storetest.Run(t, s, task)
		return claimOne(t, s)
	}
	must(s.Tick(t.Context(), 10, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		past := now.Add(-time.Second)
		all := startAll(time.Hour)(now, due)
		for i := range all {
			all[i].Occurrences[0].Kind, all[i].Occurrences[0].NominalAt, all[i].DueAt = kind, now, &past
		}
		return all
	}))(t)
	return claimOne(t, s)
}

// So many failures in a row, and no fewer, pause a task, with a note, an audit row and an event. A success
// in between starts the count anew; runs by hand and canceled ones do not count; nor do those before
// the task was last resumed or changed.
func TestPauseAfterFailures(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	var told []ordinaut.Event
	s := storetest.StoreOn(t, pool, store.Config{PublishEvents: func(_ string, events []ordinaut.Event) { told = append(told, events...) }})
	call := storetest.Call(t, s, "create_task")
	spec := hourly("fails")
	spec.PauseAfterFailures = 2
	spec.Schedule.Overlap = ordinaut.OverlapAllow
	task := must(s.CreateTask(t.Context(), call, spec, in(-time.Minute)))(t)
	failed := ordinaut.Outcome{State: ordinaut.RunFailed, Reason: ordinaut.ReasonActionFailed}
	end := func(kind ordinaut.RunKind, o ordinaut.Outcome, want ordinaut.TaskState) ordinaut.RunID {
		t.Helper()
		a := scheduled(t, s, task, kind)
		record(t, s, ordinaut.Record{Lease: a.Lease, Outcome: &o})
		if got := must(s.GetTask(t.Context(), task.NamespaceID, task.ID))(t); got.State != want {
			t.Fatalf("after a %s run that %s: %+v, want %s", kind, o.State, got, want)
		}
		return a.RunID
	}
	end(ordinaut.RunScheduled, failed, ordinaut.TaskActive)
	end(ordinaut.RunManual, failed, ordinaut.TaskActive)
	end(ordinaut.RunScheduled, ordinaut.Outcome{State: ordinaut.RunSucceeded}, ordinaut.TaskActive)
	end(ordinaut.RunScheduled, failed, ordinaut.TaskActive)
	must(s.UpdateTask(t.Context(), call, task.ID, 0, spec, nil, nil))(t)
	end(ordinaut.RunScheduled, failed, ordinaut.TaskActive)
	end(ordinaut.RunScheduled, ordinaut.Outcome{State: ordinaut.RunCanceled, Reason: ordinaut.ReasonCanceled}, ordinaut.TaskActive)
	last := end(ordinaut.RunScheduled, ordinaut.Outcome{State: ordinaut.RunTimedOut, Reason: ordinaut.ReasonRunTimedOut}, ordinaut.TaskPaused)

	got := must(s.GetTask(t.Context(), task.NamespaceID, task.ID))(t)
	if got.PausedReason != ordinaut.ReasonPausedAfterFailures || got.DueAt != nil ||
		!strings.Contains(got.Note, last.String()) || !strings.Contains(got.Note, "run_timed_out") {
		t.Errorf("paused = %+v", got)
	}
	if len(told) != 1 || told[0].Topic != "task.paused" || told[0].Source != ordinaut.EventFromSystem || !strings.Contains(string(told[0].Payload), last.String()) {
		t.Errorf("events = %+v", told)
	}
	var events, audits int
	const rows = `SELECT (SELECT count(*) FROM event_queue q JOIN event e ON e.id = q.event_id WHERE topic = 'task.paused'),
    (SELECT count(*) FROM audit WHERE action = 'pause_task' AND actor = 'scheduler' AND object = $1)`
	if err := pool.QueryRow(t.Context(), rows, task.ID.String()).Scan(&events, &audits); err != nil || events != 1 || audits != 1 {
		t.Errorf("%d events to pass on, %d audit rows (%v), want one of each", events, audits, err)
	}

	must(s.ResumeTask(t.Context(), call, task.ID, "", func(now time.Time, _ ordinaut.DueTask) ordinaut.Decision {
		return ordinaut.Decision{NextAt: &now, DueAt: &now}
	}))(t)
	end(ordinaut.RunScheduled, failed, ordinaut.TaskActive)
	a := scheduled(t, s, task, ordinaut.RunScheduled)
	if _, err := pool.Exec(t.Context(), `UPDATE lease SET until = clock_timestamp() - interval '1 second', crashes = 2 WHERE run_id = $1`, [16]byte(a.RunID)); err != nil {
		t.Fatal(err)
	}
	must(s.RescueRuns(t.Context(), 10))(t)
	if got := must(s.GetTask(t.Context(), task.NamespaceID, task.ID))(t); got.State != ordinaut.TaskPaused || !strings.Contains(got.Note, "worker_crashed") {
		t.Errorf("after a worker died too often: %+v", got)
	}
}

// A task that its max_runs has finished goes on when it is raised, and counts on; one that is finished for
// another reason does not.
func TestMoreRunsForAFinishedTask(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	call := storetest.Call(t, s, "update_task")
	spec := hourly("three")
	spec.Schedule.MaxRuns = 1
	task := must(s.CreateTask(t.Context(), call, spec, in(-time.Minute)))(t)
	must(s.Tick(t.Context(), 10, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		all := startAll(time.Hour)(now, due)
		all[0].NextAt, all[0].DueAt = nil, nil
		return all
	}))(t)
	for _, c := range []struct {
		most int
		want ordinaut.TaskState
	}{{1, ordinaut.TaskFinished}, {3, ordinaut.TaskActive}} {
		spec.Schedule.MaxRuns = c.most
		got := must(s.UpdateTask(t.Context(), call, task.ID, 0, spec, in(time.Hour), nil))(t)
		if got.State != c.want || got.RunsStarted != 1 || (got.NextAt != nil) != (c.want == ordinaut.TaskActive) {
			t.Errorf("with max_runs %d: %+v, want %s", c.most, got, c.want)
		}
	}
}
