package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// topicTaskPaused is the topic of the event that tells of a task that failed too often.
const topicTaskPaused = "task.paused"

// failingTasks gives those of the tasks that are active and whose latest runs have failed, as many in a row
// as the task allows: $1 namespaces, $2 tasks. Runs that a person or a probe made do not count, and
// neither do canceled ones; those made before failures_since are over and done with. Of a task that is
// run by hand between its own times, the latest thousand runs are looked at. Served by task_pkey and
// run_task_idx, in which there are no probes.
const failingTasks = `SELECT t.namespace_id, t.id, t.title, last.failures, last.run_id, last.reason
FROM unnest($1::uuid[], $2::uuid[]) AS f (namespace_id, id)
CROSS JOIN LATERAL (
    SELECT namespace_id, id, title, pause_after_failures, coalesce(failures_since, created_at) AS since FROM task
    WHERE namespace_id = f.namespace_id AND id = f.id AND state = 'active' AND pause_after_failures > 0 OFFSET 0
) AS t
CROSS JOIN LATERAL (
    SELECT count(*) AS failures, (array_agg(id ORDER BY id DESC))[1] AS run_id, (array_agg(reason ORDER BY id DESC))[1] AS reason
    FROM (
        SELECT id, state, reason
        FROM (SELECT id, kind, state, reason FROM run
            WHERE task_id = t.id AND kind <> 'probe' AND id >= uuid_at(t.since) ORDER BY id DESC LIMIT 1000) AS latest
        WHERE kind IN ('schedule', 'event', 'condition') AND state IN ('succeeded', 'failed', 'timed_out')
        ORDER BY id DESC LIMIT t.pause_after_failures
    ) AS counted
    WHERE state <> 'succeeded'
) AS last
WHERE last.failures = t.pause_after_failures`

// pauseTasks pauses tasks that the transaction holds locked: $1 namespaces, $2 tasks, $3 notes, $4 the reason.
const pauseTasks = `UPDATE task t SET state = 'paused', paused_reason = $4, note = d.note, due_at = NULL, updated_at = clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS d (namespace_id, id, note)
WHERE t.namespace_id = d.namespace_id AND t.id = d.id`

// failingTask is a task whose runs have failed too often in a row.
type failingTask struct {
	NamespaceID ordinaut.NamespaceID `db:"namespace_id"`
	ID          ordinaut.TaskID      `db:"id"`
	Title       string               `db:"title"`
	Failures    int                  `db:"failures"`
	// RunID is the latest of the runs, Reason why it failed.
	RunID  ordinaut.RunID  `db:"run_id"`
	Reason ordinaut.Reason `db:"reason"`
}

func (f failingTask) note() string {
	return fmt.Sprintf("paused after %d failures in a row, the last of them %s (%s)", f.Failures, f.RunID, f.Reason)
}

// event is what others may act upon.
func (f failingTask) event() (ordinaut.Event, error) {
	payload, err := json.Marshal(map[string]any{
		"task_id": f.ID, "title": f.Title, "reason": ordinaut.ReasonPausedAfterFailures, "failures": f.Failures,
		"run_id": f.RunID, "run_reason": f.Reason,
	})
	return ordinaut.Event{ID: ordinaut.NewEventID(), NamespaceID: f.NamespaceID, Topic: topicTaskPaused, Payload: payload}, err
}

// failedTasks are the tasks of runs that ended as failed or timed_out.
type failedTasks map[ordinaut.TaskID]ordinaut.NamespaceID

// add notes how a run of the task ended.
func (f failedTasks) add(ns ordinaut.NamespaceID, task ordinaut.TaskID, state ordinaut.RunState) {
	if state == ordinaut.RunFailed || state == ordinaut.RunTimedOut {
		f[task] = ns
	}
}

func (f failedTasks) keys() (namespaces, tasks [][16]byte) {
	for task, ns := range f {
		namespaces, tasks = append(namespaces, ns), append(tasks, task)
	}
	return namespaces, tasks
}

// pauseFailing pauses those of the tasks, a run of each of which has just failed, that have failed too
// often in a row. It follows the commit of the failures and looks at the rows as they are, so that one
// that is missed here is met at the next failure.
func (s *Store) pauseFailing(ctx context.Context, failed failedTasks) {
	if len(failed) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	namespaces, tasks := failed.keys()
	if found, err := list[failingTask](ctx, s, failingTasks, namespaces, tasks); err == nil && len(found) == 0 {
		return
	}
	var paused []failingTask
	var events []ordinaut.Event
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var err error
		paused, events, err = pauseFailing(ctx, tx, namespaces, tasks)
		return err
	})
	if err != nil {
		s.log.WarnContext(ctx, "failing tasks not paused, will be retried at their next failure", "err", err)
		return
	}
	if len(paused) == 0 {
		return
	}
	for _, f := range paused {
		s.log.WarnContext(ctx, "task paused", "task_id", f.ID, "run_id", f.RunID, "failures", f.Failures, "reason", f.Reason)
		s.metrics.paused.WithLabelValues(string(ordinaut.ReasonPausedAfterFailures)).Inc()
	}
	s.announceEvents(ctx, events)
}

// pauseFailing pauses with a note, an audit row and an event each, and returns what it paused.
func pauseFailing(ctx context.Context, tx pgx.Tx, namespaces, tasks [][16]byte) ([]failingTask, []ordinaut.Event, error) {
	const lock = `SELECT FROM task WHERE namespace_id = ANY ($1) AND id = ANY ($2) AND state = 'active' ORDER BY id FOR NO KEY UPDATE`
	if _, err := tx.Exec(ctx, lock, namespaces, tasks); err != nil {
		return nil, nil, err
	}
	failing, err := query[failingTask](ctx, tx, failingTasks, namespaces, tasks)
	if err != nil || len(failing) == 0 {
		return nil, nil, err
	}
	namespaces, tasks = nil, nil
	notes, events := make([]string, 0, len(failing)), make([]ordinaut.Event, 0, len(failing))
	for _, f := range failing {
		namespaces, tasks, notes = append(namespaces, f.NamespaceID), append(tasks, f.ID), append(notes, f.note())
		event, err := f.event()
		if err != nil {
			return nil, nil, fmt.Errorf("event of %s: %w", f.ID, err)
		}
		one := []ordinaut.Event{event}
		if err := publishEvents(ctx, tx, f.NamespaceID, ordinaut.EventFromSystem, one); err != nil {
			return nil, nil, err
		}
		events = append(events, one[0])
		row := auditRow{
			namespaceID: f.NamespaceID, actor: schedulerActor, action: "pause_task", object: f.ID.String(), source: "worker",
			detail: map[string]any{"reason": ordinaut.ReasonPausedAfterFailures, "run": f.RunID, "failures": f.Failures},
		}
		if err := insertAudit(ctx, tx, row); err != nil {
			return nil, nil, err
		}
	}
	_, err = tx.Exec(ctx, pauseTasks, namespaces, tasks, notes, string(ordinaut.ReasonPausedAfterFailures))
	return failing, events, err
}
