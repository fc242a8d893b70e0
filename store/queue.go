package store

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// insertRuns queues runs of tasks as they stand now.
//
//	$1 namespace, $2 ids of the runs, $3 their tasks, $4 params of all, or NULL
//
// rank_at grows by a microsecond from one to the next, so that those of one call start in its order.
// Deleted tasks give no row; the lock keeps one that is being deleted from leaving a run behind. Served
// by the primary key of task.
const insertRuns = `WITH wanted AS (
    SELECT r.id, r.ord, t.id AS task_id, t.version, t.priority, t.overlap <> 'allow' AS exclusive, clock.at
    FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS r (id, task_id, ord)
    CROSS JOIN LATERAL (
        SELECT id, version, priority, overlap FROM task
        WHERE namespace_id = $1 AND id = r.task_id AND state <> 'deleted' FOR KEY SHARE
    ) AS t
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
	runs = slices.Clone(runs)
	ids := make([]ordinaut.RunID, len(runs))
	for i := range runs {
		runs[i].ID = cmp.Or(runs[i].ID, ordinaut.NewRunID())
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
