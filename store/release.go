package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// anyBuffered is a column that tells whether any run at all is buffered. Asked once a statement, of an
// index that is empty unless some task buffers.
const anyBuffered = `(SELECT EXISTS (SELECT FROM wait WHERE buffered))`

// live holds of a task w.task_id that some run of it, other than the buffered ones, has not ended. Served
// by the three …_exclusive_idx; LIMIT keeps the planner from reading all of one into a hash.
const live = `coalesce(
        (SELECT true FROM queue WHERE task_id = w.task_id AND exclusive LIMIT 1),
        (SELECT true FROM lease WHERE task_id = w.task_id AND exclusive LIMIT 1),
        (SELECT true FROM wait WHERE task_id = w.task_id AND exclusive AND NOT buffered LIMIT 1),
        false)`

// lockFreeOf locks those of the tasks in $1 of which a run is buffered and none is live. A task that somebody
// else holds is about to be looked at by them, or again by us. The look goes first in its transaction and
// is repeated by releaseRuns: who holds the task's lock sees what its last holder released. Served by
// wait_buffered_idx and task_pkey.
const lockFreeOf = `WITH free AS MATERIALIZED (
    SELECT w.namespace_id, w.task_id
    FROM unnest($1::uuid[]) AS over (task_id)
    CROSS JOIN LATERAL (SELECT namespace_id, task_id FROM wait WHERE task_id = over.task_id AND buffered LIMIT 1) AS w
    WHERE NOT ` + live + `
)` + lockTasks

// lockFree is lockFreeOf for any task, $1 at most. It reads all of wait_buffered_idx.
const lockFree = `WITH free AS MATERIALIZED (
    SELECT w.namespace_id, w.task_id
    FROM (SELECT DISTINCT ON (task_id) namespace_id, task_id FROM wait WHERE buffered ORDER BY task_id) AS w
    WHERE NOT ` + live + `
    LIMIT $1
)` + lockTasks

const lockTasks = `
SELECT t.id
FROM free
CROSS JOIN LATERAL (
    SELECT id FROM task WHERE namespace_id = free.namespace_id AND id = free.task_id FOR NO KEY UPDATE SKIP LOCKED
) AS t`

// releaseRuns moves the oldest buffered run of each task in $1, which the transaction holds locked, to
// the queue, unless another is live. One that is just being canceled is passed over.
const releaseRuns = `WITH freed AS (
    DELETE FROM wait WHERE ctid = ANY (ARRAY(
        SELECT first.place FROM unnest($1::uuid[]) AS w (task_id)
        CROSS JOIN LATERAL (
            SELECT ctid AS place FROM wait WHERE task_id = w.task_id AND buffered
            ORDER BY task_id, run_id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) AS first
        WHERE NOT ` + live + `))
    RETURNING *
)
INSERT INTO queue (namespace_id, run_id, task_id, rank_at, started_at, seq, epoch, priority, failures, crashes, exclusive)
SELECT namespace_id, run_id, task_id, clock_timestamp() + (priority - 5) * interval '10 seconds', started_at, seq, epoch,
    priority, failures, crashes, exclusive
FROM freed`

// ReleaseRuns queues the oldest buffered run of up to limit tasks that have no other live run, and returns
// how many. Whoever ends a run releases the next at once; this finds those that were buffered while the
// run that they wait for was just ending.
func (s *Store) ReleaseRuns(ctx context.Context, limit int) (int, error) {
	return s.release(ctx, lockFree, limit)
}

// releaseAfter releases what waited for runs of these tasks to end. It follows the commit that ended them,
// so that it holds no other lock; should it fail, ReleaseRuns does it.
func (s *Store) releaseAfter(ctx context.Context, tasks [][16]byte) {
	if len(tasks) == 0 {
		return
	}
	if _, err := s.release(context.WithoutCancel(ctx), lockFreeOf, tasks); err != nil {
		s.log.WarnContext(ctx, "buffered runs not released, will be retried", "err", err)
	}
}

// release queues one run for each of the tasks that the statement lock, which takes arg, locks.
func (s *Store) release(ctx context.Context, lock string, arg any) (n int, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, lock, arg)
		if err != nil {
			return err
		}
		free, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
		if err != nil || len(free) == 0 {
			return err
		}
		tag, err := tx.Exec(ctx, releaseRuns, free)
		n = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, err
	}
	if n > 0 {
		s.metrics.released.Add(float64(n))
		s.wake(WakeQueue)
	}
	return n, nil
}

// taskSet collects tasks, each once.
type taskSet map[ordinaut.TaskID]struct{}

func (t taskSet) add(id ordinaut.TaskID) { t[id] = struct{}{} }

func (t taskSet) keys() [][16]byte {
	keys := make([][16]byte, 0, len(t))
	for id := range t {
		keys = append(keys, id)
	}
	return keys
}
