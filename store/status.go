package store

import (
	"context"

	"github.com/ordinaut/ordinaut"
)

// status counts live runs, which are few beside the history, and tasks of the namespace $1.
const status = `SELECT
    (SELECT count(*) FROM queue WHERE namespace_id = $1) AS queued,
    (SELECT count(*) FROM lease WHERE namespace_id = $1) AS running,
    (SELECT count(*) FROM wait WHERE namespace_id = $1) AS waiting,
    coalesce((SELECT clock_timestamp() - (rank_at - (priority - 5) * interval '10 seconds')
        FROM queue WHERE namespace_id = $1 ORDER BY rank_at, run_id LIMIT 1), '0') AS oldest_ready,
    (SELECT count(*) FROM task WHERE namespace_id = $1 AND state = 'active') AS active,
    (SELECT count(*) FROM task WHERE namespace_id = $1 AND state = 'paused') AS paused,
    (SELECT count(*) FROM task WHERE namespace_id = $1 AND due_at < statement_timestamp() - interval '10 seconds') AS overdue,
    (SELECT coalesce(array_agg(DISTINCT worker ORDER BY worker), '{}') FROM lease WHERE until > statement_timestamp()) AS workers,
    (SELECT coalesce(max(version), 0) FROM schema_migration) AS schema_version,
    current_setting('server_version') AS postgres_version,
    clock_timestamp() AS now`

// Status returns how the namespace stands. OldestReady looks at the run that is next to be claimed.
func (s *Store) Status(ctx context.Context, ns ordinaut.NamespaceID) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	row, err := queryOne[Status](ctx, s.pool, status, [16]byte(ns))
	return row, translate(err)
}
