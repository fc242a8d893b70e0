package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

const (
	// verifyShown is how many violations of an invariant are told.
	verifyShown = 5
	// verifyRows is how much of a task's ledger is held against its schedule: the latest of it.
	verifyRows = 1000
)

// Invariant is a law of the database and how it was found.
type Invariant struct {
	ID   string `json:"id"`
	What string `json:"what"`
	// Violations counts what breaks it; Shown names the first of them.
	Violations int      `json:"violations"`
	Shown      []string `json:"shown,omitempty"`
}

// invariants are the laws that one statement each can check. A statement gives a text for each violation;
// $1 is the closed list of reasons.
var invariants = []struct{ id, what, sql string }{ //nolint:gochecknoglobals // constant table
	{"L1", "a started occurrence has exactly its run", `SELECT o.task_id || ' at ' || o.nominal_at FROM occurrence o
LEFT JOIN run r ON r.namespace_id = o.namespace_id AND r.id = o.run_id
WHERE o.fate = 'started' AND (r.id IS NULL OR r.task_id <> o.task_id OR r.nominal_at IS DISTINCT FROM o.nominal_at OR r.kind <> o.kind)
    AND $1::text[] IS NOT NULL`},
	{"L2", "a run that nobody started by hand has exactly one occurrence", `SELECT 'run ' || r.id FROM run r
LEFT JOIN occurrence o ON o.namespace_id = r.namespace_id AND o.run_id = r.id
WHERE r.kind <> 'manual' AND $1::text[] IS NOT NULL GROUP BY r.id HAVING count(o.run_id) <> 1`},
	{"L3", "a fate other than started has a reason, and reasons are of the list", `SELECT task_id || ' at ' || nominal_at || ': ' || reason
FROM occurrence WHERE reason <> ALL ($1::text[]) AND (fate <> 'started' OR reason <> '')`},
	{"L4", "rows of one task and kind lie one after the other", `SELECT task_id || ' at ' || nominal_at FROM (
    SELECT *, lag(last_at) OVER (PARTITION BY namespace_id, task_id, kind ORDER BY nominal_at) AS before FROM occurrence WHERE kind <> 'event'
) o WHERE nominal_at <= before AND $1::text[] IS NOT NULL`},
	{"L5", "a row that counts several times ends later than it begins, any other where it does", `SELECT task_id || ' at ' || nominal_at
FROM occurrence WHERE (count = 1) <> (last_at = nominal_at) OR last_at < nominal_at AND $1::text[] IS NOT NULL`},
	{"R1", "a live run is in exactly one of queue, lease and wait, an ended one in none", `SELECT 'run ' || r.id || ' ' || r.state || ', in ' || count(l.run_id)
FROM run r LEFT JOIN (
    SELECT namespace_id, run_id FROM queue UNION ALL SELECT namespace_id, run_id FROM lease UNION ALL SELECT namespace_id, run_id FROM wait
) l ON l.namespace_id = r.namespace_id AND l.run_id = r.id
WHERE $1::text[] IS NOT NULL GROUP BY r.id, r.state HAVING count(l.run_id) <> CASE r.state WHEN 'queued' THEN 1 ELSE 0 END`},
	{"R2", "a run has an end exactly if it has ended", `SELECT 'run ' || id || ' ' || state FROM run
WHERE (state = 'queued') <> (finished_at IS NULL) AND $1::text[] IS NOT NULL`},
	{"R3", "no step was recorded by an attempt later than its run's last", `SELECT 'run ' || s.run_id || ', step ' || s.step_id
FROM step s JOIN run r ON r.namespace_id = s.namespace_id AND r.id = s.run_id
WHERE r.state <> 'queued' AND s.epoch > r.attempt AND $1::text[] IS NOT NULL`},
	{"T1", "an active task with a next time has a time at which a scheduler looks", `SELECT id::text FROM task
WHERE state = 'active' AND due_at IS NULL AND (next_at IS NOT NULL OR snoozed_until IS NOT NULL) AND $1::text[] IS NOT NULL`},
	{"T2", "a next time has no fate yet", `SELECT t.id || ' at ' || t.next_at FROM task t
JOIN occurrence o ON o.namespace_id = t.namespace_id AND o.task_id = t.id AND o.kind = 'schedule' AND o.last_at >= t.next_at
WHERE t.state = 'active' AND $1::text[] IS NOT NULL`},
	{"T3", "nothing has been due for over a minute without a scheduler", `SELECT id || ' since ' || due_at FROM task
WHERE due_at < statement_timestamp() - interval '1 minute' AND $1::text[] IS NOT NULL`},
}

// Ledgered is a task whose ledger can be held against its schedule: its rows of kind schedule, oldest
// first, whose nominal times are later than Since, when the present version of the task was made.
type Ledgered struct {
	Task   ordinaut.Task
	NextAt *time.Time
	Since  time.Time
	Rows   []ordinaut.Occurrence
}

// Verify checks the invariants of the ledger and of runs over the whole database, all of one moment, and
// changes nothing. check is asked about each task that is due by the clock and says what is wrong with its
// ledger, or "". It takes as long as it takes.
func (s *Store) Verify(ctx context.Context, check func(Ledgered) string) ([]Invariant, error) {
	var all []Invariant
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// Whole tables are read here, which the store's other statements never do.
		const settings = `SELECT set_config(name, 'on', true) FROM unnest('{enable_seqscan,enable_hashjoin,enable_bitmapscan}'::text[]) AS name`
		if _, err := tx.Exec(ctx, settings); err != nil {
			return err
		}
		all = make([]Invariant, 0, len(invariants)+1)
		for _, law := range invariants {
			found := Invariant{ID: law.id, What: law.what}
			if err := found.read(ctx, tx, law.sql); err != nil {
				return fmt.Errorf("verify %s: %w", law.id, err)
			}
			all = append(all, found)
		}
		found, err := verifyLedgers(ctx, tx, check)
		all = append(all, found)
		return err
	})
	return all, translate(err)
}

func (v *Invariant) read(ctx context.Context, tx pgx.Tx, sql string) error {
	rows, err := tx.Query(ctx, sql, ordinaut.Reasons())
	if err != nil {
		return err
	}
	var text string
	_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
		v.add(text)
		return nil
	})
	return err
}

func (v *Invariant) add(text string) {
	if v.Violations++; len(v.Shown) < verifyShown {
		v.Shown = append(v.Shown, text)
	}
}

// verifyLedgers holds the ledger of each task against its schedule.
func verifyLedgers(ctx context.Context, tx pgx.Tx, check func(Ledgered) string) (Invariant, error) {
	found := Invariant{ID: "L6", What: "each nominal time of a schedule up to its next has one row: none lost, none doubled"}
	const tasks = `SELECT t.namespace_id, t.id, t.next_at, v.created_at FROM task t
JOIN task_version v ON v.namespace_id = t.namespace_id AND v.task_id = t.id AND v.version = t.version
WHERE t.state <> 'deleted' AND t.schedule_kind IN ('cron', 'rrule', 'interval', 'once')`
	rows, err := tx.Query(ctx, tasks)
	if err != nil {
		return found, err
	}
	type key struct {
		NamespaceID ordinaut.NamespaceID
		ID          ordinaut.TaskID
		NextAt      *time.Time
		Since       time.Time
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
	if err != nil {
		return found, err
	}
	const ledger = `SELECT * FROM (
    SELECT namespace_id, task_id, nominal_at, last_at, count, kind, fate, reason, run_id, event_id, decided_at FROM occurrence
    WHERE namespace_id = $1 AND task_id = $2 AND nominal_at > $3 AND kind = 'schedule' ORDER BY nominal_at DESC LIMIT $4
) o ORDER BY nominal_at`
	for _, k := range keys {
		l := Ledgered{NextAt: k.NextAt, Since: k.Since}
		if l.Task, err = getTask(ctx, tx, k.NamespaceID, k.ID); err != nil {
			return found, err
		}
		if l.Rows, err = query[ordinaut.Occurrence](ctx, tx, ledger, [16]byte(k.NamespaceID), [16]byte(k.ID), k.Since, verifyRows); err != nil {
			return found, err
		}
		if fault := check(l); fault != "" {
			found.add(k.ID.String() + ": " + fault)
		}
	}
	return found, nil
}
