package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// How much of a history is read: the latest of each.
const (
	historyOccurrences = 500
	historyOverlapping = 20 // rows before the stretch that may reach into it
	historyFollowing   = 2  // rows after it, of which one may have stood in for some of it
	historyRuns        = 100
	historyChanges     = 50
	historyVersions    = 20
	historyClaims      = 50
)

// HistoryFilter says which stretch of a task's history to read. A zero Until is the later of now and the
// task's next due time, a zero Since a day before the earlier of Until and now.
type HistoryFilter struct {
	Since, Until time.Time
	// RunID names a run to read in any case; zero means none.
	RunID ordinaut.RunID
}

// TaskHistory returns what is known of a task in a stretch of time, or not_found. All of it is of one
// moment, so that nothing falls between the task and its ledger. A deleted task has its history still.
func (s *Store) TaskHistory(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.TaskID, f HistoryFilter) (ordinaut.TaskHistory, error) {
	var h ordinaut.TaskHistory
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		r := historyReader{tx: tx, ns: ns, id: id}
		var err error
		h, err = r.read(ctx, f)
		return err
	})
	return h, translate(err)
}

type historyReader struct {
	tx pgx.Tx
	ns ordinaut.NamespaceID
	id ordinaut.TaskID
}

func (r historyReader) read(ctx context.Context, f HistoryFilter) (h ordinaut.TaskHistory, err error) {
	if h.Task, err = getTask(ctx, r.tx, r.ns, r.id); err != nil {
		return h, err
	}
	const more = `SELECT t.next_at, clock_timestamp(), a.quiet FROM task t
LEFT JOIN agent a ON a.namespace_id = t.namespace_id AND a.id = t.owner_id
WHERE t.namespace_id = $1 AND t.id = $2`
	if err := r.tx.QueryRow(ctx, more, [16]byte(r.ns), [16]byte(r.id)).Scan(&h.NextAt, &h.Now, &h.AgentQuiet); err != nil {
		return h, err
	}
	h.Since, h.Until = f.stretch(h.Now, h.Task.DueAt)
	if h.Occurrences, err = r.occurrences(ctx, h.Since, h.Until); err != nil {
		return h, err
	}
	if h.Runs, err = r.runs(ctx, h, f.RunID); err != nil {
		return h, err
	}
	if h.FailedSteps, h.SkippedSteps, err = r.oddSteps(ctx, h.Runs); err != nil {
		return h, err
	}
	if h.Approvals, err = r.approvals(ctx, h.Runs); err != nil {
		return h, err
	}
	if h.Versions, err = r.versions(ctx, h.Since); err != nil {
		return h, err
	}
	if h.Changes, err = r.changes(ctx); err != nil {
		return h, err
	}
	if h.Workers, err = r.workers(ctx); err != nil {
		return h, err
	}
	if h.Condition, err = r.condition(ctx); err != nil {
		return h, err
	}
	due := []ordinaut.DueTask{{NamespaceID: r.ns, TaskID: r.id, Schedule: h.Task.Spec.Schedule}}
	err = loadCalendars(ctx, r.tx, due)
	h.Calendars = due[0].Calendars
	return h, err
}

// stretch fills in what f leaves out.
func (f HistoryFilter) stretch(now time.Time, due *time.Time) (since, until time.Time) {
	since, until = f.Since, f.Until
	if until.IsZero() {
		until = now
		if due != nil && due.After(now) {
			until = *due
		}
		if !until.After(since) {
			until = since.Add(24 * time.Hour)
		}
	}
	if since.IsZero() {
		since = until
		if now.Before(since) {
			since = now
		}
		since = since.Add(-24 * time.Hour)
	}
	return since.UTC(), until.UTC()
}

const occurrenceColumns = `namespace_id, task_id, nominal_at, last_at, count, kind, fate, reason, run_id, event_id, decided_at`

// occurrences returns the latest rows that touch a stretch and the first after it, oldest first. A row that
// began before is one of the last before it, since rows of one kind do not overlap. Served by occurrence_pkey.
func (r historyReader) occurrences(ctx context.Context, since, until time.Time) ([]ordinaut.Occurrence, error) {
	const within = `SELECT ` + occurrenceColumns + ` FROM occurrence
WHERE namespace_id = $1 AND task_id = $2 AND nominal_at BETWEEN $3 AND $4
ORDER BY nominal_at DESC LIMIT $5`
	rows, err := query[ordinaut.Occurrence](ctx, r.tx, within, [16]byte(r.ns), [16]byte(r.id), since, until, historyOccurrences)
	if err != nil {
		return nil, err
	}
	const before = `SELECT * FROM (
    SELECT ` + occurrenceColumns + ` FROM occurrence
    WHERE namespace_id = $1 AND task_id = $2 AND nominal_at < $3
    ORDER BY nominal_at DESC LIMIT $4
) AS o WHERE last_at >= $3`
	earlier, err := query[ordinaut.Occurrence](ctx, r.tx, before, [16]byte(r.ns), [16]byte(r.id), since, historyOverlapping)
	if err != nil {
		return nil, err
	}
	const after = `SELECT ` + occurrenceColumns + ` FROM occurrence
WHERE namespace_id = $1 AND task_id = $2 AND nominal_at > $3
ORDER BY nominal_at LIMIT $4`
	later, err := query[ordinaut.Occurrence](ctx, r.tx, after, [16]byte(r.ns), [16]byte(r.id), until, historyFollowing)
	if err != nil {
		return nil, err
	}
	rows = append(append(rows, earlier...), later...)
	slices.SortFunc(rows, func(a, b ordinaut.Occurrence) int {
		return cmp.Or(a.NominalAt.Compare(b.NominalAt), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.EventID[:], b.EventID[:]))
	})
	return rows, nil
}

// runs returns the latest runs that were made until the stretch was over and all of it was decided on, and
// those that its rows name. Served by run_task_idx and run_pkey.
func (r historyReader) runs(ctx context.Context, h ordinaut.TaskHistory, named ordinaut.RunID) ([]ordinaut.Run, error) {
	until := h.Until
	var wanted [][16]byte
	if !named.IsZero() {
		wanted = append(wanted, named)
	}
	for _, o := range h.Occurrences {
		if o.DecidedAt.After(until) {
			until = o.DecidedAt
		}
		if !o.RunID.IsZero() {
			wanted = append(wanted, o.RunID)
		}
	}
	// A run that is made in the same transaction as its row may have the later id.
	sql, args := listRunsQuery(r.ns, RunFilter{TaskID: r.id, Until: until.Add(time.Second), Limit: historyRuns})
	runs, err := query[ordinaut.Run](ctx, r.tx, sql, args)
	if err != nil {
		return nil, err
	}
	const byIDs = `SELECT ` + runColumns + `
FROM run r
` + runJoins + `
WHERE r.namespace_id = $1 AND r.id = ANY ($2) AND r.task_id = $3`
	more, err := query[ordinaut.Run](ctx, r.tx, byIDs, [16]byte(r.ns), wanted, [16]byte(r.id))
	if err != nil {
		return nil, err
	}
	runs = append(runs, more...)
	slices.SortFunc(runs, func(a, b ordinaut.Run) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return slices.CompactFunc(runs, func(a, b ordinaut.Run) bool { return a.ID == b.ID }), nil
}

// oddSteps returns of each run that has ended the id of the last step that failed it, and of those that were
// skipped. Served by step_pkey.
func (r historyReader) oddSteps(ctx context.Context, runs []ordinaut.Run) (failed map[ordinaut.RunID]string, skipped map[ordinaut.RunID][]string, err error) {
	var ids [][16]byte
	succeeded := map[ordinaut.RunID]bool{}
	for i := range runs {
		if s := runs[i].State; s.Terminal() {
			ids = append(ids, runs[i].ID)
			succeeded[runs[i].ID] = s == ordinaut.RunSucceeded
		}
	}
	if len(ids) == 0 {
		return nil, nil, nil
	}
	type odd struct {
		RunID  ordinaut.RunID     `db:"run_id"`
		StepID string             `db:"step_id"`
		State  ordinaut.StepState `db:"state"`
	}
	const lookup = `SELECT run_id, step_id, state FROM step
WHERE namespace_id = $1 AND run_id = ANY ($2) AND state IN ('failed', 'skipped') ORDER BY seq`
	rows, err := query[odd](ctx, r.tx, lookup, [16]byte(r.ns), ids)
	failed, skipped = map[ordinaut.RunID]string{}, map[ordinaut.RunID][]string{}
	for _, row := range rows {
		switch {
		case row.State == ordinaut.StepSkipped:
			skipped[row.RunID] = append(skipped[row.RunID], row.StepID)
		case !succeeded[row.RunID]:
			failed[row.RunID] = row.StepID
		}
	}
	return failed, skipped, err
}

// approvals returns what those of the runs that wait have asked.
func (r historyReader) approvals(ctx context.Context, runs []ordinaut.Run) ([]ordinaut.Approval, error) {
	var waiting [][16]byte
	for i := range runs {
		if runs[i].State == ordinaut.RunWaiting {
			waiting = append(waiting, runs[i].ID)
		}
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	return query[ordinaut.Approval](ctx, r.tx, approvalsOfRun, [16]byte(r.ns), waiting)
}

// versions returns the latest definitions, back to the one in force at since. Served by task_version_pkey.
func (r historyReader) versions(ctx context.Context, since time.Time) ([]ordinaut.TaskVersion, error) {
	const latest = `SELECT version, spec, created_at FROM task_version
WHERE namespace_id = $1 AND task_id = $2 ORDER BY version DESC LIMIT $3`
	all, err := query[ordinaut.TaskVersion](ctx, r.tx, latest, [16]byte(r.ns), [16]byte(r.id), historyVersions)
	if err != nil {
		return nil, err
	}
	for i, v := range all {
		if !v.CreatedAt.After(since) {
			all = all[:i+1]
			break
		}
	}
	slices.Reverse(all)
	return all, nil
}

// changes returns the latest changes of the task. Agents are told by name. Served by audit_task_idx, whose
// condition is repeated so that the planner sees it, and agent_pkey.
func (r historyReader) changes(ctx context.Context) ([]ordinaut.TaskChange, error) {
	const latest = `SELECT c.id, c.at, coalesce(a.name, c.actor) AS actor, c.action, c.detail
FROM (
    SELECT id, at, actor, action, detail FROM audit
    WHERE object = $2 AND starts_with(object, 'task_') AND namespace_id = $1 AND outcome = 'ok'
    ORDER BY id DESC LIMIT $3
) AS c
LEFT JOIN agent a ON a.namespace_id = $1 AND a.id = CASE WHEN starts_with(c.actor, 'agent_') THEN substr(c.actor, 7)::uuid END
ORDER BY c.id`
	return query[ordinaut.TaskChange](ctx, r.tx, latest, [16]byte(r.ns), r.id.String(), historyChanges)
}

// condition returns what is known of the task's condition, or nil. Served by condition_pkey.
func (r historyReader) condition(ctx context.Context) (*ordinaut.ConditionState, error) {
	const lookup = `SELECT ` + conditionColumns + ` FROM condition c WHERE namespace_id = $1 AND task_id = $2`
	found, err := query[ordinaut.ConditionState](ctx, r.tx, lookup, [16]byte(r.ns), [16]byte(r.id))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// workers looks for a lease that is held and, since a worker with nothing to do holds none, at the latest
// runs of the namespace. Served by lease_pkey, which mostly begins with a lease that is held, and run_pkey.
func (r historyReader) workers(ctx context.Context) (ordinaut.WorkerSigns, error) {
	const signs = `SELECT
    coalesce((SELECT true FROM lease WHERE until > statement_timestamp() ORDER BY namespace_id, run_id LIMIT 1), false) AS holding,
    (SELECT max(claimed_at) FROM (SELECT claimed_at FROM run WHERE namespace_id = $1 ORDER BY id DESC LIMIT $2) AS r) AS claimed_at`
	return queryOne[ordinaut.WorkerSigns](ctx, r.tx, signs, [16]byte(r.ns), historyClaims)
}
