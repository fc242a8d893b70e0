package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// PauseTask makes the scheduler pass over the task from now on; what is queued or running goes on.
// Pausing a paused task changes its note. A finished task answers with conflict.
func (s *Store) PauseTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, note string) (ordinaut.Task, error) {
	return s.changeTask(ctx, call, id, func(tx pgx.Tx) (any, error) {
		task, err := lockTask(ctx, tx, call.Agent.NamespaceID, id)
		if err != nil {
			return nil, err
		}
		if task.State == ordinaut.TaskFinished {
			return nil, ordinaut.Errorf(ordinaut.CodeConflict, "%s is finished: its schedule has nothing left to pause", id)
		}
		// next_at stays: it tells resume_task from when on times were passed over.
		const pause = `UPDATE task SET state = 'paused', note = $3, paused_reason = 'paused', due_at = NULL, updated_at = clock_timestamp()
WHERE namespace_id = $1 AND id = $2`
		_, err = tx.Exec(ctx, pause, [16]byte(task.NamespaceID), [16]byte(id), clean(note))
		return nil, err
	})
}

// ResumeTask makes a paused task active again. decide is given the database's time and the task, whose
// NextAt is the first nominal time since the pause; the ledger rows and runs it decides on are written
// and its NextAt becomes the task's. A task that is not paused answers with conflict.
func (s *Store) ResumeTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, note string, decide func(now time.Time, t ordinaut.Task) ordinaut.Decision) (ordinaut.Task, error) {
	var made []madeRun
	task, err := s.changeTask(ctx, call, id, func(tx pgx.Tx) (any, error) {
		made = nil
		task, err := lockTask(ctx, tx, call.Agent.NamespaceID, id)
		if err != nil {
			return nil, err
		}
		if task.State != ordinaut.TaskPaused {
			return nil, ordinaut.Errorf(ordinaut.CodeConflict, "%s is %s, not paused", id, task.State)
		}
		var now time.Time
		const read = `SELECT next_at, clock_timestamp() FROM task WHERE namespace_id = $1 AND id = $2`
		if err := tx.QueryRow(ctx, read, [16]byte(task.NamespaceID), [16]byte(id)).Scan(&task.NextAt, &now); err != nil {
			return nil, err
		}
		decision := decide(now, task)
		rows := make([]ledgerRow, len(decision.Occurrences))
		for i, o := range decision.Occurrences {
			rows[i] = ledgerRow{ns: task.NamespaceID, task: id, Occurrence: o}
		}
		if made, err = writeLedger(ctx, tx, rows); err != nil {
			return nil, fmt.Errorf("resume %s: %w", id, err)
		}
		const resume = `UPDATE task
SET state = $3, note = $4, next_at = $5, due_at = CASE WHEN $3 = 'active' THEN $6::timestamptz END, paused_reason = '',
    updated_at = clock_timestamp()
WHERE namespace_id = $1 AND id = $2`
		_, err = tx.Exec(ctx, resume, [16]byte(task.NamespaceID), [16]byte(id),
			string(stateFor(task.Spec.Schedule.Kind, decision.NextAt)), clean(note), decision.NextAt, decision.DueAt)
		return map[string]any{"occurrences": len(decision.Occurrences), "runs": len(made)}, err
	})
	if err != nil {
		return task, err
	}
	s.announceQueued(ctx, made)
	s.wake(WakeSchedule)
	return task, nil
}
