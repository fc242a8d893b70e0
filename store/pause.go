package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// PauseTask makes the scheduler pass over the task from now on; what is queued or running goes on. With
// until it is resumed by a tick then. Pausing a paused task changes its note and its end. A finished task
// answers with conflict.
func (s *Store) PauseTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, note string, until *time.Time) (ordinaut.Task, error) {
	paused := false
	task, err := s.changeTask(ctx, call, id, func(tx pgx.Tx) (any, error) {
		task, err := lockTask(ctx, tx, call.Agent.NamespaceID, id)
		if err != nil {
			return nil, err
		}
		if task.State == ordinaut.TaskFinished {
			return nil, ordinaut.Errorf(ordinaut.CodeConflict, "%s is finished: its schedule has nothing left to pause", id)
		}
		// next_at stays: it tells who resumes the task from when on times were passed over.
		const pause = `UPDATE task SET state = 'paused', note = $3, paused_reason = $4, due_at = $5, updated_at = clock_timestamp()
WHERE namespace_id = $1 AND id = $2`
		_, err = tx.Exec(ctx, pause, [16]byte(task.NamespaceID), [16]byte(id), clean(note), string(ordinaut.ReasonPaused), until)
		paused = task.State != ordinaut.TaskPaused
		return map[string]any{"until": until, "note": clean(note)}, err // the task's own note goes when it is resumed
	})
	if err != nil {
		return task, err
	}
	if paused {
		s.metrics.paused.WithLabelValues(string(ordinaut.ReasonPaused)).Inc()
	}
	if until != nil {
		s.wake(WakeSchedule)
	}
	return task, nil
}

// ResumeTask makes a paused task active again. decide is given the database's time and the task, whose
// NextAt is the first nominal time since the pause; what it decides on is carried out as in a tick, and
// its NextAt becomes the task's. A task that is not paused answers with conflict.
func (s *Store) ResumeTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, note string, decide func(now time.Time, t ordinaut.DueTask) ordinaut.Decision) (ordinaut.Task, error) {
	var did ticked
	task, err := s.changeTask(ctx, call, id, func(tx pgx.Tx) (any, error) {
		did = ticked{}
		task, err := lockTask(ctx, tx, call.Agent.NamespaceID, id)
		if err != nil {
			return nil, err
		}
		if task.State != ordinaut.TaskPaused {
			return nil, ordinaut.Errorf(ordinaut.CodeConflict, "%s is %s, not paused", id, task.State)
		}
		due, now, err := seeTask(ctx, tx, task.NamespaceID, id)
		if err != nil {
			return nil, err
		}
		decision := decide(now, due)
		decision.TaskID, decision.Resumed = id, true
		did, err = carryOut(ctx, tx, map[ordinaut.TaskID]ordinaut.NamespaceID{id: task.NamespaceID}, []ordinaut.Decision{decision})
		if err != nil {
			return nil, fmt.Errorf("resume %s: %w", id, err)
		}
		const resume = `UPDATE task SET state = $3, note = $4, updated_at = clock_timestamp()
WHERE namespace_id = $1 AND id = $2`
		_, err = tx.Exec(ctx, resume, [16]byte(task.NamespaceID), [16]byte(id),
			string(stateFor(task.Spec.Schedule.Kind, decision.DueAt)), clean(note))
		return map[string]any{"occurrences": len(decision.Occurrences), "runs": len(did.made)}, err
	})
	if err != nil {
		return task, err
	}
	s.announceTicked(ctx, did)
	s.wake(WakeSchedule)
	return task, nil
}
