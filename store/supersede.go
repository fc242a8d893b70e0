package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// endSuperseded ends the runs of the tasks in $1 that no worker holds and that count as live. The tasks are
// held locked by the caller. Served by queue_exclusive_idx and wait_exclusive_idx.
const endSuperseded = `WITH idle AS (
    DELETE FROM queue WHERE task_id = ANY ($1) AND exclusive RETURNING namespace_id, run_id, task_id, seq, epoch, started_at
), asleep AS (
    DELETE FROM wait WHERE task_id = ANY ($1) AND exclusive RETURNING namespace_id, run_id, task_id, seq, epoch, started_at
)
UPDATE run r SET state = 'canceled', reason = 'superseded', attempt = i.epoch, started_at = i.started_at,
    finished_at = clock_timestamp(), seq = i.seq + 1
FROM (SELECT * FROM idle UNION ALL SELECT * FROM asleep) AS i
WHERE r.namespace_id = i.namespace_id AND r.id = i.run_id AND r.task_id = i.task_id
RETURNING r.namespace_id, r.id, r.task_id, r.seq, r.finished_at`

// markSuperseded tells the workers that hold runs of the tasks in $1 to end them. The leases are locked in
// the order of their runs, as every statement locks them. Served by lease_exclusive_idx.
const markSuperseded = `WITH held AS MATERIALIZED (
    SELECT ctid AS place FROM lease WHERE task_id = ANY ($1) AND exclusive ORDER BY run_id FOR UPDATE
)
UPDATE lease SET superseded = superseded OR NOT canceled, canceled = true WHERE ctid = ANY (ARRAY(SELECT place FROM held))`

// superseded is what was done to runs whose place another takes.
type superseded struct {
	ended  []news
	marked int64
	// closed counts approvals that ended with their runs.
	closed int64
}

// supersede ends the live runs of tasks that the transaction holds locked: at once those that no worker
// holds, by their workers the others. A run may move while it is looked for, from the queue to a worker or
// back, so idle ones are looked for again after the held ones are marked, which keeps these from coming back.
func supersede(ctx context.Context, tx pgx.Tx, tasks [][16]byte) (superseded, error) {
	var all superseded
	if len(tasks) == 0 {
		return all, nil
	}
	idle := func() error {
		over, err := query[endedIdle](ctx, tx, endSuperseded, tasks)
		for _, e := range over {
			all.ended = append(all.ended, e.news(ordinaut.ReasonSuperseded))
		}
		return err
	}
	if err := idle(); err != nil {
		return all, fmt.Errorf("end superseded runs: %w", err)
	}
	tag, err := tx.Exec(ctx, markSuperseded, tasks)
	if err != nil {
		return all, fmt.Errorf("mark superseded runs: %w", err)
	}
	all.marked = tag.RowsAffected()
	if err := idle(); err != nil {
		return all, fmt.Errorf("end superseded runs: %w", err)
	}
	namespaces, runs := make([][16]byte, len(all.ended)), make([][16]byte, len(all.ended))
	for i, n := range all.ended {
		namespaces[i], runs[i] = n.ns, n.run
	}
	if all.closed, err = closeApprovals(ctx, tx, namespaces, runs); err != nil {
		return all, fmt.Errorf("close what superseded runs asked: %w", err)
	}
	return all, nil
}

// announceSuperseded tells workers, streams and metrics of what [supersede] did. It follows the commit.
func (s *Store) announceSuperseded(ctx context.Context, all superseded) {
	if all.marked > 0 {
		s.wake(WakeCancel)
	}
	if n := len(all.ended); n > 0 {
		s.metrics.ended(ordinaut.RunCanceled, ordinaut.ReasonSuperseded, n)
		s.metrics.closed(all.closed)
		s.announce(ctx, all.ended)
	}
}

// endedIdle is a run that ended as canceled while no worker held it.
type endedIdle struct {
	NamespaceID ordinaut.NamespaceID `db:"namespace_id"`
	ID          ordinaut.RunID       `db:"id"`
	TaskID      ordinaut.TaskID      `db:"task_id"`
	Seq         int64                `db:"seq"`
	FinishedAt  time.Time            `db:"finished_at"`
}

func (e endedIdle) news(reason ordinaut.Reason) news {
	return endNews(ordinaut.Run{
		NamespaceID: e.NamespaceID, ID: e.ID, TaskID: e.TaskID, State: ordinaut.RunCanceled, Reason: reason,
		Seq: e.Seq, FinishedAt: &e.FinishedAt,
	})
}
