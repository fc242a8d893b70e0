package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// wakeRuns moves sleepers whose time has come to the queue, $1 at most. Served by wait_due_idx.
const wakeRuns = `WITH due AS (
    DELETE FROM wait WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM wait WHERE due_at <= statement_timestamp()
        ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING *
)
INSERT INTO queue (namespace_id, run_id, task_id, rank_at, started_at, seq, epoch, priority, failures, crashes, exclusive)
SELECT namespace_id, run_id, task_id, clock_timestamp() + (priority - 5) * interval '10 seconds', started_at, seq, epoch,
    priority, failures, crashes, exclusive
FROM due`

// nextWait gives the seconds until the earliest sleeper that is not due. Served by wait_due_idx.
const nextWait = `SELECT coalesce(extract(epoch FROM min(due_at) - clock_timestamp()), 'Infinity')::float8
FROM wait WHERE due_at > statement_timestamp()`

// WakeRuns queues up to limit waiting runs whose time has come and returns how many. next is how long
// until the earliest that is left, by the database's clock: 0 when there may be more that are due,
// capped at an hour, and an hour when nobody sleeps.
func (s *Store) WakeRuns(ctx context.Context, limit int) (n int, next time.Duration, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, wakeRuns, limit)
		if err != nil {
			return err
		}
		n = int(tag.RowsAffected())
		if n == limit {
			next = 0
			return nil
		}
		var seconds float64
		if err := tx.QueryRow(ctx, nextWait).Scan(&seconds); err != nil {
			return err
		}
		next = ahead(seconds)
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	if n > 0 {
		s.wake(WakeQueue)
	}
	return n, next, nil
}
