package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// Retry says how [Store.RetryRun] retries a run.
type Retry struct {
	// FromStart does every step again. Else the new run goes on where the old one failed.
	FromStart bool
	// Latest takes the task as it is now instead of the version that the old run had; Params replace the old
	// run's, key by key. Both come with FromStart only.
	Latest bool
	Params json.RawMessage
	// Check refuses a definition that could not run; its error is that of the call.
	Check func(*ordinaut.TaskSpec) error
}

// insertRetry queues a run that retries another, of the same event and the same nominal time. It counts as
// live for overlap, as a run by hand does.
//
//	$1 namespace, $2 the new run, $3 the old one, $4 its task, $5 version, $6 params that replace the old ones, or NULL
//
// The task is held locked by the caller. Served by run_pkey and task_pkey.
const insertRetry = `WITH wanted AS MATERIALIZED (
    SELECT t.priority, t.overlap <> 'allow' AS exclusive, clock_timestamp() AS at
    FROM task t WHERE t.namespace_id = $1 AND t.id = $4
), made AS (
    INSERT INTO run (namespace_id, id, task_id, task_version, kind, nominal_at, event_id, retry_of, due_at, queued_at, params)
    SELECT $1, $2, $4, $5, 'retry', r.nominal_at, r.event_id, $3, w.at, w.at,
        CASE WHEN $6::jsonb IS NULL THEN r.params ELSE coalesce(nullif(r.params, 'null'), '{}') || $6 END
    FROM run r CROSS JOIN wanted w WHERE r.namespace_id = $1 AND r.id = $3 AND r.task_id = $4
)
INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority, exclusive)
SELECT $1, $2, $4, at + (priority - 5) * interval '10 seconds', priority, exclusive FROM wanted`

// takeOver gives the new run $3 what it takes over of the old one $2: the results of the steps in $4 as they
// are, and those of the flows in $5 as under way. They have no number in its progress, and are of no attempt of
// its own. Served by step_pkey.
const takeOver = `INSERT INTO step (namespace_id, run_id, step_id, uses, state, reason, error, tries, epoch, input, output, output_bytes,
    started_at, finished_at, seq)
SELECT namespace_id, $3, step_id, uses, CASE WHEN again THEN 'running' ELSE state END, CASE WHEN again THEN '' ELSE reason END,
    CASE WHEN again THEN '' ELSE error END, tries, 0, input, CASE WHEN NOT again THEN output END,
    CASE WHEN again THEN 0 ELSE output_bytes END, started_at, CASE WHEN NOT again THEN finished_at END, 0
FROM (SELECT *, coalesce(step_id = ANY ($5), false) AS again FROM step WHERE namespace_id = $1 AND run_id = $2 AND step_id = ANY ($4::text[] || $5::text[])) AS s`

// RetryRun queues a run that retries one which has ended, and returns it. The old run stays as it is. What the
// new one takes over of its steps is never done again, and later steps reach it. A run that lives or is a
// probe answers with conflict, and so does one that succeeded unless it is retried from the start; one whose task
// is deleted with not_found.
func (s *Store) RetryRun(ctx context.Context, call ordinaut.Call, id ordinaut.RunID, r Retry) (ordinaut.Run, error) {
	var run ordinaut.Run
	repeated := false
	err := s.tx(ctx, func(tx pgx.Tx) error {
		ns, fresh := call.Agent.NamespaceID, ordinaut.NewRunID()
		object, again, err := replay(ctx, tx, call, fresh)
		if err != nil {
			return err
		}
		if repeated = again; !again {
			if err := r.make(ctx, tx, call, id, fresh); err != nil {
				return err
			}
		}
		run, err = getRun(ctx, tx, ns, ordinaut.RunID(object))
		return err
	})
	if err != nil {
		return ordinaut.Run{}, err
	}
	if !repeated {
		s.announceQueued(ctx, []madeRun{{run.NamespaceID, run.ID, run.TaskID, run.QueuedAt}})
	}
	return run, nil
}

// make makes the new run, fresh.
func (r Retry) make(ctx context.Context, tx pgx.Tx, call ordinaut.Call, id, fresh ordinaut.RunID) error {
	ns := call.Agent.NamespaceID
	old, err := getRun(ctx, tx, ns, id)
	if err != nil {
		return err
	}
	if err := r.refusal(&old); err != nil {
		return err
	}
	task, err := lockTask(ctx, tx, ns, old.TaskID)
	if err != nil {
		return err
	}
	version, spec := task.Version, &task.Spec
	if !r.Latest {
		if version = old.TaskVersion; version != task.Version {
			if spec, err = specOf(ctx, tx, ns, old.TaskID, version); err != nil {
				return err
			}
		}
	}
	if err := r.Check(spec); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, insertRetry, [16]byte(ns), [16]byte(fresh), [16]byte(id), [16]byte(old.TaskID), version, r.Params); err != nil {
		return fmt.Errorf("queue a retry of %s: %w", id, err)
	}
	if !r.FromStart {
		if err := resume(ctx, tx, ns, id, fresh, spec); err != nil {
			return fmt.Errorf("take over the steps of %s: %w", id, err)
		}
	}
	return insertAudit(ctx, tx, auditOf(call, fresh, map[string]any{"task": old.TaskID, "retry_of": id, "from_start": r.FromStart}))
}

// refusal says why a run cannot be retried, if it cannot.
func (r Retry) refusal(old *ordinaut.Run) error {
	switch {
	case old.Kind == ordinaut.RunProbe:
		return ordinaut.Errorf(ordinaut.CodeConflict, "%s is a look at a condition: the next comes by itself, and run_now starts the pipeline", old.ID)
	case !old.State.Terminal():
		return ordinaut.Errorf(ordinaut.CodeConflict, "%s has not ended: it is %s; get_run follows it, cancel_run ends it", old.ID, old.State)
	case old.State == ordinaut.RunSucceeded && !r.FromStart:
		return &ordinaut.Error{
			Code: ordinaut.CodeConflict, Pointer: "/from", Example: "start",
			Msg: fmt.Sprintf("%s succeeded, so no step of it failed: from start does all of them again", old.ID),
		}
	default:
		return nil
	}
}

// resume gives a run what it takes over of another one of the same definition.
func resume(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, from, to ordinaut.RunID, spec *ordinaut.TaskSpec) error {
	const recorded = `SELECT step_id, uses, state, reason, '' AS error, tries, epoch, CASE WHEN input IS NOT NULL THEN 'true'::jsonb END AS input,
    NULL::jsonb AS output, output_bytes, started_at, finished_at, wakes_at, seq
FROM step WHERE namespace_id = $1 AND run_id = $2`
	results, err := query[ordinaut.StepResult](ctx, tx, recorded, [16]byte(ns), [16]byte(from))
	if err != nil {
		return err
	}
	r := ordinaut.Resume(spec, results)
	if len(r.Kept)+len(r.Reopened) == 0 {
		return nil
	}
	_, err = tx.Exec(ctx, takeOver, [16]byte(ns), [16]byte(from), [16]byte(to), r.Kept, r.Reopened)
	return err
}
