package store

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// insertRuns queues runs of tasks as they stand now.
//
//	$1 namespace, $2 ids of the runs, $3 their tasks, $4 params of all, or NULL
//
// rank_at grows by a microsecond from one to the next, so that those of one call start in its order. Each
// task is locked once, so that none which is being deleted is left with a run; one that is deleted by
// the time the lock is had is not counted in the answer's third column. Served by the primary key of task.
const insertRuns = `WITH locked AS MATERIALIZED (
    SELECT FROM task WHERE namespace_id = $1 AND id = ANY ($3) AND state <> 'deleted' FOR KEY SHARE
), wanted AS MATERIALIZED (
    SELECT r.id, r.ord, t.id AS task_id, t.version, t.priority, t.overlap <> 'allow' AS exclusive, clock.at
    FROM (SELECT count(*) AS tasks, clock_timestamp() AS at FROM locked OFFSET 0) AS clock
    CROSS JOIN unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS r (id, task_id, ord)
    CROSS JOIN LATERAL (
        SELECT id, version, priority, overlap FROM task WHERE namespace_id = $1 AND id = r.task_id AND state <> 'deleted' OFFSET 0
    ) AS t
), made AS (
    INSERT INTO run (namespace_id, id, task_id, task_version, kind, due_at, queued_at, params)
    SELECT $1, id, task_id, version, 'manual', at, at, $4 FROM wanted
), queued AS (
    INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority, exclusive)
    SELECT $1, id, task_id, at + (priority - 5) * interval '10 seconds' + ord * interval '1 microsecond', priority, exclusive
    FROM wanted
)
SELECT count(*), min(at), (SELECT count(*) FROM locked) FROM wanted`

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
		if repeated {
			run, err = getRun(ctx, tx, call.Agent.NamespaceID, ordinaut.RunID(object))
			return err
		}
		// All in one round trip: somebody waits for the run to start.
		insert := runInsert{ns: call.Agent.NamespaceID, runs: []NewRun{{ID: id, TaskID: taskID}}, params: params}
		var batch pgx.Batch
		insert.queue(&batch)
		if err := auditOf(call, id, map[string]any{"task": taskID}).queue(&batch); err != nil {
			return err
		}
		batch.Queue(runByID, [16]byte(insert.ns), [16]byte(id)).Query(func(rows pgx.Rows) error {
			found, err := pgx.CollectRows(rows, pgx.RowToStructByName[ordinaut.Run])
			if len(found) == 1 {
				run = found[0]
			}
			return err
		})
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		made, err = insert.made(ctx, tx)
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
		insert := runInsert{ns: call.Agent.NamespaceID, runs: runs}
		var batch pgx.Batch
		insert.queue(&batch)
		if err := auditOf(call, ids[0], map[string]any{"runs": len(runs), "last": ids[len(ids)-1]}).queue(&batch); err != nil {
			return err
		}
		err := tx.SendBatch(ctx, &batch).Close()
		if err != nil {
			return err
		}
		made, err = insert.made(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.announceQueued(ctx, made)
	return ids, nil
}

// runInsert is one execution of insertRuns.
type runInsert struct {
	ns     ordinaut.NamespaceID
	runs   []NewRun
	params json.RawMessage // of all, or nil

	count, locked int // runs made, and tasks that are there
	at            *time.Time
}

// queue adds the statement to a batch.
func (i *runInsert) queue(batch *pgx.Batch) {
	ids, tasks := make([][16]byte, len(i.runs)), make([][16]byte, len(i.runs))
	for n, r := range i.runs {
		ids[n], tasks[n] = r.ID, r.TaskID
	}
	batch.Queue(insertRuns, [16]byte(i.ns), ids, tasks, i.params).QueryRow(func(row pgx.Row) error {
		return row.Scan(&i.count, &i.at, &i.locked)
	})
}

// made returns what was made, or, for the transaction to be undone, not_found for a task that is not there.
func (i *runInsert) made(ctx context.Context, tx pgx.Tx) ([]madeRun, error) {
	distinct := make(map[ordinaut.TaskID]bool)
	made := make([]madeRun, len(i.runs))
	for n, r := range i.runs {
		distinct[r.TaskID] = true
		if i.at != nil {
			made[n] = madeRun{i.ns, r.ID, r.TaskID, *i.at}
		}
	}
	if i.count < len(i.runs) || i.locked < len(distinct) {
		return nil, missingTask(ctx, tx, i.ns, i.runs)
	}
	return made, nil
}

// missingTask returns the not_found error of the first run whose task is not there.
func missingTask(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, runs []NewRun) error {
	for _, r := range runs {
		var found bool
		const query = `SELECT EXISTS (SELECT FROM task WHERE namespace_id = $1 AND id = $2 AND state <> 'deleted')`
		if err := tx.QueryRow(ctx, query, [16]byte(ns), [16]byte(r.TaskID)).Scan(&found); err != nil {
			return err
		}
		if !found {
			return missing(pgx.ErrNoRows, "task", r.TaskID)
		}
	}
	return missing(pgx.ErrNoRows, "task", runs[0].TaskID)
}
