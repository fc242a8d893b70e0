package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// takeEvents takes the oldest published events from the queue, $1 at most. SKIP LOCKED lets schedulers
// work side by side. Served by event_queue_order_idx and event_pkey.
const takeEvents = `WITH taken AS (
    DELETE FROM event_queue WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM event_queue ORDER BY event_id LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING namespace_id, event_id
)
SELECT e.* FROM taken
CROSS JOIN LATERAL (SELECT ` + eventColumnNames + ` FROM event WHERE namespace_id = taken.namespace_id AND id = taken.event_id OFFSET 0) AS e`

// concernedTasks names the tasks that events may start by the first word of their pattern, and those whose
// held event is due, $3 at most: $1 namespaces, $2 first words. Served by task_event_idx and debounce_due_idx.
const concernedTasks = `SELECT t.namespace_id, t.id, t.schedule_expr, false AS held
FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[]) AS w (namespace_id, word)) AS w
CROSS JOIN LATERAL (
    SELECT namespace_id, id, schedule_expr FROM task
    WHERE namespace_id = w.namespace_id AND split_part(schedule_expr, '.', 1) = w.word
        AND schedule_kind = 'event' AND state IN ('active', 'paused') OFFSET 0
) AS t
UNION ALL
(SELECT namespace_id, task_id, '', true FROM debounce WHERE due_at <= statement_timestamp() ORDER BY due_at LIMIT $3)`

// lockEventTasks locks tasks, sorted so that no two dispatches lock them in opposite order: $1 namespaces, $2 tasks.
const lockEventTasks = `SELECT count(*) FROM unnest($1::uuid[], $2::uuid[]) AS w (namespace_id, id)
CROSS JOIN LATERAL (SELECT FROM task WHERE namespace_id = w.namespace_id AND id = w.id FOR NO KEY UPDATE) AS t`

// eventTasks reads tasks that the transaction holds locked, and which runs of each are live. It is another
// statement than the one that waited for the locks, to see what their last holders wrote.
const eventTasks = `SELECT t.namespace_id, t.id, t.version, t.created_at, ` + scheduleColumns + `, state, paused_reason, runs_started,
    (SELECT quiet FROM agent a WHERE a.namespace_id = t.namespace_id AND a.id = t.owner_id) AS agent_quiet,
    t.overlap <> 'allow' AND coalesce(
        (SELECT true FROM queue q WHERE q.task_id = t.id AND q.exclusive LIMIT 1),
        (SELECT true FROM lease l WHERE l.task_id = t.id AND l.exclusive LIMIT 1),
        (SELECT true FROM wait x WHERE x.task_id = t.id AND x.exclusive LIMIT 1),
        false) AS busy,
    CASE WHEN t.overlap IN ('skip', 'allow') THEN 0
        ELSE (SELECT count(*) FROM wait x WHERE x.task_id = t.id AND x.buffered) END AS buffered
FROM unnest($1::uuid[], $2::uuid[]) AS w (namespace_id, id)
CROSS JOIN LATERAL (SELECT * FROM task WHERE namespace_id = w.namespace_id AND id = w.id OFFSET 0) AS t`

const heldEvents = `SELECT d.task_id, d.event_id, d.event_at, d.first_at, d.due_at
FROM unnest($1::uuid[], $2::uuid[]) AS w (namespace_id, id)
CROSS JOIN LATERAL (SELECT * FROM debounce WHERE namespace_id = w.namespace_id AND task_id = w.id OFFSET 0) AS d`

// nextHeld gives the seconds until the earliest held event that is not due. Served by debounce_due_idx.
const nextHeld = `SELECT coalesce(extract(epoch FROM min(due_at) - clock_timestamp()), 'Infinity')::float8
FROM debounce WHERE due_at > statement_timestamp()`

// Dispatch passes up to limit published events on. It asks judge what each is to each task whose pattern
// its topic matches and decide what becomes of it, by the database's time, and in the same transaction takes
// the events from the queue, writes the ledger and queues the runs: whoever dies in between has passed
// nothing on. Tasks whose ends_at has passed are finished. Any number of processes may dispatch.
func (s *Store) Dispatch(ctx context.Context, limit int,
	judge func(now time.Time, tasks []ordinaut.EventTask),
	decide func(now time.Time, tasks []ordinaut.EventTask) []ordinaut.EventDecision,
) (ordinaut.DispatchResult, error) {
	var d dispatch
	err := s.tx(ctx, func(tx pgx.Tx) error {
		d = dispatch{tx: tx, limit: limit, did: ticked{buffered: taskSet{}}}
		if err := d.take(ctx); err != nil {
			return fmt.Errorf("take events: %w", err)
		}
		if len(d.tasks) > 0 {
			judge(d.now, d.tasks)
			if err := d.lookUpKeys(ctx); err != nil {
				return fmt.Errorf("look up dedupe_by: %w", err)
			}
			if err := d.write(ctx, decide(d.now, d.tasks)); err != nil {
				return err
			}
		}
		if err := d.finish(ctx); err != nil {
			return fmt.Errorf("finish tasks: %w", err)
		}
		return d.lookAhead(ctx)
	})
	if err != nil {
		return ordinaut.DispatchResult{}, err
	}
	s.announceSuperseded(ctx, d.did.superseded)
	s.announceQueued(ctx, d.did.made)
	// What they were to wait for may have ended while the events were passed on.
	s.releaseAfter(ctx, d.did.buffered.keys())
	return d.result, nil
}

// dispatch is one execution of [Store.Dispatch].
type dispatch struct {
	tx     pgx.Tx
	limit  int
	now    time.Time
	events []ordinaut.Event
	tasks  []ordinaut.EventTask
	// full reports whether there may be more to do at once.
	full   bool
	did    ticked
	result ordinaut.DispatchResult
}

// take takes events and locks the tasks that they, or held events, concern.
func (d *dispatch) take(ctx context.Context) (err error) {
	if d.events, err = query[ordinaut.Event](ctx, d.tx, takeEvents, d.limit); err != nil {
		return err
	}
	slices.SortFunc(d.events, func(a, b ordinaut.Event) int { return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.ID[:], b.ID[:])) })
	if err := d.tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&d.now); err != nil {
		return err
	}
	d.result.Events, d.full = len(d.events), len(d.events) == d.limit
	if len(d.events) > 0 {
		d.result.Lag = max(0, d.now.Sub(d.events[0].At))
	}
	namespaces, tasks, err := d.concerned(ctx)
	if err != nil || len(tasks) == 0 {
		return err
	}
	var locked int
	if err := d.tx.QueryRow(ctx, lockEventTasks, namespaces, tasks).Scan(&locked); err != nil {
		return err
	}
	if d.tasks, err = query[ordinaut.EventTask](ctx, d.tx, eventTasks, namespaces, tasks); err != nil {
		return err
	}
	held, err := query[ordinaut.HeldEvent](ctx, d.tx, heldEvents, namespaces, tasks)
	if err != nil {
		return err
	}
	for i := range d.tasks {
		t := &d.tasks[i]
		if n := slices.IndexFunc(held, func(h ordinaut.HeldEvent) bool { return h.TaskID == t.TaskID }); n >= 0 {
			t.Held = &held[n]
		}
		t.Matches = d.matches(t)
	}
	return nil
}

// concerned returns the tasks to lock, sorted.
func (d *dispatch) concerned(ctx context.Context) (namespaces, tasks [][16]byte, err error) {
	var spaces [][16]byte
	var words []string
	for i := range d.events {
		e := &d.events[i]
		first, _, _ := strings.Cut(e.Topic, ".")
		for _, word := range []string{first, "*", "**"} {
			spaces, words = append(spaces, e.NamespaceID), append(words, word)
		}
	}
	type row struct {
		NamespaceID [16]byte `db:"namespace_id"`
		ID          [16]byte `db:"id"`
		Expr        string   `db:"schedule_expr"`
		Held        bool     `db:"held"`
	}
	rows, err := query[row](ctx, d.tx, concernedTasks, spaces, words, d.limit)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	held := 0
	for _, r := range rows {
		if r.Held {
			held++
		}
		if last := len(tasks) - 1; last >= 0 && tasks[last] == r.ID || !r.Held && !d.anyMatches(r.NamespaceID, r.Expr) {
			continue
		}
		namespaces, tasks = append(namespaces, r.NamespaceID), append(tasks, r.ID)
	}
	d.full = d.full || held == d.limit
	return namespaces, tasks, nil
}

func (d *dispatch) anyMatches(ns ordinaut.NamespaceID, pattern string) bool {
	return slices.ContainsFunc(d.events, func(e ordinaut.Event) bool {
		return e.NamespaceID == ns && ordinaut.TopicMatches(pattern, e.Topic)
	})
}

// matches returns the events that concern a task as it stands now that it is locked.
func (d *dispatch) matches(t *ordinaut.EventTask) []ordinaut.EventMatch {
	if t.Kind != ordinaut.ScheduleEvent || t.State != ordinaut.TaskActive && t.State != ordinaut.TaskPaused {
		return nil
	}
	var all []ordinaut.EventMatch
	for i := range d.events {
		if e := &d.events[i]; e.NamespaceID == t.NamespaceID && ordinaut.TopicMatches(t.Expr, e.Topic) {
			all = append(all, ordinaut.EventMatch{Event: e})
		}
	}
	return all
}

// lookAhead tells when there is something to do again.
func (d *dispatch) lookAhead(ctx context.Context) error {
	d.result.Runs = len(d.did.made)
	if d.full {
		return nil
	}
	var seconds float64
	if err := d.tx.QueryRow(ctx, nextHeld).Scan(&seconds); err != nil {
		return err
	}
	d.result.Next = max(ahead(seconds), time.Millisecond)
	return nil
}
