package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// findings locks the oldest verdicts, $1 at most, with the tasks that they are about, and gives what is
// known of each condition. SKIP LOCKED lets schedulers judge side by side, and a tick or a change of a task
// keep its verdicts for later; whoever holds a task locked may write its condition. Served by
// verdict_order_idx and the primary keys of the others.
const findings = `WITH due AS MATERIALIZED (
    SELECT t.namespace_id, t.id, t.owner_id, t.version, ` + scheduleColumns + `, t.state, t.paused_reason, t.next_at, t.due_at, t.snoozed_at,
        t.snoozed_until, t.runs_started, v.run_id, v.task_version, v.met, v.value, v.cursor, v.error, v.at
    FROM verdict v
    JOIN task t ON t.namespace_id = v.namespace_id AND t.id = v.task_id
    ORDER BY v.run_id
    LIMIT $1
    FOR NO KEY UPDATE OF v, t SKIP LOCKED
)
SELECT due.namespace_id, due.id, ` + scheduleColumns + `, state, paused_reason, next_at, coalesce(due_at, at) AS due_at, snoozed_at,
    snoozed_until, runs_started, NULL::jsonb AS agent_quiet, ` + runLive + ` AS busy, ` + buffered + `,
    due.version, due.run_id, due.at, due.task_version, due.met AS found_met, due.error AS found_error,
    due.value AS found_value, due.cursor AS found_cursor,
    coalesce(c.met, false) AS met, c.met_since, coalesce(c.fired, false) AS fired, coalesce(c.suppressed, false) AS suppressed,
    c.cooldown_until, c.cursor, c.probed_at, c.value, coalesce(c.error, '') AS error
FROM due
LEFT JOIN condition c ON c.namespace_id = due.namespace_id AND c.task_id = due.id AND c.task_version = due.version
ORDER BY due.run_id`

// finding is a row of findings.
type finding struct {
	ordinaut.DueTask
	ordinaut.ConditionState
	Version     int             `db:"version"`
	RunID       ordinaut.RunID  `db:"run_id"`
	At          time.Time       `db:"at"`
	TaskVersion int             `db:"task_version"`
	FoundMet    *bool           `db:"found_met"`
	FoundError  string          `db:"found_error"`
	FoundValue  json.RawMessage `db:"found_value"`
	FoundCursor json.RawMessage `db:"found_cursor"`
}

func (f *finding) domain() ordinaut.Finding {
	return ordinaut.Finding{
		Task: f.DueTask, TaskVersion: f.Version, RunID: f.RunID, At: f.At, Before: f.ConditionState,
		Verdict: ordinaut.Verdict{
			TaskVersion: f.TaskVersion, Met: f.FoundMet, Error: f.FoundError, Value: f.FoundValue, Cursor: f.FoundCursor,
		},
	}
}

// JudgeVerdicts takes up to limit verdicts, oldest probe first, asks decide what they make of their conditions by
// the database's time, and in the same transaction writes what is known now, the ledger, and the runs that
// start with the events that they are about. decide must judge each finding; it may be called again if the
// transaction fails. Any number of processes may judge. It returns how many verdicts it took, and whether
// some are left, which another transaction holds when there were fewer than limit.
func (s *Store) JudgeVerdicts(ctx context.Context, limit int, decide func(now time.Time, all []ordinaut.Finding) []ordinaut.Judgement) (taken int, left bool, err error) {
	var did ticked
	var events []ordinaut.Event
	err = s.tx(ctx, func(tx pgx.Tx) error {
		did, events = ticked{}, nil
		rows, err := query[finding](ctx, tx, findings, limit)
		if err != nil {
			return err
		}
		if taken = len(rows); taken > 0 {
			if did, events, err = judge(ctx, tx, rows, decide); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM verdict)`).Scan(&left)
	})
	if err != nil {
		return 0, false, err
	}
	if s.publishEvents != nil && len(events) > 0 {
		s.announceEvents(ctx, events)
	}
	s.announceSuperseded(ctx, did.superseded)
	s.announceQueued(ctx, did.made)
	// What they were to wait for may have ended while this one looked.
	s.releaseAfter(ctx, did.buffered.keys())
	return taken, left, nil
}

func judge(ctx context.Context, tx pgx.Tx, rows []finding, decide func(now time.Time, all []ordinaut.Finding) []ordinaut.Judgement) (did ticked, events []ordinaut.Event, err error) {
	var now time.Time
	if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return did, nil, err
	}
	all := make([]ordinaut.Finding, len(rows))
	for i := range rows {
		all[i] = rows[i].domain()
	}
	judgements := decide(now, all)
	if len(judgements) != len(all) {
		return did, nil, fmt.Errorf("judge: %d judgements on %d findings", len(judgements), len(all))
	}
	w := newJudged(all, judgements)
	var batch pgx.Batch
	w.queue(&batch)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return did, nil, fmt.Errorf("write what is known of conditions: %w", err)
	}
	did.buffered = w.buffered
	if did.superseded, err = supersede(ctx, tx, w.canceling.keys()); err != nil {
		return did, nil, err
	}
	if did.made, err = writeLedger(ctx, tx, w.ledger); err != nil {
		return did, nil, fmt.Errorf("write the ledger: %w", err)
	}
	if len(w.decisions) == 0 {
		return did, nil, nil
	}
	return did, w.events, auditDecisions(ctx, tx, "judge", w.namespaceOf, w.decisions)
}
