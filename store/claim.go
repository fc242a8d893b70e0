package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// claimRuns moves the first ready runs from queue to lease.
//
//	$1 worker, $2 length of the leases, $3 most runs to take
//	$4, $5 rank_at and run_id after which to look
//
// SKIP LOCKED lets workers claim side by side. Served by queue_rank_idx; the rows are then reached by
// their place, and run by its key. An attempt that is not the first gets its run.started entry here;
// that of the first follows from started_at.
const claimRuns = `WITH taken AS (
    DELETE FROM queue WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM queue WHERE (rank_at, run_id) > ($4, $5)
        ORDER BY rank_at, run_id LIMIT $3 FOR UPDATE SKIP LOCKED))
    RETURNING *
), leased AS (
    INSERT INTO lease (namespace_id, run_id, task_id, until, claimed_at, started_at, seq, epoch, priority, failures,
        crashes, exclusive, worker)
    SELECT namespace_id, run_id, task_id, clock.at + $2, clock.at, coalesce(started_at, clock.at), seq + 1, epoch + 1,
        priority, failures, crashes, exclusive, $1
    FROM taken CROSS JOIN (SELECT clock_timestamp() AS at OFFSET 0) AS clock
    RETURNING namespace_id, run_id, claimed_at, seq, epoch
), again AS (
    INSERT INTO progress (namespace_id, run_id, seq, type, at, state)
    SELECT namespace_id, run_id, seq, 'run.started', claimed_at, 'running' FROM leased WHERE epoch > 1
)
SELECT t.namespace_id, t.run_id, t.epoch + 1, t.task_id, r.task_version, r.kind, r.params, r.nominal_at, r.event_id, r.due_at,
    r.queued_at, (SELECT claimed_at FROM leased LIMIT 1), t.started_at, t.failures, t.seq + 1, t.rank_at
FROM taken t JOIN run r ON r.namespace_id = t.namespace_id AND r.id = t.run_id AND r.task_id = t.task_id
ORDER BY t.rank_at, t.run_id`

// ClaimRuns leases up to limit ready runs to worker for ttl and returns them, most urgent first. An
// empty slice and a nil error mean that there is nothing to do. The caller owns each run until ttl
// passes, unless it renews, or until it records an outcome.
func (s *Store) ClaimRuns(ctx context.Context, worker string, ttl time.Duration, limit int) ([]ordinaut.Attempt, error) {
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	began := time.Now()
	from, full := s.mark.start(began)
	rows, err := s.pool.Query(ctx, claimRuns, worker, ttl, limit, from.rankAt, from.runID)
	if err != nil {
		return nil, translate(err)
	}
	var attempts []ordinaut.Attempt
	var a ordinaut.Attempt
	var last rank
	_, err = pgx.ForEachRow(rows, []any{
		(*[16]byte)(&a.NamespaceID), (*[16]byte)(&a.RunID), &a.Epoch, (*[16]byte)(&a.TaskID), &a.TaskVersion, (*string)(&a.Kind),
		&a.Params, &a.NominalAt, &a.EventID, &a.DueAt, &a.QueuedAt, &a.ClaimedAt, &a.StartedAt, &a.Failures, &a.Seq, &last.rankAt,
	}, func() error {
		last.runID = a.RunID
		attempts = append(attempts, a)
		a = ordinaut.Attempt{}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	took := time.Since(began)
	s.metrics.claim.Observe(took.Seconds())
	s.mark.done(last, len(attempts), took, full)
	if s.publish != nil {
		s.announce(ctx, startNews(attempts))
	}
	return attempts, nil
}

func startNews(attempts []ordinaut.Attempt) []news {
	all := make([]news, len(attempts))
	for i, a := range attempts {
		all[i] = news{ns: a.NamespaceID, run: a.RunID, task: a.TaskID, entry: ordinaut.Progress{
			Seq: a.Seq, Type: ordinaut.ProgressStarted, At: a.ClaimedAt, State: string(ordinaut.RunRunning),
		}}
	}
	return all
}

const (
	// fullEvery is the longest for which claims may start at the mark.
	fullEvery = time.Second
	// fullShare bounds what full claims may cost when they are slow: one part in so many of the time.
	fullShare = 20
	// slowClaim and slowRow are what a claim and a row of it may take before the queue counts as full of
	// dead rows.
	slowClaim = 4 * time.Millisecond
	slowRow   = 60 * time.Microsecond
)

// rank is a place in the queue's order.
type rank struct {
	rankAt time.Time
	runID  [16]byte
}

// watermark is where claims of this process start. While some transaction elsewhere is held open,
// rows that were claimed long ago cannot be removed, and a claim from the front walks over all of
// them. So when a full claim was slow, the following ones start after the last run taken. A run that
// was queued before the mark (with a higher priority, or committed late) is found by the next full
// claim, which is at most fullEvery away.
type watermark struct {
	mu       sync.Mutex // guards the rest
	last     rank       // of the latest run taken
	fullAt   time.Time  // when the latest full claim began
	fullPace time.Duration
}

// start returns where a claim is to begin, and whether that is the front.
func (w *watermark) start(now time.Time) (rank, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.fullAt) >= w.fullPace {
		// Others claim from the mark meanwhile.
		w.fullAt = now
		return rank{}, true
	}
	return w.last, false
}

// done learns from a claim that took n runs, up to last, in so much time.
func (w *watermark) done(last rank, n int, took time.Duration, full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > 0 {
		w.last = last
	}
	if !full {
		return
	}
	w.fullPace = 0
	if took > slowClaim+time.Duration(n)*slowRow {
		w.fullPace = min(fullEvery, fullShare*took)
	}
}
