package store_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// asks is the result of a step that asks a person.
func asks(at *ordinaut.Attempt, step string) ordinaut.StepResult {
	now := time.Now()
	expires := now.Add(time.Hour)
	return ordinaut.StepResult{
		StepID: step, Uses: ordinaut.ApprovalRequest, State: ordinaut.StepWaiting, Reason: ordinaut.ReasonAwaitingApproval,
		Tries: 1, Epoch: at.Epoch, StartedAt: now, WakesAt: &expires,
		Approval: &ordinaut.Approval{
			NamespaceID: at.NamespaceID, ID: ordinaut.NewApprovalID(), RunID: at.RunID, TaskID: at.TaskID, StepID: step, Message: "Go on?",
			Input: json.RawMessage(`{"a": 1}`), OnTimeout: ordinaut.OnTimeoutDeny, RequestedAt: now, ExpiresAt: expires,
		},
	}
}

// asking is a database in which a run has asked, and waits or is still at work.
type asking struct {
	*store.Store
	pool *pgxpool.Pool
	run  ordinaut.Run
	at   ordinaut.Attempt
	id   ordinaut.ApprovalID
}

func newAsking(t *testing.T, waits bool) asking {
	t.Helper()
	pool := storetest.Pool(t, storetest.DB(t))
	s := must(store.New(store.Config{Pool: pool}))(t)
	run := storetest.Run(t, s, storetest.Task(t, s, storetest.Spec("asks")))
	at := claimOne(t, s)
	result := asks(&at, "ok")
	r := ordinaut.Record{Lease: at.Lease, Steps: []ordinaut.StepResult{result}}
	if waits {
		r.Outcome = &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Asked: true, Seq: at.Seq + 1}
	}
	record(t, s, r)
	must(s.Record(t.Context(), []ordinaut.Record{r}))(t) // the answer to its commit was lost
	all := must(s.RunApprovals(t.Context(), run.NamespaceID, run.ID))(t)
	if len(all) != 1 || all[0].ID != result.Approval.ID || all[0].Decision != "" || all[0].TaskTitle != "asks" {
		t.Fatalf("approvals = %+v, want the one that was asked", all)
	}
	return asking{s, pool, run, at, all[0].ID}
}

func (a asking) state(t *testing.T) ordinaut.RunState {
	t.Helper()
	return must(a.GetRun(t.Context(), a.run.NamespaceID, a.run.ID))(t).State
}

func (a asking) approval(t *testing.T) ordinaut.Approval {
	t.Helper()
	return must(a.GetApproval(t.Context(), a.run.NamespaceID, a.id))(t)
}

// topics returns the topics of all events.
func (a asking) topics(t *testing.T) []string {
	t.Helper()
	rows := must(a.pool.Query(t.Context(), `SELECT topic FROM event ORDER BY id`))(t)
	return must(pgx.CollectRows(rows, pgx.RowTo[string]))(t)
}

// lock runs a statement in a transaction of its own, which release ends.
func (a asking) lock(t *testing.T, sql string) (release func()) {
	t.Helper()
	tx := must(a.pool.Begin(t.Context()))(t)
	must(tx.Exec(t.Context(), sql))(t)
	return func() {
		if err := tx.Commit(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// awaitBlocked waits until so many connections wait for a lock.
func (a asking) awaitBlocked(t *testing.T, n int) {
	t.Helper()
	const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
	deadline := time.After(30 * time.Second)
	for blocked := 0; blocked < n; {
		if err := a.pool.QueryRow(t.Context(), waiting).Scan(&blocked); err != nil {
			t.Fatal(err)
		}
		select {
		case <-deadline:
			t.Fatalf("%d connections wait for a lock, want %d", blocked, n)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Of many who decide at once exactly one does, the run is queued at once, and all others are told who it was.
func TestFirstDecisionStands(t *testing.T) {
	t.Parallel()
	a := newAsking(t, true)
	release := a.lock(t, `SELECT FROM wait FOR UPDATE`)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		call := storetest.Call(t, a.Store, "decide_approval")
		all.Go(func() {
			decision := []ordinaut.ApprovalDecision{ordinaut.DecisionApproved, ordinaut.DecisionDenied}[i%2]
			_, errs[i] = a.DecideApproval(t.Context(), call, a.id, store.Ruling{Decision: decision})
		})
	}
	a.awaitBlocked(t, len(errs)) // all have seen it open
	release()
	all.Wait()
	decided := a.approval(t)
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		e, ok := errors.AsType[*ordinaut.Error](err)
		if !ok || e.Code != ordinaut.CodeConflict || !strings.HasPrefix(e.Msg, "already "+string(decided.Decision)+" by ") {
			t.Errorf("a late decision answers %v", err)
		}
	}
	if won != 1 || a.state(t) != ordinaut.RunQueued {
		t.Errorf("%d decided, the run is %s", won, a.state(t))
	}
	if topics := a.topics(t); len(topics) != 1 || topics[0] != ordinaut.TopicApprovalDecided {
		t.Errorf("events %v", topics)
	}
}

// A decision that comes while the run is at work wakes it as soon as it waits.
func TestDecisionIsNotLostOnARunAtWork(t *testing.T) {
	t.Parallel()
	a := newAsking(t, false)
	call := storetest.Call(t, a.Store, "decide_approval")
	must(a.DecideApproval(t.Context(), call, a.id, store.Ruling{Decision: ordinaut.DecisionApproved}))(t)
	record(t, a.Store, ordinaut.Record{Lease: a.at.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Asked: true, Seq: 9}})
	if n, _, err := a.WakeRuns(t.Context(), 10); err != nil || n != 1 {
		t.Errorf("woke %d, %v; want the run", n, err)
	}
}

// A run that is put to wait while somebody decides waits for the decision, and is woken by it.
func TestDecisionMeetsAParkingRun(t *testing.T) {
	t.Parallel()
	a := newAsking(t, false)
	release := a.lock(t, `SELECT FROM approval FOR UPDATE`)
	call := storetest.Call(t, a.Store, "decide_approval")
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := a.DecideApproval(t.Context(), call, a.id, store.Ruling{Decision: ordinaut.DecisionApproved}); err != nil {
			t.Error(err)
		}
	})
	a.awaitBlocked(t, 1)
	all.Go(func() {
		outcome := ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Asked: true, Seq: 9}
		if lost, err := a.Record(t.Context(), []ordinaut.Record{{Lease: a.at.Lease, Outcome: &outcome}}); err != nil || len(lost) > 0 {
			t.Errorf("parked: lost %v, %v", lost, err)
		}
	})
	a.awaitBlocked(t, 2)
	release()
	all.Wait()
	if n, _, err := a.WakeRuns(t.Context(), 10); err != nil || n != 1 {
		t.Errorf("woke %d, %v; want the run", n, err)
	}
}

// Whatever ends a run closes what it asks, and nobody can decide it afterwards.
func TestEndedRunsCloseWhatTheyAsk(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		waits bool
		end   func(t *testing.T, a asking)
	}{
		"canceled": {true, func(t *testing.T, a asking) {
			must(a.CancelRun(t.Context(), storetest.Call(t, a.Store, "cancel_run"), a.run.ID))(t)
		}},
		"task deleted": {true, func(t *testing.T, a asking) {
			must(a.DeleteTask(t.Context(), storetest.Call(t, a.Store, "delete_task"), a.run.TaskID, nil))(t)
		}},
		"failed": {false, func(t *testing.T, a asking) {
			record(t, a.Store, ordinaut.Record{Lease: a.at.Lease, Outcome: &ordinaut.Outcome{
				State: ordinaut.RunFailed, Reason: ordinaut.ReasonRunTimedOut, Asked: true, Seq: 9,
			}})
		}},
		"canceled at work": {false, func(t *testing.T, a asking) {
			must(a.CancelRun(t.Context(), storetest.Call(t, a.Store, "cancel_run"), a.run.ID))(t)
			record(t, a.Store, ordinaut.Record{Lease: a.at.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Asked: true, Seq: 9}})
		}},
		"worker crashed": {false, func(t *testing.T, a asking) {
			must(a.pool.Exec(t.Context(), `UPDATE lease SET until = clock_timestamp() - interval '1 second', crashes = 2`))(t)
			must(a.RescueRuns(t.Context(), 10))(t)
		}},
		"step failed": {false, func(t *testing.T, a asking) {
			result := asks(&a.at, "ok")
			result.State, result.Reason, result.Approval, result.WakesAt = ordinaut.StepFailed, ordinaut.ReasonCanceled, nil, nil
			record(t, a.Store, ordinaut.Record{Lease: a.at.Lease, Steps: []ordinaut.StepResult{result}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAsking(t, tc.waits)
			tc.end(t, a)
			if got := a.approval(t); got.Decision != ordinaut.DecisionClosed {
				t.Errorf("approval = %+v, want closed", got)
			}
			_, err := a.DecideApproval(t.Context(), storetest.Call(t, a.Store, "decide_approval"), a.id, store.Ruling{Decision: ordinaut.DecisionApproved})
			codeIs(t, err, ordinaut.CodeConflict)
		})
	}
}

// What nobody decides in time expires once, is told so, and cannot be decided, whether or not a worker has
// noted it.
func TestApprovalExpires(t *testing.T) {
	t.Parallel()
	a := newAsking(t, true)
	decide := func() error {
		_, err := a.DecideApproval(t.Context(), storetest.Call(t, a.Store, "decide_approval"), a.id, store.Ruling{Decision: ordinaut.DecisionApproved})
		return err
	}
	must(a.pool.Exec(t.Context(), `UPDATE approval SET expires_at = clock_timestamp()`))(t)
	codeIs(t, decide(), ordinaut.CodeConflict)
	if got := a.approval(t); got.Decision != "" || a.state(t) != ordinaut.RunWaiting {
		t.Errorf("a decision that came too late left %+v, the run is %s", got, a.state(t))
	}
	for range 2 {
		all := must(a.SettleApprovals(t.Context(), a.run.NamespaceID, a.run.ID))(t)
		if len(all) != 1 || all[0].Decision != ordinaut.DecisionExpired {
			t.Errorf("settled %+v", all)
		}
	}
	if topics := a.topics(t); len(topics) != 1 {
		t.Errorf("events %v, want one", topics)
	}
	codeIs(t, decide(), ordinaut.CodeConflict)
}
