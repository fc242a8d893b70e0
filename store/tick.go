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

// dueTasks locks tasks that are due, $1 at most, and tells whether a run of each is live. SKIP LOCKED
// lets schedulers work side by side. Served by task_due_idx and the three …_exclusive_idx; a task that
// allows overlap is not looked for. LIMIT keeps the planner from reading all of an index into a hash,
// as it may for EXISTS.
const dueTasks = `WITH due AS MATERIALIZED (
    SELECT namespace_id, id, schedule_kind, schedule_expr, timezone, starts_at, ends_at, overlap,
        catch_up, max_lateness_seconds, next_at
    FROM task
    WHERE due_at <= statement_timestamp()
    ORDER BY due_at
    LIMIT $1
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT due.*, due.overlap <> 'allow' AND coalesce(
    (SELECT true FROM queue q WHERE q.task_id = due.id AND q.exclusive LIMIT 1),
    (SELECT true FROM lease l WHERE l.task_id = due.id AND l.exclusive LIMIT 1),
    (SELECT true FROM wait w WHERE w.task_id = due.id AND w.exclusive LIMIT 1),
    false) AS busy
FROM due`

// moveTasks sets the next time of ticked tasks: $1 namespaces, $2 tasks, $3 next times, where NULL means
// that the schedule is exhausted.
const moveTasks = `UPDATE task
SET next_at = d.next_at, due_at = d.next_at, state = CASE WHEN d.next_at IS NULL THEN 'finished' ELSE state END
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS d (namespace_id, id, next_at)
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
	var made []madeRun
	err := s.tx(ctx, func(tx pgx.Tx) error {
		due, err := query[ordinaut.DueTask](ctx, tx, dueTasks, limit)
		if err != nil {
			return err
		}
		result.Due = len(due)
		if len(due) > 0 {
			if made, err = tick(ctx, tx, due, decide); err != nil {
				return err
			}
		}
		result.Runs = len(made)
		if result.Due == limit {
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
	s.announceQueued(ctx, made)
	return result, nil
}

// ahead makes of seconds, which may be negative or infinite, a duration from 0 to maxNext.
func ahead(seconds float64) time.Duration {
	return time.Duration(max(0, min(seconds, maxNext.Seconds())) * float64(time.Second))
}

func tick(ctx context.Context, tx pgx.Tx, due []ordinaut.DueTask, decide func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision) ([]madeRun, error) {
	var now time.Time
	if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return nil, err
	}
	decisions := decide(now, due)
	if err := checkDecisions(due, decisions); err != nil {
		return nil, err
	}
	if decisions = changing(due, decisions); len(decisions) == 0 {
		return nil, nil
	}
	namespaceOf := make(map[ordinaut.TaskID]ordinaut.NamespaceID, len(due))
	for _, d := range due {
		namespaceOf[d.TaskID] = d.NamespaceID
	}
	rows := make([]ledgerRow, 0, len(decisions))
	for _, d := range decisions {
		for _, o := range d.Occurrences {
			rows = append(rows, ledgerRow{ns: namespaceOf[d.TaskID], task: d.TaskID, Occurrence: o})
		}
	}
	made, err := writeLedger(ctx, tx, rows)
	if err != nil {
		return nil, fmt.Errorf("write the ledger: %w", err)
	}
	namespaces, tasks, next := make([][16]byte, len(decisions)), make([][16]byte, len(decisions)), make([]*time.Time, len(decisions))
	for i, d := range decisions {
		namespaces[i], tasks[i], next[i] = namespaceOf[d.TaskID], d.TaskID, d.NextAt
	}
	if _, err := tx.Exec(ctx, moveTasks, namespaces, tasks, next); err != nil {
		return nil, fmt.Errorf("move tasks on: %w", err)
	}
	return made, auditTick(ctx, tx, namespaceOf, decisions)
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
	nextAt := make(map[ordinaut.TaskID]time.Time, len(due))
	for _, d := range due {
		nextAt[d.TaskID] = d.NextAt
	}
	return slices.DeleteFunc(slices.Clone(decisions), func(d ordinaut.Decision) bool {
		return len(d.Occurrences) == 0 && d.NextAt != nil && d.NextAt.Equal(nextAt[d.TaskID])
	})
}

// tickDetail is the detail of a tick's audit row.
type tickDetail struct {
	Tasks       int          `json:"tasks"`
	Occurrences []tickedTime `json:"occurrences"`
}

type tickedTime struct {
	Task      ordinaut.TaskID `json:"task"`
	NominalAt time.Time       `json:"nominal_at"`
	Fate      ordinaut.Fate   `json:"fate"`
}

// auditTick writes one row for each namespace.
func auditTick(ctx context.Context, tx pgx.Tx, namespaceOf map[ordinaut.TaskID]ordinaut.NamespaceID, decisions []ordinaut.Decision) error {
	details := map[ordinaut.NamespaceID]*tickDetail{}
	for _, d := range decisions {
		ns := namespaceOf[d.TaskID]
		if details[ns] == nil {
			details[ns] = &tickDetail{Occurrences: []tickedTime{}}
		}
		details[ns].Tasks++
		for _, o := range d.Occurrences {
			details[ns].Occurrences = append(details[ns].Occurrences, tickedTime{Task: d.TaskID, NominalAt: o.NominalAt.UTC(), Fate: o.Fate})
		}
	}
	for ns, detail := range details {
		row := auditRow{namespaceID: ns, actor: schedulerActor, action: "tick", source: "scheduler", detail: detail}
		if err := insertAudit(ctx, tx, row); err != nil {
			return err
		}
	}
	return nil
}
