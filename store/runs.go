package store

import (
	"context"

	"github.com/ordinaut/ordinaut"
)

// runColumns are the columns of an [ordinaut.Run], from run r, its task t and, while it is live, its
// row in one of queue q, lease l and wait w. An attempt's own count of progress is ahead of its lease,
// so a running run's is looked up.
const runColumns = `r.namespace_id, r.id, r.task_id, r.task_version, t.title AS task_title, r.kind,
    CASE WHEN r.state <> 'queued' THEN r.state WHEN l.run_id IS NOT NULL THEN 'running' WHEN w.run_id IS NOT NULL THEN 'waiting' ELSE 'queued' END AS state,
    r.reason, r.error, coalesce(l.epoch, q.epoch, w.epoch, r.attempt) AS attempt, r.params, r.output,
    r.nominal_at, r.event_id, r.retry_of, r.due_at, r.queued_at, coalesce(l.claimed_at, r.claimed_at) AS claimed_at,
    coalesce(l.started_at, q.started_at, w.started_at, r.started_at) AS started_at, r.finished_at, w.due_at AS wakes_at,
    CASE WHEN l.run_id IS NULL THEN coalesce(q.seq, w.seq, r.seq) ELSE greatest(l.seq,
        (SELECT max(p.seq) FROM progress p WHERE p.namespace_id = r.namespace_id AND p.run_id = r.id),
        (SELECT max(s.seq) FROM step s WHERE s.namespace_id = r.namespace_id AND s.run_id = r.id)) END AS seq`

// runJoins add to run r what runColumns needs, each by a primary key.
const runJoins = `JOIN task t ON t.namespace_id = r.namespace_id AND t.id = r.task_id
LEFT JOIN queue q ON q.namespace_id = r.namespace_id AND q.run_id = r.id
LEFT JOIN lease l ON l.namespace_id = r.namespace_id AND l.run_id = r.id
LEFT JOIN wait w ON w.namespace_id = r.namespace_id AND w.run_id = r.id`

const runByID = `SELECT ` + runColumns + `
FROM run r
` + runJoins + `
WHERE r.namespace_id = $1 AND r.id = $2`

func getRun(ctx context.Context, q querier, ns ordinaut.NamespaceID, id ordinaut.RunID) (ordinaut.Run, error) {
	run, err := queryOne[ordinaut.Run](ctx, q, runByID, [16]byte(ns), [16]byte(id))
	return run, missing(err, "run", id)
}

// GetRun returns a run as it stands now, or not_found.
func (s *Store) GetRun(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.RunID) (ordinaut.Run, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	run, err := getRun(ctx, s.pool, ns, id)
	return run, translate(err)
}

// ListSteps returns what the run has recorded of its steps, in the order in which they started.
func (s *Store) ListSteps(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID) ([]ordinaut.StepResult, error) {
	const steps = `SELECT step_id, uses, state, reason, error, tries, epoch, input, output, output_bytes, started_at,
    finished_at, wakes_at, seq
FROM step WHERE namespace_id = $1 AND run_id = $2
ORDER BY started_at, seq, step_id`
	return list[ordinaut.StepResult](ctx, s, steps, [16]byte(ns), [16]byte(run))
}
