package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// maxNext caps how far ahead a method that says when to look again looks.
const maxNext = time.Hour

// dueTasks locks tasks that a scheduler must look at, the $1 that are due the longest, and tells which
// runs of each are live. When there are that many, a burst is being worked off: the $2 that became due last
// are taken too, so that those which the burst does not concern keep their time.
//
// SKIP LOCKED lets schedulers work side by side. Served by task_due_idx, and by what [runLive], [probeLive]
// and [buffered] need; of a condition it is the probe that may be live.
const dueTasks = `WITH oldest AS MATERIALIZED (
    SELECT ` + tickColumns + `, owner_id FROM task
    WHERE due_at <= statement_timestamp()
    ORDER BY due_at LIMIT $1
    FOR NO KEY UPDATE SKIP LOCKED
), newest AS MATERIALIZED (
    SELECT ` + tickColumns + `, owner_id FROM task
    WHERE due_at <= statement_timestamp() AND due_at > (SELECT max(due_at) FROM oldest HAVING count(*) = $1)
    ORDER BY due_at DESC LIMIT $2
    FOR NO KEY UPDATE SKIP LOCKED
), due AS (
    SELECT * FROM oldest UNION ALL SELECT * FROM newest
)` + viewDue

// viewDue makes [ordinaut.DueTask]s of the rows of due.
const viewDue = `
SELECT ` + tickColumns + `,
    (SELECT quiet FROM agent a WHERE a.namespace_id = due.namespace_id AND a.id = due.owner_id) AS agent_quiet,
    CASE WHEN due.schedule_kind = 'condition' THEN ` + probeLive + ` ELSE ` + runLive + ` END AS busy, ` + buffered + `
FROM due`

// runLive tells whether an exclusive run of the task due is live. Served by the three …_exclusive_idx; a
// task that allows overlap is not looked for. LIMIT keeps the planner from reading all of an index into a
// hash, as it may for EXISTS.
const runLive = `(due.overlap <> 'allow' AND coalesce(
        (SELECT true FROM queue q WHERE q.task_id = due.id AND q.exclusive LIMIT 1),
        (SELECT true FROM lease l WHERE l.task_id = due.id AND l.exclusive LIMIT 1),
        (SELECT true FROM wait w WHERE w.task_id = due.id AND w.exclusive LIMIT 1),
        false))`

// probeLive tells whether the latest probe of the task due is live, or its verdict waits to be judged: the
// next one needs its cursor. Served by occurrence_pkey and the primary keys of the others.
const probeLive = `coalesce((
        SELECT coalesce(
            (SELECT true FROM queue WHERE namespace_id = due.namespace_id AND run_id = probe.run_id),
            (SELECT true FROM lease WHERE namespace_id = due.namespace_id AND run_id = probe.run_id),
            (SELECT true FROM wait WHERE namespace_id = due.namespace_id AND run_id = probe.run_id),
            (SELECT true FROM verdict WHERE namespace_id = due.namespace_id AND run_id = probe.run_id))
        FROM (SELECT run_id FROM occurrence o
            WHERE o.namespace_id = due.namespace_id AND o.task_id = due.id AND o.kind = 'probe' AND o.fate = 'started'
            ORDER BY o.nominal_at DESC LIMIT 1) AS probe
    ), false)`

// buffered counts the runs of the task due that wait for another to end. Served by wait_buffered_idx.
const buffered = `CASE WHEN due.overlap IN ('skip', 'allow') THEN 0
        ELSE (SELECT count(*) FROM wait w WHERE w.task_id = due.id AND w.buffered) END AS buffered`

// tickColumns are the columns of an [ordinaut.DueTask] in table task.
const tickColumns = `namespace_id, id, ` + scheduleColumns + `, state, paused_reason, next_at, due_at, snoozed_at,
    snoozed_until, runs_started`

// burstShare is the part of a batch, one in so many, that is kept for what a burst does not concern.
const burstShare = 5

// scheduleColumns are the columns of an [ordinaut.Schedule] in table task.
const scheduleColumns = `schedule_kind, schedule_expr, timezone, starts_at, ends_at, overlap, catch_up,
    max_lateness_seconds, max_catch_up, jitter_seconds, max_runs, rules`

// moveTasks sets the next times of ticked tasks: $1 namespaces, $2 tasks, $3 next nominal times, $4 when to
// look again, where NULL means that the schedule is exhausted, $5 runs that the tick started, $6 whether
// the snoozed occurrence is over, $7 whether a pause is,
// $8 notes that say why it is exhausted, empty for none.
const moveTasks = `UPDATE task
SET next_at = d.next_at, due_at = d.due_at, runs_started = runs_started + d.started,
    state = CASE WHEN d.due_at IS NULL AND schedule_kind NOT IN ('manual', 'event') THEN 'finished' WHEN d.resumed THEN 'active' ELSE state END,
    failures_since = CASE WHEN d.resumed THEN clock_timestamp() ELSE failures_since END,
    paused_reason = CASE WHEN d.resumed THEN '' ELSE paused_reason END,
    note = CASE WHEN d.note <> '' THEN d.note WHEN d.resumed OR d.snooze_over THEN '' ELSE task.note END,
    snoozed_at = CASE WHEN d.snooze_over THEN NULL ELSE snoozed_at END,
    snoozed_until = CASE WHEN d.snooze_over THEN NULL ELSE snoozed_until END
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::int[], $6::boolean[], $7::boolean[], $8::text[])
    AS d (namespace_id, id, next_at, due_at, started, snooze_over, resumed, note)
WHERE task.namespace_id = d.namespace_id AND task.id = d.id`

// nextDue gives the seconds until the earliest due time that lies ahead. Those that are due already and
// are not ours are another scheduler's. Served by task_due_idx.
const nextDue = `SELECT coalesce(extract(epoch FROM min(due_at) - clock_timestamp()), 'Infinity')::float8
FROM task WHERE due_at > statement_timestamp()`

// Tick takes up to limit due tasks, asks decide what becomes of each by the database's time, and in the
// same transaction writes the ledger, queues the runs and moves the tasks on. decide must decide on
// each task once; it may be called again if the transaction fails. Any number of processes may tick.
func (s *Store) Tick(ctx context.Context, limit int, decide func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision) (ordinaut.TickResult, error) {
	var result ordinaut.TickResult
	var did ticked
	err := s.tx(ctx, func(tx pgx.Tx) error {
		did = ticked{}
		newest := limit / burstShare
		due, err := query[ordinaut.DueTask](ctx, tx, dueTasks, limit-newest, newest)
		if err != nil {
			return err
		}
		if err := loadCalendars(ctx, tx, due); err != nil {
			return err
		}
		result.Due = len(due)
		if len(due) > 0 {
			if did, err = tick(ctx, tx, due, decide); err != nil {
				return err
			}
		}
		result.Runs = len(did.made)
		if result.Due >= limit-newest {
			return nil // more may be due: look again at once
		}
		var seconds float64
		if err := tx.QueryRow(ctx, nextDue).Scan(&seconds); err != nil {
			return err
		}
		result.Next = ahead(seconds)
		return nil
	})
	if err != nil {
		return ordinaut.TickResult{}, err
	}
	s.announceTicked(ctx, did)
	return result, nil
}

// announceTicked tells of what a committed tick did.
func (s *Store) announceTicked(ctx context.Context, did ticked) {
	s.announceSuperseded(ctx, did.superseded)
	s.announceQueued(ctx, did.made)
	// What they were to wait for may have ended while the tick looked.
	s.releaseAfter(ctx, did.buffered.keys())
}

// ahead makes of seconds, which may be negative or infinite, a duration from 0 to maxNext.
func ahead(seconds float64) time.Duration {
	return time.Duration(max(0, min(seconds, maxNext.Seconds())) * float64(time.Second))
}

// ticked is what a tick did, to be told of once it is committed.
type ticked struct {
	made       []madeRun
	superseded superseded
	// buffered are the tasks with runs that were made to wait for others to end.
	buffered taskSet
}

func tick(ctx context.Context, tx pgx.Tx, due []ordinaut.DueTask, decide func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision) (ticked, error) {
	var now time.Time
	if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return ticked{}, err
	}
	decisions := decide(now, due)
	if err := checkDecisions(due, decisions); err != nil {
		return ticked{}, err
	}
	if decisions = changing(due, decisions); len(decisions) == 0 {
		return ticked{}, nil
	}
	namespaceOf := make(map[ordinaut.TaskID]ordinaut.NamespaceID, len(due))
	for _, d := range due {
		namespaceOf[d.TaskID] = d.NamespaceID
	}
	did, err := carryOut(ctx, tx, namespaceOf, decisions)
	if err != nil {
		return did, err
	}
	return did, auditDecisions(ctx, tx, "tick", namespaceOf, decisions)
}

// carryOut does what was decided on tasks that the transaction holds locked.
func carryOut(ctx context.Context, tx pgx.Tx, namespaceOf map[ordinaut.TaskID]ordinaut.NamespaceID, decisions []ordinaut.Decision) (ticked, error) {
	did := ticked{buffered: taskSet{}}
	rows := make([]ledgerRow, 0, len(decisions))
	canceling := taskSet{}
	for _, d := range decisions {
		if d.CancelRunning {
			canceling.add(d.TaskID)
		}
		for _, o := range d.Occurrences {
			rows = append(rows, ledgerRow{ns: namespaceOf[d.TaskID], task: d.TaskID, Occurrence: o})
			if o.Buffered {
				did.buffered.add(d.TaskID)
			}
		}
	}
	var err error
	if did.superseded, err = supersede(ctx, tx, canceling.keys()); err != nil {
		return did, err
	}
	if did.made, err = writeLedger(ctx, tx, rows); err != nil {
		return did, fmt.Errorf("write the ledger: %w", err)
	}
	if err := move(ctx, tx, namespaceOf, decisions); err != nil {
		return did, fmt.Errorf("move tasks on: %w", err)
	}
	return did, nil
}

// move writes when the tasks are due next.
func move(ctx context.Context, tx pgx.Tx, namespaceOf map[ordinaut.TaskID]ordinaut.NamespaceID, decisions []ordinaut.Decision) error {
	n := len(decisions)
	namespaces, tasks, next, due := make([][16]byte, n), make([][16]byte, n), make([]*time.Time, n), make([]*time.Time, n)
	started, snoozes, resumed, notes := make([]int32, n), make([]bool, n), make([]bool, n), make([]string, n)
	for i, d := range decisions {
		namespaces[i], tasks[i], next[i], due[i] = namespaceOf[d.TaskID], d.TaskID, d.NextAt, d.DueAt
		snoozes[i], resumed[i], notes[i] = d.SnoozeOver, d.Resumed, d.Note
		for _, o := range d.Occurrences {
			if o.Fate == ordinaut.FateStarted && o.Kind != ordinaut.RunProbe {
				started[i]++
			}
		}
	}
	_, err := tx.Exec(ctx, moveTasks, namespaces, tasks, next, due, started, snoozes, resumed, notes)
	return err
}

// checkDecisions refuses decisions that leave out a task, which would be due for ever.
func checkDecisions(due []ordinaut.DueTask, decisions []ordinaut.Decision) error {
	decided := make(map[ordinaut.TaskID]bool, len(decisions))
	for _, d := range decisions {
		decided[d.TaskID] = true
	}
	for _, d := range due {
		if !decided[d.TaskID] {
			return fmt.Errorf("tick: no decision on %s", d.TaskID)
		}
	}
	if len(decisions) != len(due) {
		return fmt.Errorf("tick: %d decisions on %d tasks", len(decisions), len(due))
	}
	return nil
}

// changing returns the decisions that change something. A task that nobody here can decide on stays due,
// and is looked at every second: that must leave no trace.
func changing(due []ordinaut.DueTask, decisions []ordinaut.Decision) []ordinaut.Decision {
	dueAt := make(map[ordinaut.TaskID]time.Time, len(due))
	for _, d := range due {
		dueAt[d.TaskID] = d.DueAt
	}
	return slices.DeleteFunc(slices.Clone(decisions), func(d ordinaut.Decision) bool {
		return len(d.Occurrences) == 0 && !d.Resumed && !d.SnoozeOver && d.DueAt != nil && d.DueAt.Equal(dueAt[d.TaskID])
	})
}

// tickDetail is the detail of the audit row of a tick or a judging.
type tickDetail struct {
	Tasks       int          `json:"tasks"`
	Occurrences []tickedTime `json:"occurrences"`
	// Resumed are the tasks whose pause was over.
	Resumed []ordinaut.TaskID `json:"resumed,omitempty"`
}

type tickedTime struct {
	Task      ordinaut.TaskID `json:"task"`
	NominalAt time.Time       `json:"nominal_at"`
	Fate      ordinaut.Fate   `json:"fate"`
}

// auditDecisions writes one row for each namespace.
func auditDecisions(ctx context.Context, tx pgx.Tx, action string, namespaceOf map[ordinaut.TaskID]ordinaut.NamespaceID, decisions []ordinaut.Decision) error {
	details := map[ordinaut.NamespaceID]*tickDetail{}
	for _, d := range decisions {
		ns := namespaceOf[d.TaskID]
		if details[ns] == nil {
			details[ns] = &tickDetail{Occurrences: []tickedTime{}}
		}
		details[ns].Tasks++
		if d.Resumed {
			details[ns].Resumed = append(details[ns].Resumed, d.TaskID)
		}
		for _, o := range d.Occurrences {
			details[ns].Occurrences = append(details[ns].Occurrences, tickedTime{Task: d.TaskID, NominalAt: o.NominalAt.UTC(), Fate: o.Fate})
		}
	}
	for ns, detail := range details {
		row := auditRow{namespaceID: ns, actor: schedulerActor, action: action, source: "scheduler", detail: detail}
		if err := insertAudit(ctx, tx, row); err != nil {
			return err
		}
	}
	return nil
}
