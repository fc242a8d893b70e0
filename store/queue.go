package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// insertRuns queues runs of tasks as they stand now.
//
//	$1 namespace, $2 ids of the runs, $3 their tasks, $4 params of all, or NULL
//
// rank_at grows by a microsecond from one to the next, so that those of one call start in its order.
// Deleted tasks give no row. Served by the primary key of task.
const insertRuns = `WITH wanted AS (
    SELECT r.id, r.ord, t.id AS task_id, t.version, t.priority, t.overlap <> 'allow' AS exclusive, clock.at
    FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS r (id, task_id, ord)
    JOIN task t ON t.namespace_id = $1 AND t.id = r.task_id AND t.state <> 'deleted'
    CROSS JOIN (SELECT clock_timestamp() AS at OFFSET 0) AS clock
), made AS (
    INSERT INTO run (namespace_id, id, task_id, task_version, kind, due_at, queued_at, params)
    SELECT $1, id, task_id, version, 'manual', at, at, $4 FROM wanted
), queued AS (
    INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority, exclusive)
    SELECT $1, id, task_id, at + (priority - 5) * interval '10 seconds' + ord * interval '1 microsecond', priority, exclusive
    FROM wanted
)
SELECT $1::uuid AS namespace_id, id, task_id, at AS queued_at FROM wanted`

// CreateRun queues a run of the task by hand, whatever its schedule, state and overlap policy say, and
// returns it. params override the task's, key by key.
func (s *Store) CreateRun(ctx context.Context, call ordinaut.Call, taskID ordinaut.TaskID, params json.RawMessage) (ordinaut.Run, error) {
	var made []madeRun
	var run ordinaut.Run
	err := s.tx(ctx, func(tx pgx.Tx) error {
		id := ordinaut.NewRunID()
		object, repeated, err := replay(ctx, tx, call, id)
		if err != nil {
			return err
		}
		if !repeated {
			made, err = insertManualRuns(ctx, tx, call.Agent.NamespaceID, []NewRun{{ID: id, TaskID: taskID}}, params)
			if err != nil {
				return err
			}
			if err := insertAudit(ctx, tx, auditOf(call, id, map[string]any{"task": taskID})); err != nil {
				return err
			}
		}
		run, err = getRun(ctx, tx, call.Agent.NamespaceID, ordinaut.RunID(object))
		return err
	})
	if err != nil {
		return ordinaut.Run{}, err
	}
	s.announceQueued(ctx, made)
	return run, nil
}

// InsertRuns queues many runs of existing tasks in one statement, as [Store.CreateRun] does one, and
// returns their ids in the same order. The audit trail gets one row. If a task does not exist nothing
// is queued. The call's idempotency key is not looked at.
func (s *Store) InsertRuns(ctx context.Context, call ordinaut.Call, runs []NewRun) ([]ordinaut.RunID, error) {
	if len(runs) == 0 {
		return nil, nil
	}
	runs = append([]NewRun(nil), runs...)
	ids := make([]ordinaut.RunID, len(runs))
	for i := range runs {
		if runs[i].ID.IsZero() {
			runs[i].ID = ordinaut.NewRunID()
		}
		ids[i] = runs[i].ID
	}
	var made []madeRun
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var err error
		if made, err = insertManualRuns(ctx, tx, call.Agent.NamespaceID, runs, nil); err != nil {
			return err
		}
		return insertAudit(ctx, tx, auditOf(call, ids[0], map[string]any{"runs": len(runs), "last": ids[len(ids)-1]}))
	})
	if err != nil {
		return nil, err
	}
	s.announceQueued(ctx, made)
	return ids, nil
}

func insertManualRuns(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, runs []NewRun, params json.RawMessage) ([]madeRun, error) {
	ids, tasks := make([][16]byte, len(runs)), make([][16]byte, len(runs))
	for i, r := range runs {
		ids[i], tasks[i] = r.ID, r.TaskID
	}
	made, err := query[madeRun](ctx, tx, insertRuns, [16]byte(ns), ids, tasks, params)
	if err != nil {
		return nil, err
	}
	if len(made) == len(runs) {
		return made, nil
	}
	found := make(map[ordinaut.TaskID]bool, len(made))
	for _, m := range made {
		found[m.TaskID] = true
	}
	for _, r := range runs {
		if !found[r.TaskID] {
			return nil, missing(pgx.ErrNoRows, "task", r.TaskID)
		}
	}
	return made, nil
}

// insertLedger writes rows of the ledger and queues a run for each that was started. A nominal time
// that has its row already keeps it, and gets no second run.
//
//	$1…$9 the rows: namespace, task, nominal_at, kind, last_at, count, fate, reason, run (NULL unless started)
//	$10…$12 version, priority and exclusive of each row's task
const insertLedger = `WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::int[], $7::text[],
        $8::text[], $9::uuid[], $10::int[], $11::smallint[], $12::boolean[])
        WITH ORDINALITY AS w (namespace_id, task_id, nominal_at, kind, last_at, count, fate, reason, run_id, version, priority, exclusive, ord)
    CROSS JOIN (SELECT clock_timestamp() AS at OFFSET 0) AS clock
), ledger AS (
    INSERT INTO occurrence (namespace_id, task_id, nominal_at, kind, last_at, count, fate, reason, run_id, decided_at)
    SELECT namespace_id, task_id, nominal_at, kind, last_at, count, fate, reason, run_id, at FROM wanted
    ON CONFLICT DO NOTHING
    RETURNING run_id
), started AS (
    SELECT w.* FROM wanted w WHERE w.run_id IS NOT NULL AND w.run_id IN (SELECT run_id FROM ledger WHERE run_id IS NOT NULL)
), made AS (
    INSERT INTO run (namespace_id, id, task_id, task_version, kind, nominal_at, due_at, queued_at)
    SELECT namespace_id, run_id, task_id, version, kind, nominal_at, nominal_at, at FROM started
), queued AS (
    INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority, exclusive)
    SELECT namespace_id, run_id, task_id,
        at + (priority - 5) * interval '10 seconds' + ord * interval '1 microsecond', priority, exclusive
    FROM started
)
SELECT namespace_id, run_id AS id, task_id, at AS queued_at FROM started`

// writeLedger writes what was decided for tasks, which the caller holds locked, and returns the runs
// that were queued.
func writeLedger(ctx context.Context, tx pgx.Tx, due []ordinaut.DueTask, decisions []ordinaut.Decision) ([]madeRun, error) {
	byID := make(map[ordinaut.TaskID]*ordinaut.DueTask, len(due))
	for i := range due {
		byID[due[i].TaskID] = &due[i]
	}
	var (
		namespaces, tasks    [][16]byte
		runs                 []*[16]byte
		nominal, last        []time.Time
		kinds, fates, causes []string
		counts, versions     []int32
		priorities           []int16
		exclusives           []bool
	)
	for _, d := range decisions {
		task := byID[d.TaskID]
		for _, o := range d.Occurrences {
			var run *[16]byte
			if o.Fate == ordinaut.FateStarted {
				id := [16]byte(o.RunID)
				if o.RunID.IsZero() {
					id = ordinaut.NewRunID()
				}
				run = &id
			}
			lastAt := o.LastAt
			if lastAt.IsZero() {
				lastAt = o.NominalAt
			}
			kind := o.Kind
			if kind == "" {
				kind = ordinaut.RunScheduled
			}
			namespaces, tasks, runs = append(namespaces, task.NamespaceID), append(tasks, d.TaskID), append(runs, run)
			nominal, last = append(nominal, o.NominalAt), append(last, lastAt)
			kinds, fates, causes = append(kinds, string(kind)), append(fates, string(o.Fate)), append(causes, string(o.Reason))
			counts, versions = append(counts, int32(max(1, o.Count))), append(versions, int32(task.Version))
			priorities = append(priorities, int16(task.Priority))
			exclusives = append(exclusives, task.Overlap != ordinaut.OverlapAllow)
		}
	}
	if len(tasks) == 0 {
		return nil, nil
	}
	return query[madeRun](ctx, tx, insertLedger, namespaces, tasks, nominal, kinds, last, counts, fates, causes, runs,
		versions, priorities, exclusives)
}
