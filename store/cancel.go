package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// endIdle ends a run that no worker holds: it takes it out of queue or wait. $3 is the reason.
const endIdle = `WITH queued AS (
    DELETE FROM queue WHERE namespace_id = $1 AND run_id = $2 RETURNING task_id, seq, epoch, started_at
), waiting AS (
    DELETE FROM wait WHERE namespace_id = $1 AND run_id = $2 RETURNING task_id, seq, epoch, started_at
)
UPDATE run SET state = 'canceled', reason = $3, attempt = idle.epoch, started_at = idle.started_at,
    finished_at = clock_timestamp(), seq = idle.seq + 1
FROM (SELECT * FROM queued UNION ALL SELECT * FROM waiting) AS idle
WHERE namespace_id = $1 AND id = $2 AND run.task_id = idle.task_id`

// CancelRun ends a run that is queued or waiting at once, as canceled. A running one is marked, its
// worker is told and ends it; until then it is returned as running. A run that has ended answers with
// a conflict that names its state.
func (s *Store) CancelRun(ctx context.Context, call ordinaut.Call, id ordinaut.RunID) (ordinaut.Run, error) {
	var run ordinaut.Run
	ended, marked := false, false
	var closed int64
	err := s.tx(ctx, func(tx pgx.Tx) error {
		ns := call.Agent.NamespaceID
		object, repeated, err := replay(ctx, tx, call, id)
		if err != nil {
			return err
		}
		if repeated {
			run, err = getRun(ctx, tx, ns, ordinaut.RunID(object))
			return err
		}
		if ended, marked, err = cancelRun(ctx, tx, ns, id); err != nil {
			return err
		}
		if ended {
			if closed, err = closeApprovals(ctx, tx, [][16]byte{ns}, [][16]byte{id}); err != nil {
				return err
			}
		}
		if run, err = getRun(ctx, tx, ns, id); err != nil {
			return err
		}
		if !ended && !marked {
			return ordinaut.Errorf(ordinaut.CodeConflict, "%s has ended already: it is %s", id, run.State)
		}
		return insertAudit(ctx, tx, auditOf(call, id, map[string]any{"state": run.State}))
	})
	if err != nil {
		return ordinaut.Run{}, err
	}
	if marked {
		s.wake(WakeCancel)
	}
	if ended {
		s.metrics.ended(run.State, run.Reason, 1)
		s.metrics.closed(closed)
		s.announce(ctx, []news{endNews(run)})
		s.releaseAfter(ctx, [][16]byte{run.TaskID})
	}
	return run, nil
}

// cancelRun ends or marks the run, or neither when it has ended. A live run may move from one table to
// another between two statements, so they are tried again until it is found somewhere.
func cancelRun(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, id ordinaut.RunID) (ended, marked bool, err error) {
	const mark = `UPDATE lease SET canceled = true WHERE namespace_id = $1 AND run_id = $2`
	for range 20 {
		tag, err := tx.Exec(ctx, endIdle, [16]byte(ns), [16]byte(id), string(ordinaut.ReasonCanceled))
		if err != nil || tag.RowsAffected() > 0 {
			return err == nil, false, err
		}
		tag, err = tx.Exec(ctx, mark, [16]byte(ns), [16]byte(id))
		if err != nil || tag.RowsAffected() > 0 {
			return false, err == nil, err
		}
		run, err := getRun(ctx, tx, ns, id)
		if err != nil || run.State.Terminal() {
			return false, false, err
		}
	}
	return false, false, &ordinaut.Error{
		Code: ordinaut.CodeUnavailable, Msg: "the run keeps moving between waiting and running; call again",
		Err: errors.New("cancel: no table held the run when it was looked for"),
	}
}

// endNews is the progress entry of a run that ended.
func endNews(run ordinaut.Run) news {
	at := time.Time{}
	if run.FinishedAt != nil {
		at = *run.FinishedAt
	}
	return news{ns: run.NamespaceID, run: run.ID, task: run.TaskID, reason: run.Reason, entry: ordinaut.Progress{
		Seq: run.Seq, Type: ordinaut.ProgressFinished, At: at, State: string(run.State), Message: run.Error,
	}}
}
