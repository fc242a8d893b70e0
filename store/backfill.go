package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// insertBackfill writes occurrences of the task that are made up for, and a run for each, asleep until its
// turn. A nominal time that was made up for already keeps its row.
//
//	$1 namespace, $2 task, $3 nominal times, $4 their runs, $5 time from one turn to the next, $6 priority
//
// The runs do not count as live for overlap: the schedule goes on beside them. The task is held locked by the
// caller. Served by occurrence_pkey and task_pkey.
const insertBackfill = `WITH ledger AS (
    INSERT INTO occurrence (namespace_id, task_id, nominal_at, kind, last_at, fate, run_id)
    SELECT $1, $2, n.nominal_at, 'backfill', n.nominal_at, 'started', n.run_id
    FROM unnest($3::timestamptz[], $4::uuid[]) AS n (nominal_at, run_id)
    ON CONFLICT DO NOTHING
    RETURNING nominal_at, run_id
), turn AS (
    SELECT nominal_at, run_id, at, at + (row_number() OVER (ORDER BY nominal_at) - 1) * $5::interval AS due_at
    FROM ledger CROSS JOIN (SELECT clock_timestamp() AS at OFFSET 0) AS clock
), made AS (
    INSERT INTO run (namespace_id, id, task_id, task_version, kind, nominal_at, due_at, queued_at)
    SELECT $1, run_id, $2, (SELECT version FROM task WHERE namespace_id = $1 AND id = $2), 'backfill', nominal_at, due_at, at FROM turn
), asleep AS (
    INSERT INTO wait (namespace_id, run_id, task_id, due_at, seq, epoch, priority, failures, crashes, exclusive)
    SELECT $1, run_id, $2, due_at, 1, 0, $6, 0, 0, false FROM turn
)
SELECT $1::uuid AS namespace_id, run_id AS id, $2::uuid AS task_id, at AS queued_at, nominal_at, due_at FROM turn`

// startedTimes gives the nominal times from $3 to $4 of the task $2 of namespace $1 that have a run, and
// whether one was made up for. Served by occurrence_pkey.
const startedTimes = `SELECT nominal_at, bool_or(kind = 'backfill') AS made_up FROM occurrence
WHERE namespace_id = $1 AND task_id = $2 AND nominal_at BETWEEN $3 AND $4 AND fate = 'started'
GROUP BY nominal_at`

// Backfill says what [Store.BackfillTask] makes up for, and how.
type Backfill struct {
	// Times returns the nominal times of the task, earliest first, and how many beside them policy leaves
	// out; its error is that of the call.
	Times func(ordinaut.DueTask) (times []time.Time, excluded int, err error)
	// All takes those too that have a run already, as long as that is not of a backfill.
	All bool
	// Every is the time from one run's turn to the next one's; Priority is theirs.
	Every    time.Duration
	Priority int
	// DryRun only counts.
	DryRun bool
}

// Backfilled is what a backfill made, or would make.
type Backfilled struct {
	// Runs counts the runs that were made, Existing the times that had one already, Excluded those that
	// policy leaves out.
	Runs     int `json:"runs"`
	Existing int `json:"existing"`
	Excluded int `json:"excluded"`
	// FirstAt and LastAt are the nominal times of the first and the last run, LastDue is when the last has
	// its turn; zero without a run.
	FirstAt time.Time `json:"first_at"`
	LastAt  time.Time `json:"last_at"`
	LastDue time.Time `json:"last_due"`
}

// BackfillTask makes up for nominal times of the task that have passed: an occurrence of kind backfill and
// a run for each that has none, whether the task is active or not. A time is made up for once, whoever asks
// how often; so a repeated call makes nothing, and one that repeats an idempotency key is told what the first
// call made. A task without times of its own answers with conflict.
func (s *Store) BackfillTask(ctx context.Context, call ordinaut.Call, id ordinaut.TaskID, b Backfill) (Backfilled, error) {
	var result Backfilled
	var made []madeRun
	err := s.tx(ctx, func(tx pgx.Tx) error {
		made = nil
		ns := call.Agent.NamespaceID
		if !b.DryRun {
			if _, repeated, err := replay(ctx, tx, call, id); err != nil || repeated {
				if err == nil {
					err = recallResult(ctx, tx, call, &result)
				}
				return err
			}
		}
		if _, err := lockTask(ctx, tx, ns, id); err != nil {
			return err
		}
		task, now, err := seeTask(ctx, tx, ns, id)
		if err != nil {
			return err
		}
		switch task.Kind {
		case ordinaut.ScheduleManual, ordinaut.ScheduleEvent, ordinaut.ScheduleCondition:
			return ordinaut.Errorf(ordinaut.CodeConflict, "%s has schedule kind %s and no times of its own that could be made up for; run_now starts it", id, task.Kind)
		}
		times, excluded, err := b.Times(task)
		if err != nil {
			return err
		}
		result, times, err = b.missing(ctx, tx, task, times, now)
		if result.Excluded = excluded; err != nil || b.DryRun {
			return err
		}
		if made, err = b.insert(ctx, tx, task, times, &result); err != nil {
			return fmt.Errorf("backfill %s: %w", id, err)
		}
		if err := rememberResult(ctx, tx, call, result); err != nil {
			return err
		}
		return insertAudit(ctx, tx, auditOf(call, id, map[string]any{"runs": result.Runs, "first_at": result.FirstAt, "last_at": result.LastAt}))
	})
	if err != nil {
		return Backfilled{}, err
	}
	s.announceQueued(ctx, made)
	return result, nil
}

// missing returns those of the times that get a run, and what that comes to.
func (b Backfill) missing(ctx context.Context, tx pgx.Tx, task ordinaut.DueTask, times []time.Time, now time.Time) (Backfilled, []time.Time, error) {
	if len(times) == 0 {
		return Backfilled{}, nil, nil
	}
	type started struct {
		NominalAt time.Time `db:"nominal_at"`
		MadeUp    bool      `db:"made_up"`
	}
	all, err := query[started](ctx, tx, startedTimes, [16]byte(task.NamespaceID), [16]byte(task.TaskID), times[0], times[len(times)-1])
	if err != nil {
		return Backfilled{}, nil, err
	}
	taken := make(map[int64]bool, len(all))
	for _, o := range all {
		if o.MadeUp || !b.All {
			taken[o.NominalAt.UnixMicro()] = true
		}
	}
	total := len(times)
	times = slices.DeleteFunc(slices.Clone(times), func(at time.Time) bool { return taken[at.UnixMicro()] })
	result := Backfilled{Runs: len(times), Existing: total - len(times)}
	if n := len(times); n > 0 {
		result.FirstAt, result.LastAt, result.LastDue = times[0], times[n-1], now.Add(time.Duration(n-1)*b.Every)
	}
	return result, times, nil
}

// insert makes the runs and sets when the last of them has its turn.
func (b Backfill) insert(ctx context.Context, tx pgx.Tx, task ordinaut.DueTask, times []time.Time, result *Backfilled) ([]madeRun, error) {
	runs := make([][16]byte, len(times))
	for i := range runs {
		runs[i] = ordinaut.NewRunID()
	}
	type madeUp struct {
		madeRun
		NominalAt time.Time `db:"nominal_at"`
		DueAt     time.Time `db:"due_at"`
	}
	all, err := query[madeUp](ctx, tx, insertBackfill, [16]byte(task.NamespaceID), [16]byte(task.TaskID), times, runs, b.Every, b.Priority)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b madeUp) int { return a.NominalAt.Compare(b.NominalAt) })
	made := make([]madeRun, len(all))
	for i, m := range all {
		made[i] = m.madeRun
		result.LastDue = m.DueAt
	}
	return made, nil
}
