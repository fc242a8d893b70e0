package store

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// verifyBatch is how many tasks are read at once.
const verifyBatch = 1000

// auditedTasks gives the tasks that follow $1, $2 in the order of their keys, $3 at most, save those without
// times: the manual ones, and those of events unless they are finished. Served by task_pkey and task_version_pkey.
const auditedTasks = `SELECT t.namespace_id, t.id, ` + scheduleColumns + `, t.state, t.next_at, t.snoozed_at, t.runs_started,
    v.created_at AS version_at, v.first_at
FROM task t
JOIN task_version v ON v.namespace_id = t.namespace_id AND v.task_id = t.id AND v.version = t.version
WHERE (t.namespace_id, t.id) > ($1, $2) AND t.state <> 'deleted'
    AND (t.schedule_kind IN ` + ownTimes + ` OR t.schedule_kind = 'event' AND t.state = 'finished')
ORDER BY t.namespace_id, t.id
LIMIT $3`

// auditedRows gives the rows of tasks from $1, $2 to $3, $4 in their order, those of nominal times from $5 on.
// Served by occurrence_pkey, week by week.
const auditedRows = `SELECT namespace_id, task_id, nominal_at, last_at, count, kind, decided_at
FROM occurrence
WHERE (namespace_id, task_id) >= ($1, $2) AND (namespace_id, task_id) <= ($3, $4) AND nominal_at >= $5 AND kind IN ('schedule', 'probe')
ORDER BY namespace_id, task_id, nominal_at`

// verifySchedules asks check about each task, and adds what it says to the laws. Rows are handed on as they
// come: a batch of tasks is all that is held.
func verifySchedules(ctx context.Context, tx pgx.Tx, history ordinaut.History, check func(ordinaut.AuditedTask, iter.Seq[ordinaut.Occurrence]) []ordinaut.Audited, all []Invariant) error {
	laws := make(map[string]*Invariant, len(all))
	for i := range all {
		laws[all[i].ID] = &all[i]
	}
	var last ordinaut.AuditedTask
	for n := verifyBatch; n == verifyBatch; {
		tasks, err := query[ordinaut.AuditedTask](ctx, tx, auditedTasks, [16]byte(last.NamespaceID), [16]byte(last.TaskID), verifyBatch)
		if err != nil {
			return fmt.Errorf("read tasks: %w", err)
		}
		if n = len(tasks); n == 0 {
			return nil
		}
		last = tasks[n-1]
		rows, err := readLedger(ctx, tx, tasks, history.KeptSince)
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		for i := range tasks {
			t := &tasks[i]
			t.History = history
			for _, found := range check(*t, rows.of(t)) {
				laws[found.Law].add(t.TaskID, found)
			}
		}
		if err := rows.close(); err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
	}
	return nil
}

// ledgerRows reads the ledger of tasks in their order.
type ledgerRows struct {
	rows pgx.Rows
	// row is the one that comes next; there is none when more is false.
	row  ordinaut.Occurrence
	more bool
	err  error
}

func readLedger(ctx context.Context, tx pgx.Tx, tasks []ordinaut.AuditedTask, kept time.Time) (*ledgerRows, error) {
	first, last := &tasks[0], &tasks[len(tasks)-1]
	since := slices.MinFunc(tasks, func(a, b ordinaut.AuditedTask) int { return a.VersionAt.Compare(b.VersionAt) }).VersionAt
	if since.Before(kept) {
		since = kept
	}
	rows, err := tx.Query(ctx, auditedRows, [16]byte(first.NamespaceID), [16]byte(first.TaskID), [16]byte(last.NamespaceID), [16]byte(last.TaskID), since)
	if err != nil {
		return nil, err
	}
	l := &ledgerRows{rows: rows}
	l.advance()
	return l, nil
}

func (l *ledgerRows) advance() {
	if l.more = l.rows.Next(); !l.more {
		return
	}
	r := &l.row
	*r = ordinaut.Occurrence{}
	if err := l.rows.Scan(&r.NamespaceID, &r.TaskID, &r.NominalAt, &r.LastAt, &r.Count, &r.Kind, &r.DecidedAt); err != nil {
		l.more, l.err = false, err
	}
}

// of returns the rows of a task, which follows those that were asked for before.
func (l *ledgerRows) of(t *ordinaut.AuditedTask) iter.Seq[ordinaut.Occurrence] {
	kind := ordinaut.RunScheduled
	if t.Kind == ordinaut.ScheduleCondition {
		kind = ordinaut.RunProbe
	}
	return func(yield func(ordinaut.Occurrence) bool) {
		for ; l.more; l.advance() {
			switch order := l.compare(t); {
			case order > 0:
				return
			case order == 0 && l.row.Kind == kind && !yield(l.row):
				return
			}
		}
	}
}

// compare tells whether the next row is of an earlier task than t, of t, or of a later one.
func (l *ledgerRows) compare(t *ordinaut.AuditedTask) int {
	if order := bytes.Compare(l.row.NamespaceID[:], t.NamespaceID[:]); order != 0 {
		return order
	}
	return bytes.Compare(l.row.TaskID[:], t.TaskID[:])
}

func (l *ledgerRows) close() error {
	l.rows.Close()
	if l.err != nil {
		return l.err
	}
	return l.rows.Err()
}
