package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// dueTask shows a task as a scheduler would see it: $1 its namespace, $2 its id. Served by task_pkey and by
// what serves dueTasks.
const dueTask = `WITH due AS MATERIALIZED (
    SELECT namespace_id, id, owner_id, ` + scheduleColumns + `, state, next_at, coalesce(due_at, clock_timestamp()) AS due_at,
        snoozed_at, snoozed_until, runs_started, paused_reason
    FROM task WHERE namespace_id = $1 AND id = $2
)` + viewDue

// seeTask returns a task that the caller holds locked as a scheduler would see it, and the database's time.
func seeTask(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, id ordinaut.TaskID) (task ordinaut.DueTask, now time.Time, err error) {
	due, err := query[ordinaut.DueTask](ctx, tx, dueTask, [16]byte(ns), [16]byte(id))
	if err != nil {
		return task, now, err
	}
	if err := loadCalendars(ctx, tx, due); err != nil {
		return task, now, err
	}
	err = tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return due[0], now, err
}

// Following is the nominal time after one that is snoozed, and when it is due; nil when there is none.
type Following struct{ NextAt, DueAt *time.Time }

// SnoozeTask moves the task's next occurrence, and no other, to until: it is still the occurrence of its
// nominal time. follow tells what comes after it. An occurrence that is snoozed already is moved again.
// The task is active and its next time is due before until, else the answer is a conflict or an invalid
// argument that says which.
func (s *Store) SnoozeTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, note string, until time.Time, follow func(ordinaut.DueTask) (Following, error)) (ordinaut.Task, error) {
	task, err := s.changeTask(ctx, call, id, func(tx pgx.Tx) (any, error) {
		if _, err := lockTask(ctx, tx, call.Agent.NamespaceID, id); err != nil {
			return nil, err
		}
		task, now, err := seeTask(ctx, tx, call.Agent.NamespaceID, id)
		if err != nil {
			return nil, err
		}
		moved, err := snoozable(task, now, until)
		if err != nil {
			return nil, err
		}
		next, err := follow(task)
		if err != nil {
			return nil, fmt.Errorf("snooze %s: %w", id, err)
		}
		const snooze = `UPDATE task SET snoozed_at = $3, snoozed_until = $4, next_at = $5, due_at = least($4, $6::timestamptz), note = $7,
    updated_at = clock_timestamp()
WHERE namespace_id = $1 AND id = $2`
		_, err = tx.Exec(ctx, snooze, [16]byte(task.NamespaceID), [16]byte(id), moved, until, next.NextAt, next.DueAt, clean(note))
		return map[string]any{"nominal_at": moved, "until": until}, err
	})
	if err != nil {
		return task, err
	}
	s.wake(WakeSchedule)
	return task, nil
}

// snoozable returns the nominal time of the occurrence that a snooze of the task moves.
func snoozable(task ordinaut.DueTask, now, until time.Time) (time.Time, error) {
	conflict := func(format string, args ...any) (time.Time, error) {
		return time.Time{}, ordinaut.Errorf(ordinaut.CodeConflict, "%s "+format, append([]any{task.TaskID}, args...)...)
	}
	switch task.Kind {
	case ordinaut.ScheduleManual, ordinaut.ScheduleEvent, ordinaut.ScheduleCondition:
		return conflict("has schedule kind %s and no time of its own that could be moved; pause_task with until keeps it still for a while", task.Kind)
	}
	switch task.State {
	case ordinaut.TaskPaused:
		return conflict("is paused: no occurrence is coming up that could be moved; resume_task first, or pause_task with until")
	case ordinaut.TaskFinished:
		return conflict("is finished: no occurrence is coming up that could be moved; update_task gives it further times")
	}
	at := task.NextAt
	if task.SnoozedAt != nil {
		at = task.SnoozedAt
	}
	if at == nil {
		return conflict("has no occurrence coming up that could be moved")
	}
	if !until.After(now) {
		return time.Time{}, ordinaut.Invalid("/until", "until %s is not later than now, %s", stamp(until), stamp(now))
	}
	if !until.After(*at) {
		return time.Time{}, ordinaut.Invalid("/until", "the next occurrence is that of %s: give a later time, a snooze only puts off", stamp(*at))
	}
	return *at, nil
}

// stamp shows t in a message.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
