package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// taskColumns are the columns of an [ordinaut.Task], from task t and its present task_version v.
const taskColumns = `t.namespace_id, t.id, t.owner_id, t.version, t.state, t.note, v.spec,
    CASE WHEN t.state = 'active' THEN t.next_at END AS next_at, t.due_at, t.snoozed_at, t.snoozed_until, t.paused_reason,
    t.runs_started, t.created_at, t.updated_at`

// taskByID also finds deleted tasks. Served by the primary keys.
const taskByID = `SELECT ` + taskColumns + `
FROM task t
JOIN task_version v ON v.namespace_id = t.namespace_id AND v.task_id = t.id AND v.version = t.version
WHERE t.namespace_id = $1 AND t.id = $2`

func getTask(ctx context.Context, q querier, ns ordinaut.NamespaceID, id ordinaut.TaskID) (ordinaut.Task, error) {
	task, err := queryOne[ordinaut.Task](ctx, q, taskByID, [16]byte(ns), [16]byte(id))
	return task, missing(err, "task", id)
}

// lockTask locks the row of a task that is not deleted against everything but reading, and returns it.
func lockTask(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, id ordinaut.TaskID) (ordinaut.Task, error) {
	const lock = `SELECT id FROM task WHERE namespace_id = $1 AND id = $2 AND state <> 'deleted' FOR NO KEY UPDATE`
	var found [16]byte
	if err := tx.QueryRow(ctx, lock, [16]byte(ns), [16]byte(id)).Scan(&found); err != nil {
		return ordinaut.Task{}, missing(err, "task", id)
	}
	return getTask(ctx, tx, ns, id)
}

// GetTask returns a task that is not deleted, else not_found.
func (s *Store) GetTask(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.TaskID) (ordinaut.Task, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	task, err := getTask(ctx, s.pool, ns, id)
	if err == nil && task.State == ordinaut.TaskDeleted {
		err = missing(pgx.ErrNoRows, "task", id)
	}
	if err != nil {
		return ordinaut.Task{}, translate(err)
	}
	return task, nil
}

// listTasks is served by the primary key of task.
const listTasks = `SELECT ` + taskColumns + `
FROM task t
JOIN task_version v ON v.namespace_id = t.namespace_id AND v.task_id = t.id AND v.version = t.version
WHERE t.namespace_id = $1 AND t.id > $2 AND t.state <> 'deleted'
    AND ($3 = '' OR t.state = $3)
    AND ($4 = '' OR strpos(lower(t.title), lower($4)) > 0)
ORDER BY t.id
LIMIT $5`

// ListTasks returns the tasks that f selects, oldest first.
func (s *Store) ListTasks(ctx context.Context, ns ordinaut.NamespaceID, f TaskFilter) ([]ordinaut.Task, error) {
	return list[ordinaut.Task](ctx, s, listTasks, [16]byte(ns), [16]byte(f.After), string(f.State), clean(f.Text), pageSize(f.Limit))
}

// pageSize returns the rows of a page when a caller asks for limit.
func pageSize(limit int) int {
	if limit <= 0 {
		return 50
	}
	return min(limit, 1000)
}

// TaskVersion returns the definition that a version of a task had; deleted tasks keep theirs. A
// version never changes.
func (s *Store) TaskVersion(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.TaskID, version int) (*ordinaut.TaskSpec, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	spec, err := specOf(ctx, s.pool, ns, id, version)
	return spec, translate(err)
}

func specOf(ctx context.Context, q querier, ns ordinaut.NamespaceID, id ordinaut.TaskID, version int) (*ordinaut.TaskSpec, error) {
	const lookup = `SELECT spec FROM task_version WHERE namespace_id = $1 AND task_id = $2 AND version = $3`
	found, err := queryOne[struct {
		Spec ordinaut.TaskSpec `db:"spec"`
	}](ctx, q, lookup, [16]byte(ns), [16]byte(id), version)
	if err != nil {
		return nil, missing(err, "task", id)
	}
	return &found.Spec, nil
}

// upsertTask writes what a task and its new version say. With @keep the task is due when it was before,
// with @counted its runs so far count. One that keeps a run for a snoozed occurrence is looked at when it may
// start more or fewer. A paused task stays paused: its due time is that of its pause.
const upsertTask = `WITH written AS (
    INSERT INTO task AS t (namespace_id, id, owner_id, version, state, title, priority, schedule_kind, schedule_expr,
        timezone, starts_at, ends_at, overlap, catch_up, max_lateness_seconds, max_catch_up, jitter_seconds, max_runs, rules,
        pause_after_failures, next_at, due_at)
    VALUES (@namespace_id, @id, @agent_id, @version, @state, @title, @priority, @schedule_kind, @schedule_expr,
        @timezone, @starts_at, @ends_at, @overlap, @catch_up, @max_lateness_seconds, @max_catch_up, @jitter_seconds, @max_runs,
        @rules, @pause_after_failures, @next_at, CASE WHEN @state::text = 'active' THEN @due_at::timestamptz END)
    ON CONFLICT (namespace_id, id) DO UPDATE
    SET version = excluded.version, state = excluded.state, title = excluded.title, priority = excluded.priority,
        schedule_kind = excluded.schedule_kind, schedule_expr = excluded.schedule_expr, timezone = excluded.timezone,
        starts_at = excluded.starts_at, ends_at = excluded.ends_at, overlap = excluded.overlap,
        catch_up = excluded.catch_up, max_lateness_seconds = excluded.max_lateness_seconds,
        max_catch_up = excluded.max_catch_up, jitter_seconds = excluded.jitter_seconds, max_runs = excluded.max_runs,
        rules = excluded.rules, pause_after_failures = excluded.pause_after_failures,
        failures_since = clock_timestamp(), runs_started = CASE WHEN @counted THEN t.runs_started ELSE 0 END,
        snoozed_at = CASE WHEN @keep THEN t.snoozed_at END, snoozed_until = CASE WHEN @keep THEN t.snoozed_until END,
        next_at = CASE WHEN @keep THEN t.next_at ELSE excluded.next_at END,
        due_at = CASE
            WHEN @keep AND t.state = 'active' AND t.snoozed_at IS NOT NULL AND t.max_runs <> excluded.max_runs THEN clock_timestamp()
            WHEN @keep OR t.state = 'paused' THEN t.due_at
            ELSE excluded.due_at END,
        updated_at = clock_timestamp()
    RETURNING next_at
)
INSERT INTO task_version (namespace_id, task_id, version, spec, created_by, first_at)
SELECT @namespace_id, @id, @version, @spec, @agent_id, next_at FROM written`

// times is when a written task is due: at next, or with keep as before. With counted the runs that it has
// started go on to count for max_runs.
type times struct {
	next          *time.Time
	keep, counted bool
}

func writeTask(ctx context.Context, tx pgx.Tx, call ordinaut.Call, id ordinaut.TaskID, version int, state ordinaut.TaskState, spec ordinaut.TaskSpec, due times) error {
	doc, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("encode task: %w", err)
	}
	_, err = tx.Exec(ctx, upsertTask, pgx.StrictNamedArgs{
		"namespace_id": call.Agent.NamespaceID, "id": id, "agent_id": call.Agent.ID, "version": version,
		"state": state, "title": spec.Title, "priority": spec.Priority, "schedule_kind": spec.Schedule.Kind,
		"schedule_expr": spec.Schedule.Expr, "timezone": spec.Schedule.Timezone, "starts_at": spec.Schedule.StartsAt,
		"ends_at": spec.Schedule.EndsAt, "overlap": spec.Schedule.Overlap, "catch_up": spec.Schedule.CatchUp,
		"max_lateness_seconds": spec.Schedule.MaxLatenessSeconds, "max_catch_up": spec.Schedule.MaxCatchUp,
		"jitter_seconds": spec.Schedule.JitterSeconds, "max_runs": spec.Schedule.MaxRuns, "rules": spec.Schedule.Rules,
		"pause_after_failures": spec.PauseAfterFailures, "next_at": due.next, "due_at": due.next, "keep": due.keep, "counted": due.counted,
		"spec": json.RawMessage(doc),
	})
	return err
}

// stateFor returns the state of a task that is not paused: without a next time only one that has no times
// of its own is active.
func stateFor(kind ordinaut.ScheduleKind, nextAt *time.Time) ordinaut.TaskState {
	if nextAt == nil && kind != ordinaut.ScheduleManual && kind != ordinaut.ScheduleEvent {
		return ordinaut.TaskFinished
	}
	return ordinaut.TaskActive
}

// changeTask is the frame of every method that changes a task: replay, the change, the audit row. The
// change returns the detail of the audit row. The task is returned as it stands after it.
func (s *Store) changeTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, change func(pgx.Tx) (detail any, err error)) (ordinaut.Task, error) {
	var task ordinaut.Task
	err := s.tx(ctx, func(tx pgx.Tx) error {
		object, repeated, err := replay(ctx, tx, call, id)
		if err != nil {
			return err
		}
		if !repeated {
			detail, err := change(tx)
			if err != nil {
				return err
			}
			if err := insertAudit(ctx, tx, auditOf(call, id, detail)); err != nil {
				return err
			}
		}
		task, err = getTask(ctx, tx, call.Agent.NamespaceID, ordinaut.TaskID(object))
		return err
	})
	if err != nil {
		return ordinaut.Task{}, err
	}
	return task, nil
}

// CreateTask stores spec as version 1 of a new task that is first due at nextAt; nil means that it is
// finished from the start or, if its schedule is manual, due by nobody's doing.
func (s *Store) CreateTask(ctx context.Context, call ordinaut.Call, spec ordinaut.TaskSpec, nextAt *time.Time) (ordinaut.Task, error) {
	id := ordinaut.NewTaskID()
	task, err := s.changeTask(ctx, call, id, func(tx pgx.Tx) (any, error) {
		if err := requireCalendars(ctx, tx, call.Agent.NamespaceID, spec.Schedule.Rules); err != nil {
			return nil, err
		}
		err := writeTask(ctx, tx, call, id, 1, stateFor(spec.Schedule.Kind, nextAt), spec, times{next: nextAt})
		return map[string]any{"version": 1}, err
	})
	if err == nil && nextAt != nil {
		s.wake(WakeSchedule)
	}
	return task, err
}

// UpdateTask stores spec as the task's next version. If its schedule has other times than before, or was
// finished by a max_runs that is now larger, the task is due at nextAt; else nextAt is not looked at: the
// task goes on where it stands, and one that is paused still knows what it passed over. Failures before
// the change no longer count for pause_after_failures. A paused task stays paused. Unless ifVersion is 0 it must be the task's
// present version, else the answer is a conflict that names it. Runs that exist keep the version they have.
// When the times change, unmet gives the ledger's rows of those that have passed without a fate.
func (s *Store) UpdateTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, ifVersion int, spec ordinaut.TaskSpec, nextAt *time.Time, unmet Unmet) (ordinaut.Task, error) {
	task, err := s.changeTask(ctx, call, id, func(tx pgx.Tx) (any, error) {
		task, err := lockTask(ctx, tx, call.Agent.NamespaceID, id)
		if err != nil {
			return nil, err
		}
		if ifVersion != 0 && ifVersion != task.Version {
			return nil, &ordinaut.Error{
				Code: ordinaut.CodeConflict, Pointer: "/if_version",
				Msg: fmt.Sprintf("%s is at version %d, not %d: read it again and send the change on top of that", id, task.Version, ifVersion),
			}
		}
		due := times{next: nextAt, keep: spec.Schedule.SameTimes(task.Spec.Schedule)}
		due.counted = due.keep
		passed := 0
		if !due.keep {
			if err := requireCalendars(ctx, tx, call.Agent.NamespaceID, spec.Schedule.Rules); err != nil {
				return nil, err
			}
			if passed, err = writeUnmet(ctx, tx, call.Agent.NamespaceID, id, unmet); err != nil {
				return nil, err
			}
		}
		if due.keep && mayStartAgain(task, spec.Schedule) {
			due.keep = false
		}
		state := task.State
		if !due.keep && state != ordinaut.TaskPaused {
			state = stateFor(spec.Schedule.Kind, nextAt)
		}
		if err := keepCondition(ctx, tx, task, spec); err != nil {
			return nil, err
		}
		err = writeTask(ctx, tx, call, id, task.Version+1, state, spec, due)
		detail := map[string]any{"version": task.Version + 1}
		if passed > 0 {
			detail["occurrences"] = passed
		}
		return detail, err
	})
	if err == nil {
		s.wake(WakeSchedule)
	}
	return task, err
}

// mayStartAgain reports whether a task that has started all the runs it might may start more by s.
func mayStartAgain(task ordinaut.Task, s ordinaut.Schedule) bool {
	was := task.Spec.Schedule.MaxRuns
	return task.State == ordinaut.TaskFinished && was > 0 && task.RunsStarted >= was && (s.MaxRuns == 0 || s.MaxRuns > task.RunsStarted)
}
