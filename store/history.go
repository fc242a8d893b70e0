package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// listProgress gives the entries of a run after $3: those that follow from the rows of the run, of its
// first start and of its steps, and those that are stored. Served by the primary keys.
const listProgress = `WITH r AS (
    SELECT r.*, coalesce(l.started_at, q.started_at, w.started_at, r.started_at) AS began_at
    FROM run r
    LEFT JOIN queue q ON q.namespace_id = r.namespace_id AND q.run_id = r.id
    LEFT JOIN lease l ON l.namespace_id = r.namespace_id AND l.run_id = r.id
    LEFT JOIN wait w ON w.namespace_id = r.namespace_id AND w.run_id = r.id
    WHERE r.namespace_id = $1 AND r.id = $2
), entry AS (
    SELECT 1::bigint AS seq, 'run.queued' AS type, queued_at AS at, 'queued' AS state, '' AS step,
        NULL::float8 AS percent, '' AS message
    FROM r
    UNION ALL
    SELECT 2, 'run.started', began_at, 'running', '', NULL, '' FROM r WHERE began_at IS NOT NULL
    UNION ALL
    SELECT seq, 'step.finished', finished_at, state, step_id, NULL, error
    FROM step WHERE namespace_id = $1 AND run_id = $2 AND state NOT IN ('waiting', 'running')
    UNION ALL
    SELECT seq, type, at, state, step, percent, message FROM progress WHERE namespace_id = $1 AND run_id = $2
    UNION ALL
    SELECT seq, 'run.finished', finished_at, state, '', NULL, error FROM r WHERE finished_at IS NOT NULL
)
SELECT * FROM entry WHERE seq > $3 ORDER BY seq`

// ListProgress returns the run's progress entries whose seq is greater than after, in order and without
// a gap. An unknown run answers with not_found.
func (s *Store) ListProgress(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID, after int64) ([]ordinaut.Progress, error) {
	all, err := list[ordinaut.Progress](ctx, s, listProgress, [16]byte(ns), [16]byte(run), after)
	if err != nil || len(all) > 0 {
		return all, err
	}
	// Nothing new, or nothing at all?
	var exists bool
	const lookup = `SELECT EXISTS (SELECT FROM run WHERE namespace_id = $1 AND id = $2)`
	if err := s.pool.QueryRow(ctx, lookup, [16]byte(ns), [16]byte(run)).Scan(&exists); err != nil {
		return nil, translate(err)
	}
	if !exists {
		return nil, missing(pgx.ErrNoRows, "run", run)
	}
	return nil, nil
}

// ListOccurrences returns the latest rows of the task's ledger, newest first.
func (s *Store) ListOccurrences(ctx context.Context, ns ordinaut.NamespaceID, taskID ordinaut.TaskID, limit int) ([]ordinaut.Occurrence, error) {
	const occurrences = `SELECT namespace_id, task_id, nominal_at, last_at, count, kind, fate, reason, run_id, event_id, decided_at
FROM occurrence WHERE namespace_id = $1 AND task_id = $2
ORDER BY nominal_at DESC, kind, event_id LIMIT $3`
	return list[ordinaut.Occurrence](ctx, s, occurrences, [16]byte(ns), [16]byte(taskID), pageSize(limit))
}

// ListWatch is [Store.ListOccurrences] for a condition, without the probes that started: those are runs,
// and would drown the rest. Served by occurrence_watch_idx.
func (s *Store) ListWatch(ctx context.Context, ns ordinaut.NamespaceID, taskID ordinaut.TaskID, limit int) ([]ordinaut.Occurrence, error) {
	const occurrences = `SELECT namespace_id, task_id, nominal_at, last_at, count, kind, fate, reason, run_id, event_id, decided_at
FROM occurrence WHERE namespace_id = $1 AND task_id = $2 AND (kind = 'condition' OR kind = 'probe' AND fate <> 'started')
ORDER BY nominal_at DESC LIMIT $3`
	return list[ordinaut.Occurrence](ctx, s, occurrences, [16]byte(ns), [16]byte(taskID), pageSize(limit))
}
