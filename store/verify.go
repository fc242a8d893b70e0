package store

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// verifyShown is how many violations of a law are told.
const verifyShown = 5

// Law is an invariant of the database.
type Law struct {
	ID   string `json:"id"`
	What string `json:"what"`
	// look is the statement that gives a row for each thing that the law concerns: subject names it, broken
	// reports whether it breaks the law; $1 is the closed list of reasons, $2 from when on no rows have been dropped,
	// $3 the moment that is looked at. It is empty for the laws that are about schedules: those are asked of the caller.
	look string
}

// overdue is the latest moment that has long passed. It counts from the moment that is looked at: what becomes
// due during the audit is not late.
const overdue = `($3 - interval '1 minute')`

// Laws returns the laws that [Store.Verify] holds the database against, in the order of documentation.
func Laws() []Law {
	return slices.Concat(lawsOfLedger(), lawsOfRuns(), lawsOfTasks(), lawsOfEvents(), lawsOfApprovals())
}

// Invariant is how a law was found.
type Invariant struct {
	Law
	// Checked counts the rows or tasks that were held against it, Left the tasks that could not be.
	Checked int `json:"checked"`
	Left    int `json:"left_out,omitempty"`
	// Violations counts what breaks it; Shown names the first of them.
	Violations int      `json:"violations"`
	Shown      []string `json:"shown,omitempty"`
}

// Verify holds the whole database, as it is at one moment, against all laws. It changes nothing, locks nothing
// and takes as long as it takes. check is asked about each task with a schedule of its own: it is given the rows of
// its ledger, and says how it found the laws that have no statement.
func (s *Store) Verify(ctx context.Context, check func(ordinaut.AuditedTask, iter.Seq[ordinaut.Occurrence]) []ordinaut.Audited) ([]Invariant, error) {
	laws := Laws()
	all := make([]Invariant, len(laws))
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		known, err := readHistory(ctx, tx)
		if err != nil {
			return fmt.Errorf("how far history goes: %w", err)
		}
		if err := set(ctx, tx, whole); err != nil {
			return err
		}
		for i, law := range laws {
			all[i].Law = law
			if law.look == "" {
				continue
			}
			if err := all[i].find(ctx, tx, known); err != nil {
				return fmt.Errorf("verify %s: %w", law.ID, err)
			}
		}
		if err := set(ctx, tx, byKey); err != nil {
			return err
		}
		return verifySchedules(ctx, tx, known, check, all)
	})
	return all, translate(err)
}

// Settings of an audit's transaction. Most laws read tables whole, which the store's other statements never
// do: whole lets them, joins weeks of history with one another, and keeps the planner from a loop in a loop where
// it takes a table for small. What goes through the tasks in batches goes by key again.
var (
	whole = map[string]string{ //nolint:gochecknoglobals // constant table
		"plan_cache_mode": "force_custom_plan", "work_mem": "64MB",
		"enable_seqscan": "on", "enable_hashjoin": "on", "enable_mergejoin": "on", "enable_bitmapscan": "on", "enable_nestloop": "off",
		"enable_partitionwise_join": "on", "enable_partitionwise_aggregate": "on",
	}
	byKey = map[string]string{ //nolint:gochecknoglobals // constant table
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "enable_bitmapscan": "off", "enable_nestloop": "on",
	}
)

func set(ctx context.Context, tx pgx.Tx, settings map[string]string) error {
	for name, value := range settings {
		if _, err := tx.Exec(ctx, `SELECT set_config($1, $2, true)`, name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// known gives the types of the parameters to statements that do without one of them.
const known = `WITH known AS (SELECT $1::text[], $2::timestamptz, $3::timestamptz) `

// find counts, and looks again for the first violations when there are any.
func (v *Invariant) find(ctx context.Context, tx pgx.Tx, history ordinaut.History) error {
	args := []any{ordinaut.Reasons(), history.KeptSince, history.Now}
	tally := known + `SELECT count(*), count(*) FILTER (WHERE broken) FROM (` + v.look + `) AS look`
	if err := tx.QueryRow(ctx, tally, args...).Scan(&v.Checked, &v.Violations); err != nil || v.Violations == 0 {
		return err
	}
	rows, err := tx.Query(ctx, fmt.Sprintf(known+`SELECT subject FROM (`+v.look+`) AS look WHERE broken LIMIT %d`, verifyShown), args...)
	if err != nil {
		return err
	}
	v.Shown, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

// add counts what a check said of a task.
func (v *Invariant) add(task ordinaut.TaskID, found ordinaut.Audited) {
	if found.Left {
		v.Left++
		return
	}
	v.Checked++
	if found.Fault == "" {
		return
	}
	if v.Violations++; len(v.Shown) < verifyShown {
		v.Shown = append(v.Shown, task.String()+": "+found.Fault)
	}
}

// readHistory tells how far back the audit can look. Weeks of history may have been dropped, from one table or
// all; what was made in a week that is there everywhere must be there.
func readHistory(ctx context.Context, tx pgx.Tx) (ordinaut.History, error) {
	const history = `SELECT clock_timestamp() AS now, coalesce((
    SELECT max(first) FROM (
        SELECT min(to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC') AS first
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = ANY ('{run,step,progress,event,occurrence}'::regclass[]) AND c.relname ~ '_[0-9]{8}$'
        GROUP BY i.inhparent) AS weeks), clock_timestamp()) AS kept_since,
    coalesce((SELECT value FROM fact WHERE name = 'zone_release'), '') AS zone_release,
    coalesce((SELECT at FROM fact WHERE name = 'zone_release'), to_timestamp(0)) AS zone_at`
	return queryOne[ordinaut.History](ctx, tx, history)
}
