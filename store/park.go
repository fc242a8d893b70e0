package store

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// answeredMeanwhile holds of a run in gone that somebody decided what a step of it waits for, while it was at
// work. Whoever decides holds the lease until that can be seen. Served by approval_namespace_id_run_id_step_id_key
// and step_pkey.
const answeredMeanwhile = `asked AND EXISTS (
            SELECT FROM approval a
            CROSS JOIN LATERAL (SELECT state FROM step s WHERE s.namespace_id = a.namespace_id AND s.run_id = a.run_id AND s.step_id = a.step_id OFFSET 0) AS s
            WHERE a.namespace_id = gone.namespace_id AND a.run_id = gone.run_id AND a.decision IS NOT NULL AND s.state = 'waiting')`

// parkRuns gives runs whose lease is current back, under the lock of [fenceLeases]: to the queue, or to sleep. One that was canceled in
// the meantime ends as canceled instead.
//
//	$1 namespaces, $2 runs, $3 epochs, $4 states, $5 messages, $6 seqs, $7 first starts or NULL
//	$8 how long to sleep, $9 whether a retry of the task is spent, $10 whether it may have asked for approvals
//
// Served by lease_pkey and run_pkey.
const parkRuns = `WITH gone AS MATERIALIZED (
    SELECT p.namespace_id, p.run_id, l.place, l.task_id, l.epoch, l.claimed_at, coalesce(p.started_at, l.started_at) AS started_at,
        l.priority, l.crashes, l.exclusive, l.failures + p.failed::int AS failures, p.delay, p.message, p.asked,
        CASE WHEN p.seq > 0 THEN p.seq ELSE l.seq + 1 END AS seq,
        CASE WHEN l.canceled THEN 'canceled' ELSE p.state END AS state,
        CASE WHEN l.superseded THEN 'superseded' WHEN l.canceled THEN 'canceled' ELSE '' END AS reason, clock_timestamp() AS at
    FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[], $8::interval[], $9::boolean[],
        $10::boolean[]) AS p (namespace_id, run_id, epoch, state, message, seq, started_at, delay, failed, asked)
    CROSS JOIN LATERAL (
        SELECT ctid AS place, * FROM lease WHERE namespace_id = p.namespace_id AND run_id = p.run_id AND epoch = p.epoch OFFSET 0
    ) AS l
), freed AS (
    DELETE FROM lease WHERE ctid = ANY (ARRAY(SELECT place FROM gone))
), queued AS (
    INSERT INTO queue (namespace_id, run_id, task_id, rank_at, started_at, seq, epoch, priority, failures, crashes, exclusive)
    SELECT namespace_id, run_id, task_id, at + (priority - 5) * interval '10 seconds', started_at, seq, epoch, priority,
        failures, crashes, exclusive
    FROM gone WHERE state = 'queued'
), asleep AS (
    INSERT INTO wait (namespace_id, run_id, task_id, due_at, started_at, seq, epoch, priority, failures, crashes, exclusive)
    SELECT namespace_id, run_id, task_id, CASE WHEN ` + answeredMeanwhile + ` THEN at ELSE at + delay END, started_at, seq, epoch, priority, failures, crashes, exclusive
    FROM gone WHERE state = 'waiting'
), told AS (
    INSERT INTO progress (namespace_id, run_id, seq, type, at, state, message)
    SELECT namespace_id, run_id, seq, CASE state WHEN 'queued' THEN 'run.requeued' ELSE 'run.waiting' END, at, state, message
    FROM gone WHERE state <> 'canceled'
), ended AS (
    UPDATE run r SET state = 'canceled', reason = g.reason, error = g.message, attempt = g.epoch,
        claimed_at = g.claimed_at, started_at = g.started_at, finished_at = g.at, seq = g.seq
    FROM gone g
    WHERE g.state = 'canceled' AND r.namespace_id = g.namespace_id AND r.id = g.run_id AND r.task_id = g.task_id
)
SELECT run_id, task_id, state, reason, seq, at, ` + anyBuffered + ` FROM gone`

// parkColumns are the columns of parkRuns.
type parkColumns struct {
	leaseColumns
	states, messages []string
	seqs             []int64
	starts           []*time.Time
	delays           []time.Duration
	failed, asked    []bool
}

func (c *parkColumns) add(r *ordinaut.Record) {
	o := r.Outcome
	c.leaseColumns.add(r.Lease)
	c.states, c.messages = append(c.states, string(o.State)), append(c.messages, clean(o.Error))
	c.seqs, c.starts = append(c.seqs, o.Seq), append(c.starts, orNull(o.StartedAt))
	c.delays, c.failed = append(c.delays, max(0, o.Delay)), append(c.failed, o.Failed)
	c.asked = append(c.asked, o.Asked)
}

func (c *parkColumns) args() []any {
	return []any{c.namespaces, c.runs, c.epochs, c.states, c.messages, c.seqs, c.starts, c.delays, c.failed, c.asked}
}
