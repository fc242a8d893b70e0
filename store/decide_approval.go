package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// Ruling is what somebody decides on an approval.
type Ruling struct {
	// Decision is approved or denied.
	Decision ordinaut.ApprovalDecision
	Note     string
	// Edited replaces the input of an approval that is editable; nil leaves it.
	Edited json.RawMessage
}

// decideApproval decides an approval that is open and whose time is not over.
//
//	$1 namespace, $2 approval, $3 decision, $4 who, $5 note, $6 edited input or NULL
const decideApproval = `UPDATE approval SET decision = $3, decided_by = $4, decided_at = clock_timestamp(), note = $5, edited = $6
WHERE namespace_id = $1 AND id = $2 AND decision IS NULL AND expires_at > clock_timestamp()`

// wakeRun queues a run that waits, at once. Served by wait_pkey.
const wakeRun = `WITH due AS (
    DELETE FROM wait WHERE namespace_id = $1 AND run_id = $2 AND NOT buffered RETURNING *
)
INSERT INTO queue (namespace_id, run_id, task_id, rank_at, started_at, seq, epoch, priority, failures, crashes, exclusive)
SELECT namespace_id, run_id, task_id, clock_timestamp() + (priority - 5) * interval '10 seconds', started_at, seq, epoch,
    priority, failures, crashes, exclusive
FROM due`

// DecideApproval decides an approval, and queues the run that waits for it. The first decision stands: a later one
// answers with a conflict that says who decided what and when, as does one that comes too late.
func (s *Store) DecideApproval(ctx context.Context, call ordinaut.Call, id ordinaut.ApprovalID, r Ruling) (ordinaut.Approval, error) {
	ns := call.Agent.NamespaceID
	var a ordinaut.Approval
	var events []ordinaut.Event
	err := s.tx(ctx, func(tx pgx.Tx) error {
		object, repeated, err := replay(ctx, tx, call, id)
		if err != nil {
			return err
		}
		if a, err = getApproval(ctx, tx, ns, object); err != nil || repeated {
			return err
		}
		if err := mayDecide(&a, r); err != nil {
			return err
		}
		if err := holdRun(ctx, tx, ns, a.RunID); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, decideApproval, [16]byte(ns), [16]byte(id), string(r.Decision), [16]byte(call.Agent.ID), clean(r.Note), cleanJSON(r.Edited))
		if err != nil {
			return err
		}
		if a, err = getApproval(ctx, tx, ns, id); err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return decidedAlready(a)
		}
		event, err := a.Decided()
		if err != nil {
			return fmt.Errorf("event of %s: %w", id, err)
		}
		events = []ordinaut.Event{event}
		if err := publishEvents(ctx, tx, ns, ordinaut.EventFromSystem, events); err != nil {
			return err
		}
		return insertAudit(ctx, tx, auditOf(call, id, map[string]any{
			"decision": r.Decision, "run": a.RunID, "task": a.TaskID, "step": a.StepID, "edited": len(r.Edited) > 0,
		}))
	})
	if err != nil {
		return ordinaut.Approval{}, err
	}
	if len(events) > 0 {
		s.metrics.approvals.WithLabelValues(string(r.Decision)).Inc()
		s.log.InfoContext(ctx, "approval decided", "approval_id", id, "run_id", a.RunID, "task_id", a.TaskID, "decision", r.Decision)
		s.announceEvents(ctx, events)
		s.wake(WakeQueue)
	}
	return a, nil
}

// mayDecide says why an approval cannot be decided so.
func mayDecide(a *ordinaut.Approval, r Ruling) error {
	switch {
	case a.Decision != "":
		return decidedAlready(*a)
	case len(r.Edited) == 0:
		return nil
	case r.Decision != ordinaut.DecisionApproved:
		return ordinaut.Invalid("/input", "input goes with the decision approve; who denies says why in note")
	case !a.Editable:
		return ordinaut.Invalid("/input", "%s cannot be edited: its step does not say editable; approve it as it is, or deny it", a.ID)
	}
	return nil
}

// decidedAlready says what became of an approval before.
func decidedAlready(a ordinaut.Approval) error {
	at := ""
	if a.DecidedAt != nil {
		at = " at " + a.DecidedAt.UTC().Format(time.RFC3339)
	}
	switch a.Decision {
	case ordinaut.DecisionApproved, ordinaut.DecisionDenied:
		return ordinaut.Errorf(ordinaut.CodeConflict, "already %s by %s%s", a.Decision, a.DecidedBy, at)
	case ordinaut.DecisionClosed:
		return ordinaut.Errorf(ordinaut.CodeConflict, "closed%s: its run ended, or went on, before anybody decided", at)
	default:
		return ordinaut.Errorf(ordinaut.CodeConflict, "expired at %s: on_timeout was %s; run_now asks anew", a.ExpiresAt.UTC().Format(time.RFC3339), a.OnTimeout)
	}
}

// holdRun queues the run if it waits, and else holds its place, so that it is not put to wait before the
// transaction's decision is there to be seen. A run may move from one table to another between two statements,
// so they are tried again until it is found somewhere.
func holdRun(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, id ordinaut.RunID) error {
	for range 20 {
		for _, statement := range []string{
			wakeRun,
			`SELECT FROM lease WHERE namespace_id = $1 AND run_id = $2 FOR UPDATE`,
			`SELECT FROM queue WHERE namespace_id = $1 AND run_id = $2 FOR UPDATE`,
		} {
			tag, err := tx.Exec(ctx, statement, [16]byte(ns), [16]byte(id))
			if err != nil || tag.RowsAffected() > 0 {
				return err
			}
		}
		run, err := getRun(ctx, tx, ns, id)
		if err != nil {
			return err
		}
		if run.State.Terminal() {
			return ordinaut.Errorf(ordinaut.CodeConflict, "its run has ended already: it is %s", run.State)
		}
	}
	return &ordinaut.Error{
		Code: ordinaut.CodeUnavailable, Msg: "the run keeps moving between waiting and running; call again",
		Err: errors.New("decide: no table held the run when it was looked for"),
	}
}
