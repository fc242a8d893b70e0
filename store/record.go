package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ordinaut/ordinaut"
)

// fenceLeases locks the leases that are current: $1 namespaces, $2 runs, $3 epochs, sorted by run so
// that no two statements lock them in opposite order. It goes first in the transaction: a lease that is
// being renewed or canceled is waited for, and what follows sees it as it then is. The lateral join
// makes lease the inner side whatever the planner believes of its size. Served by lease_pkey.
const fenceLeases = `SELECT l.run_id, l.task_id
FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS held (namespace_id, run_id, epoch)
CROSS JOIN LATERAL (
    SELECT run_id, task_id FROM lease
    WHERE namespace_id = held.namespace_id AND run_id = held.run_id AND epoch = held.epoch FOR UPDATE
) AS l`

// insertSteps writes results of steps under leases that the transaction holds locked. Only what is
// not final is ever replaced.
const insertSteps = `INSERT INTO step (namespace_id, run_id, step_id, uses, state, reason, error, tries, epoch, input,
    output, output_bytes, started_at, finished_at, wakes_at, seq)
SELECT n.namespace_id, n.run_id, n.step_id, n.uses, n.state, n.reason, n.error, n.tries, n.epoch, n.input,
    n.output, n.output_bytes, n.started_at, n.finished_at, n.wakes_at, n.seq
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[],
    $10::jsonb[], $11::jsonb[], $12::int[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::bigint[])
    AS n (namespace_id, run_id, epoch, step_id, uses, state, reason, error, tries, input, output, output_bytes,
        started_at, finished_at, wakes_at, seq)
CROSS JOIN LATERAL (
    SELECT FROM lease l WHERE l.namespace_id = n.namespace_id AND l.run_id = n.run_id AND l.epoch = n.epoch OFFSET 0
) AS held
ON CONFLICT (namespace_id, run_id, step_id) DO UPDATE
SET state = excluded.state, reason = excluded.reason, error = excluded.error, tries = excluded.tries, epoch = excluded.epoch,
    input = excluded.input, output = excluded.output, output_bytes = excluded.output_bytes,
    started_at = excluded.started_at, finished_at = excluded.finished_at, wakes_at = excluded.wakes_at, seq = excluded.seq
WHERE step.state IN ('waiting', 'running')`

// insertProgress writes reports under leases that the transaction holds locked. One that is there
// already is left: the batch was sent again because the answer to its commit was lost.
const insertProgress = `INSERT INTO progress (namespace_id, run_id, seq, type, at, state, step, percent, message)
SELECT n.namespace_id, n.run_id, n.seq, n.type, n.at, n.state, n.step, n.percent, n.message
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[], $8::text[],
    $9::float8[], $10::text[]) AS n (namespace_id, run_id, epoch, seq, type, at, state, step, percent, message)
CROSS JOIN LATERAL (
    SELECT FROM lease l WHERE l.namespace_id = n.namespace_id AND l.run_id = n.run_id AND l.epoch = n.epoch OFFSET 0
) AS held
ON CONFLICT DO NOTHING`

// insertEvents writes what runs publish, under leases that the transaction holds locked, queues it for
// the schedulers and returns what was not there yet. An event of a run that is about an event is one hop
// further from outside than that. Served by lease_pkey, run_pkey and event_pkey.
const insertEvents = `WITH made AS (
    INSERT INTO event (namespace_id, id, topic, payload, run_id, at, hops)
    SELECT n.namespace_id, n.id, n.topic, n.payload, n.run_id, n.at, coalesce(
        (SELECT least(e.hops + 1, 32767) FROM run r
            CROSS JOIN LATERAL (SELECT hops FROM event WHERE namespace_id = r.namespace_id AND id = r.event_id OFFSET 0) AS e
            WHERE r.namespace_id = n.namespace_id AND r.id = n.run_id), 0)
    FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::jsonb[], $7::timestamptz[])
        AS n (namespace_id, run_id, epoch, id, topic, payload, at)
    CROSS JOIN LATERAL (
        SELECT FROM lease l WHERE l.namespace_id = n.namespace_id AND l.run_id = n.run_id AND l.epoch = n.epoch OFFSET 0
    ) AS held
    ON CONFLICT DO NOTHING
    RETURNING namespace_id, id, hops
), queued AS (
    INSERT INTO event_queue (namespace_id, event_id) SELECT namespace_id, id FROM made
)
SELECT namespace_id, id, hops FROM made`

// endRuns ends runs whose lease is current, under the lock of [fenceLeases]: the lease goes, by its place,
// and the run's row is written for the second and last time (a HOT update). An outcome without a seq of
// its own takes the one after the lease's.
//
//	$1 namespaces, $2 runs, $3 epochs, $4 states, $5 reasons, $6 errors, $7 outputs, $8 seqs, $9 first starts or NULL
//	$10, $11 the least and the greatest of $2, so that only the partitions between them are opened
//
// The bounds are put on the leases' side: on r they would let the planner walk all runs between them.
// Served by lease_pkey and run_pkey.
const endRuns = `WITH ended AS MATERIALIZED (
    SELECT e.namespace_id, e.run_id, e.epoch, e.state, e.reason, e.error, e.output, l.place, l.task_id, l.claimed_at,
        e.state = 'canceled' AND l.superseded AS superseded, coalesce(e.started_at, l.started_at) AS started_at, CASE WHEN e.seq > 0 THEN e.seq ELSE l.seq + 1 END AS seq
    FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::bigint[], $9::timestamptz[])
        AS e (namespace_id, run_id, epoch, state, reason, error, output, seq, started_at)
    CROSS JOIN LATERAL (
        SELECT ctid AS place, task_id, claimed_at, started_at, seq, superseded FROM lease
        WHERE namespace_id = e.namespace_id AND run_id = e.run_id AND epoch = e.epoch OFFSET 0
    ) AS l
), gone AS (
    DELETE FROM lease WHERE ctid = ANY (ARRAY(SELECT place FROM ended))
)
UPDATE run r SET state = e.state, reason = CASE WHEN e.superseded THEN 'superseded' ELSE e.reason END, error = e.error, output = e.output, attempt = e.epoch,
    claimed_at = e.claimed_at, started_at = e.started_at, finished_at = clock_timestamp(), seq = e.seq
FROM ended e
WHERE r.namespace_id = e.namespace_id AND r.id = e.run_id AND r.task_id = e.task_id AND e.run_id BETWEEN $10 AND $11
RETURNING r.id, r.task_id, r.state, r.reason, r.seq, r.finished_at, ` + anyBuffered

// Record writes what attempts did, in one transaction. A record whose lease is not current is dropped
// whole and its run is returned as lost; the others are written. Records of one run are taken in their
// order. A run that was canceled and is given back ends as canceled instead.
func (s *Store) Record(ctx context.Context, recs []ordinaut.Record) (lost []ordinaut.RunID, err error) {
	if len(recs) == 0 {
		return nil, nil
	}
	b, err := newRecordBatch(recs)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	began := time.Now()
	if err := b.send(ctx, s); err != nil {
		return nil, fmt.Errorf("record: %w", translate(err))
	}
	s.metrics.record.Observe(time.Since(began).Seconds())
	s.metrics.batchSize.Observe(float64(len(recs)))
	lost = b.lost(recs)
	s.recorded(ctx, b, recs)
	return lost, nil
}

// recordBatch is the columns of the statements that a call of Record sends at once. A statement whose
// columns are empty is not sent.
type recordBatch struct {
	fence    leaseColumns
	steps    stepColumns
	asks     askColumns
	closes   closeColumns
	progress progressColumns
	events   eventColumns
	verdicts verdictColumns
	ends     endColumns
	parks    parkColumns

	// held, done and published are filled by the answers: runs whose lease was found, outcomes that
	// landed, and the hops of events that landed.
	held      map[ordinaut.RunID]ordinaut.TaskID
	done      map[ordinaut.RunID]landed
	published map[eventKey]int
	// buffered reports whether runs wait for others to end.
	buffered bool
	// closed counts the approvals that nobody decided.
	closed int64
}

// landed is an outcome as it was written.
type landed struct {
	state  ordinaut.RunState
	reason ordinaut.Reason
	seq    int64
	at     time.Time
}

func newRecordBatch(recs []ordinaut.Record) (*recordBatch, error) {
	b := &recordBatch{
		held: make(map[ordinaut.RunID]ordinaut.TaskID, len(recs)),
		done: make(map[ordinaut.RunID]landed, len(recs)),
	}
	order := sortedByRun(recs)
	for _, i := range order {
		r := &recs[i]
		b.fence.add(r.Lease)
		b.steps.add(r)
		b.asks.add(r)
		b.closes.add(r)
		b.progress.add(r)
		b.events.add(r)
		b.verdicts.add(r)
		switch o := r.Outcome; {
		case o == nil:
		case o.State.Terminal():
			b.ends.add(r)
		case o.State == ordinaut.RunQueued, o.State == ordinaut.RunWaiting:
			b.parks.add(r)
		default:
			return nil, fmt.Errorf("record %s: an attempt cannot end as %q", r.Lease.RunID, o.State)
		}
	}
	return b, nil
}

// sortedByRun returns the indices of recs by run; records of one run keep their order.
func sortedByRun(recs []ordinaut.Record) []int {
	order := make([]int, len(recs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return bytes.Compare(recs[i].Lease.RunID[:], recs[j].Lease.RunID[:]) })
	return order
}

// send sends all statements in one round trip, which makes them one transaction.
func (b *recordBatch) send(ctx context.Context, s *Store) error {
	var batch pgx.Batch
	batch.Queue(fenceLeases, b.fence.namespaces, b.fence.runs, b.fence.epochs).Query(b.readFence)
	if c := &b.steps; len(c.runs) > 0 {
		batch.Queue(insertSteps, c.args()...)
	}
	if c := &b.asks; len(c.runs) > 0 {
		batch.Queue(insertApprovals, c.args()...)
	}
	if c := &b.closes; len(c.runs) > 0 {
		batch.Queue(closeAnswered, c.namespaces, c.runs, c.epochs, c.steps).Exec(b.countClosed)
	}
	if c := &b.progress; len(c.runs) > 0 {
		batch.Queue(insertProgress, c.args()...)
	}
	if c := &b.events; len(c.runs) > 0 {
		batch.Queue(insertEvents, c.args()...).Query(b.readEvents)
	}
	if c := &b.verdicts; len(c.runs) > 0 {
		batch.Queue(insertVerdicts, c.args()...)
	}
	if c := &b.ends; len(c.runs) > 0 {
		batch.Queue(endRuns, c.args()...).Query(b.readEnds)
	}
	if c := &b.parks; len(c.runs) > 0 {
		batch.Queue(parkRuns, c.args()...).Query(b.readParks)
	}
	if c := &b.closes; len(c.ended) > 0 {
		batch.Queue(closeEnded, c.endedNamespaces, c.ended).Exec(b.countClosed)
	}
	return s.pool.SendBatch(ctx, &batch).Close()
}

func (b *recordBatch) countClosed(tag pgconn.CommandTag) error {
	b.closed += tag.RowsAffected()
	return nil
}

func (b *recordBatch) readFence(rows pgx.Rows) error {
	var run, task [16]byte
	_, err := pgx.ForEachRow(rows, []any{&run, &task}, func() error {
		b.held[run] = task
		return nil
	})
	return err
}

func (b *recordBatch) readEvents(rows pgx.Rows) error {
	b.published = make(map[eventKey]int, len(b.events.ids))
	var key eventKey
	var hops int
	_, err := pgx.ForEachRow(rows, []any{&key.namespace, &key.id, &hops}, func() error {
		b.published[key] = hops
		return nil
	})
	return err
}

func (b *recordBatch) readEnds(rows pgx.Rows) error {
	var run, task [16]byte
	var l landed
	_, err := pgx.ForEachRow(rows, []any{&run, &task, (*string)(&l.state), (*string)(&l.reason), &l.seq, &l.at, &b.buffered}, func() error {
		b.held[run], b.done[run] = task, l
		return nil
	})
	return err
}

func (b *recordBatch) readParks(rows pgx.Rows) error {
	var run, task [16]byte
	var l landed
	_, err := pgx.ForEachRow(rows, []any{&run, &task, (*string)(&l.state), (*string)(&l.reason), &l.seq, &l.at, &b.buffered}, func() error {
		b.held[run], b.done[run] = task, l
		return nil
	})
	return err
}

// lost returns the runs of recs whose lease was not found, each once.
func (b *recordBatch) lost(recs []ordinaut.Record) []ordinaut.RunID {
	var lost []ordinaut.RunID
	for i := range recs {
		id := recs[i].Lease.RunID
		if _, ok := b.held[id]; !ok && !slices.Contains(lost, id) {
			lost = append(lost, id)
		}
	}
	return lost
}
