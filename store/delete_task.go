package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// endTaskRuns ends the task's runs that no worker holds and marks those that one holds.
const endTaskRuns = `WITH idle AS (
    DELETE FROM queue WHERE namespace_id = $1 AND task_id = $2 RETURNING run_id, seq, epoch, started_at
), asleep AS (
    DELETE FROM wait WHERE namespace_id = $1 AND task_id = $2 RETURNING run_id, seq, epoch, started_at
)
UPDATE run r SET state = 'canceled', reason = 'task_deleted', attempt = i.epoch, started_at = i.started_at,
    finished_at = clock_timestamp(), seq = i.seq + 1
FROM (SELECT * FROM idle UNION ALL SELECT * FROM asleep) AS i
WHERE r.namespace_id = $1 AND r.id = i.run_id AND r.task_id = $2
RETURNING r.namespace_id, r.id, r.task_id, r.seq, r.finished_at`

// DeleteTask deletes the task for every caller; its history stays. Its runs that are queued or waiting
// end as canceled(task_deleted), running ones are told to stop. unmet gives the ledger's rows of the times that
// have passed without a fate. It returns the task as it was left.
func (s *Store) DeleteTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, unmet Unmet) (ordinaut.Task, error) {
	var over []news
	var marked, closed int64
	task, err := s.changeTask(ctx, call, id, func(tx pgx.Tx) (any, error) {
		ns := call.Agent.NamespaceID
		// Waits for those who are just queuing a run of the task.
		const lock = `SELECT FROM task WHERE namespace_id = $1 AND id = $2 AND state <> 'deleted' FOR UPDATE`
		tag, err := tx.Exec(ctx, lock, [16]byte(ns), [16]byte(id))
		if err != nil {
			return nil, err
		}
		if tag.RowsAffected() == 0 {
			return nil, missing(pgx.ErrNoRows, "task", id)
		}
		passed, err := writeUnmet(ctx, tx, ns, id, unmet)
		if err != nil {
			return nil, err
		}
		const remove = `UPDATE task SET state = 'deleted', next_at = NULL, due_at = NULL, snoozed_at = NULL, snoozed_until = NULL,
    updated_at = clock_timestamp()
WHERE namespace_id = $1 AND id = $2`
		if _, err := tx.Exec(ctx, remove, [16]byte(ns), [16]byte(id)); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM condition WHERE namespace_id = $1 AND task_id = $2`, [16]byte(ns), [16]byte(id)); err != nil {
			return nil, err
		}
		if over, closed, err = endRunsOf(ctx, tx, ns, id); err != nil {
			return nil, fmt.Errorf("end runs of %s: %w", id, err)
		}
		const mark = `UPDATE lease SET canceled = true WHERE namespace_id = $1 AND task_id = $2`
		tag, err = tx.Exec(ctx, mark, [16]byte(ns), [16]byte(id))
		marked = tag.RowsAffected()
		detail := map[string]any{"runs_canceled": len(over), "runs_told": marked}
		if passed > 0 {
			detail["occurrences"] = passed
		}
		return detail, err
	})
	if err != nil {
		return task, err
	}
	if marked > 0 {
		s.wake(WakeCancel)
	}
	s.metrics.ended(ordinaut.RunCanceled, ordinaut.ReasonTaskDeleted, len(over))
	s.metrics.closed(closed)
	s.announce(ctx, over)
	return task, nil
}

func endRunsOf(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, id ordinaut.TaskID) ([]news, int64, error) {
	all, err := query[endedIdle](ctx, tx, endTaskRuns, [16]byte(ns), [16]byte(id))
	if err != nil {
		return nil, 0, err
	}
	over := make([]news, len(all))
	namespaces, runs := make([][16]byte, len(all)), make([][16]byte, len(all))
	for i, e := range all {
		over[i] = e.news(ordinaut.ReasonTaskDeleted)
		namespaces[i], runs[i] = e.NamespaceID, e.ID
	}
	closed, err := closeApprovals(ctx, tx, namespaces, runs)
	return over, closed, err
}
