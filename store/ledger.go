package store

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// insertLedger writes rows of the ledger and queues a run for each that was started. A nominal time
// that has its row already keeps it, and gets no second run.
//
//	$1…$10 the rows: namespace, task, nominal_at, kind, last_at, count, fate, reason, run (NULL unless started), event
//	$11, $12 of the runs: when each is due, whether it waits for the task's live run to end
//
// CASE makes of IN a look into a hash, where a join would be a loop in a loop. A probe is no run of
// the pipeline, so it is in no run's way. The tasks are held locked by the caller. Served by occurrence_pkey and task_pkey.
const insertLedger = `WITH given AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::int[], $7::text[],
        $8::text[], $9::uuid[], $10::uuid[], $11::timestamptz[], $12::boolean[])
        AS given (namespace_id, task_id, nominal_at, kind, last_at, count, fate, reason, run_id, event_id, due_at, buffered)
), ledger AS (
    INSERT INTO occurrence (namespace_id, task_id, nominal_at, kind, last_at, count, fate, reason, run_id, event_id)
    SELECT namespace_id, task_id, nominal_at, kind, last_at, count, fate, reason, run_id, event_id FROM given
    ON CONFLICT DO NOTHING
    RETURNING run_id
), started AS (
    SELECT g.*, t.version, t.priority, t.overlap <> 'allow' AND g.kind <> 'probe' AS exclusive, clock.at,
        row_number() OVER (ORDER BY g.nominal_at, g.run_id) AS ord
    FROM given g
    CROSS JOIN LATERAL (SELECT version, priority, overlap FROM task WHERE namespace_id = g.namespace_id AND id = g.task_id OFFSET 0) AS t
    CROSS JOIN (SELECT clock_timestamp() AS at OFFSET 0) AS clock
    WHERE CASE WHEN g.run_id IS NOT NULL THEN g.run_id IN (SELECT run_id FROM ledger) END
), made AS (
    INSERT INTO run (namespace_id, id, task_id, task_version, kind, nominal_at, due_at, queued_at, event_id)
    SELECT namespace_id, run_id, task_id, version, kind, nominal_at, due_at, at,
        nullif(event_id, '00000000-0000-0000-0000-000000000000') FROM started
), buffered AS (
    INSERT INTO wait (namespace_id, run_id, task_id, seq, epoch, priority, failures, crashes, exclusive, buffered)
    SELECT namespace_id, run_id, task_id, 1, 0, priority, 0, 0, exclusive, true FROM started WHERE buffered
), queued AS (
    INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority, exclusive)
    SELECT namespace_id, run_id, task_id,
        at + (priority - 5) * interval '10 seconds' + ord * interval '1 microsecond', priority, exclusive
    FROM started WHERE NOT buffered
)
SELECT namespace_id, run_id AS id, task_id, at AS queued_at FROM started`

// ledgerRow is an occurrence of a task in its namespace, whatever its own NamespaceID and TaskID say.
type ledgerRow struct {
	ns   ordinaut.NamespaceID
	task ordinaut.TaskID
	ordinaut.Occurrence
}

// writeLedger writes rows of tasks that the caller holds locked, and returns the runs it queued. Zero
// fields get their natural values: a fresh run id, one occurrence, by schedule.
func writeLedger(ctx context.Context, tx pgx.Tx, rows []ledgerRow) ([]madeRun, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	var (
		namespaces, tasks    = make([][16]byte, len(rows)), make([][16]byte, len(rows))
		nominal, last        = make([]time.Time, len(rows)), make([]time.Time, len(rows))
		kinds, fates, causes = make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows))
		counts               = make([]int32, len(rows))
		runs, events         = make([]*[16]byte, len(rows)), make([][16]byte, len(rows))
		due, buffered        = make([]time.Time, len(rows)), make([]bool, len(rows))
	)
	for i, r := range rows {
		namespaces[i], tasks[i], nominal[i] = r.ns, r.task, r.NominalAt
		last[i], counts[i] = r.LastAt, int32(max(1, r.Count))
		if r.LastAt.IsZero() {
			last[i] = r.NominalAt
		}
		kinds[i], fates[i], causes[i] = string(cmp.Or(r.Kind, ordinaut.RunScheduled)), string(r.Fate), string(r.Reason)
		if r.Fate == ordinaut.FateStarted {
			id := [16]byte(cmp.Or(r.RunID, ordinaut.NewRunID()))
			runs[i] = &id
		}
		events[i], due[i], buffered[i] = r.EventID, r.DueAt, r.Buffered
		if r.DueAt.IsZero() {
			due[i] = r.NominalAt
		}
	}
	return query[madeRun](ctx, tx, insertLedger, namespaces, tasks, nominal, kinds, last, counts, fates, causes, runs, events, due, buffered)
}
