package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// maxCrashes is how many workers may die under a run before it ends as failed(worker_crashed).
const maxCrashes = 3

// lockExpired locks up to $1 leases that were not renewed in time, save those that are being written
// under. Leases are few, so they are read through.
const lockExpired = `SELECT namespace_id, run_id FROM lease WHERE until < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED`

// rescueRuns takes leases away that [lockExpired] has locked: $1 namespaces, $2 runs; $3 is [maxCrashes], $4 the reason of its end. A
// canceled run ends, a poison run ends, any other goes back to the queue, with its run.requeued entry.
// The count of progress goes on from what the lost attempt wrote: all of it, since nothing can be added
// under the lock. Served by the primary keys.
const rescueRuns = `WITH expired AS (
    DELETE FROM lease WHERE ctid = ANY (ARRAY(
        SELECT l.place FROM unnest($1::uuid[], $2::uuid[]) AS held (namespace_id, run_id)
        CROSS JOIN LATERAL (
            SELECT ctid AS place FROM lease WHERE namespace_id = held.namespace_id AND run_id = held.run_id OFFSET 0
        ) AS l))
    RETURNING *
), counted AS (
    SELECT e.*, clock.at,
        1 + greatest(e.seq,
            (SELECT max(p.seq) FROM progress p WHERE p.namespace_id = e.namespace_id AND p.run_id = e.run_id),
            (SELECT max(s.seq) FROM step s WHERE s.namespace_id = e.namespace_id AND s.run_id = e.run_id)) AS next_seq,
        CASE WHEN e.canceled THEN 'canceled' WHEN e.crashes + 1 >= $3 THEN 'failed' ELSE 'queued' END AS fate,
        CASE WHEN e.superseded THEN 'superseded' WHEN e.canceled THEN 'canceled' WHEN e.crashes + 1 >= $3 THEN $4 ELSE '' END AS reason
    FROM expired e CROSS JOIN (SELECT clock_timestamp() AS at OFFSET 0) AS clock
), ended AS (
    UPDATE run r SET state = c.fate, finished_at = c.at, attempt = c.epoch, claimed_at = c.claimed_at,
        started_at = c.started_at, seq = c.next_seq,
        reason = c.reason,
        error = CASE c.fate WHEN 'canceled' THEN '' ELSE format('its worker died %s times under it, last %s', c.crashes + 1, c.worker) END
    FROM counted c
    WHERE c.fate <> 'queued' AND r.namespace_id = c.namespace_id AND r.id = c.run_id AND r.task_id = c.task_id
), requeued AS (
    INSERT INTO queue (namespace_id, run_id, task_id, rank_at, started_at, seq, epoch, priority, failures, crashes, exclusive)
    SELECT namespace_id, run_id, task_id, at + (priority - 5) * interval '10 seconds', started_at, next_seq, epoch,
        priority, failures, crashes + 1, exclusive
    FROM counted WHERE fate = 'queued'
), told AS (
    INSERT INTO progress (namespace_id, run_id, seq, type, at, state, message)
    SELECT namespace_id, run_id, next_seq, 'run.requeued', at, 'queued', format('worker %s stopped renewing its lease', worker)
    FROM counted WHERE fate = 'queued'
)
SELECT namespace_id, run_id, task_id, fate, reason, next_seq, at, worker, ` + anyBuffered + ` AS buffered FROM counted`

// expiredLease names a lease that was not renewed in time.
type expiredLease struct {
	NamespaceID ordinaut.NamespaceID `db:"namespace_id"`
	RunID       ordinaut.RunID       `db:"run_id"`
}

// rescued is what became of the run of an [expiredLease].
type rescued struct {
	expiredLease
	TaskID ordinaut.TaskID   `db:"task_id"`
	Fate   ordinaut.RunState `db:"fate"`
	Reason ordinaut.Reason   `db:"reason"`
	Seq    int64             `db:"next_seq"`
	At     time.Time         `db:"at"`
	Worker string            `db:"worker"`
	// Buffered reports whether runs wait for others to end.
	Buffered bool `db:"buffered"`
}

// RescueRuns takes back up to limit runs whose lease ran out and returns how many. Each is queued
// again; one that was canceled ends as that; one under which three workers have died ends as
// failed(worker_crashed). The lost attempt's epoch is no longer current, so it can write nothing more.
func (s *Store) RescueRuns(ctx context.Context, limit int) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var all []rescued
	var closed int64
	err = s.tx(ctx, func(tx pgx.Tx) error {
		expired, err := query[expiredLease](ctx, tx, lockExpired, limit)
		if err != nil || len(expired) == 0 {
			return err
		}
		namespaces, runs := make([][16]byte, len(expired)), make([][16]byte, len(expired))
		for i, l := range expired {
			namespaces[i], runs[i] = l.NamespaceID, l.RunID
		}
		all, err = query[rescued](ctx, tx, rescueRuns, namespaces, runs, maxCrashes, string(ordinaut.ReasonWorkerCrashed))
		if err != nil {
			return err
		}
		closed, err = closeApprovals(ctx, tx, namespaces, runs)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.metrics.closed(closed)
	told := make([]news, 0, len(all))
	requeued := false
	over, failed := taskSet{}, failedTasks{}
	for _, r := range all {
		s.log.WarnContext(ctx, "run rescued", "run_id", r.RunID, "task_id", r.TaskID, "worker", r.Worker, "state", r.Fate)
		n := news{ns: r.NamespaceID, run: r.RunID, task: r.TaskID, reason: r.Reason, entry: ordinaut.Progress{Seq: r.Seq, At: r.At, State: string(r.Fate)}}
		if r.Fate == ordinaut.RunQueued {
			n.entry.Type, requeued = ordinaut.ProgressRequeued, true
			n.entry.Message = "worker " + r.Worker + " stopped renewing its lease"
		} else {
			n.entry.Type = ordinaut.ProgressFinished
			s.metrics.ended(r.Fate, r.Reason, 1)
			failed.add(r.NamespaceID, r.TaskID, r.Fate)
			if r.Buffered {
				over.add(r.TaskID)
			}
		}
		told = append(told, n)
	}
	s.announce(ctx, told)
	if requeued {
		s.wake(WakeQueue)
	}
	s.releaseAfter(ctx, over.keys())
	s.pauseFailing(ctx, failed)
	return len(all), nil
}
