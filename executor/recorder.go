package executor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// batchRecords and batchBytes bound one transaction.
	batchRecords = 1000
	batchBytes   = 8 << 20
	// recordTimeout bounds one call of the store. A call that hangs is made again: records may come
	// twice.
	recordTimeout = 10 * time.Second
	// poisonTries is how often a record that the store refuses by itself is tried.
	poisonTries = 4
	// reportRoom is how many records may wait before progress reports are dropped.
	reportRoom = 4 * batchRecords
)

// entry is a record on its way to the database.
type entry struct {
	rec  ordinaut.Record
	att  *attempt
	size int
	// ack, if set, is told nil once the record has landed, or why it never will.
	ack chan<- error
}

// ended is an attempt whose outcome has landed, or with err never will.
type ended struct {
	att *attempt
	out *ordinaut.Outcome
	err error
}

// recorder writes the records of all attempts. While one transaction is under way the next batch
// gathers, so a lone record waits for nobody and a thousand cost one commit. Records of one attempt
// reach the database in the order they were added.
type recorder struct {
	store Queue
	log   *slog.Logger
	m     *metrics
	// onEnd is told of outcomes, once a batch, after the commit.
	onEnd func([]ended)
	wake  chan struct{}

	mu     sync.Mutex // guards what follows; held for appends and swaps only
	queue  []entry
	closed bool
}

func newRecorder(store Queue, log *slog.Logger, m *metrics, onEnd func([]ended)) *recorder {
	return &recorder{store: store, log: log, m: m, onEnd: onEnd, wake: make(chan struct{}, 1)}
}

func (r *recorder) add(e entry) {
	r.mu.Lock()
	r.queue = append(r.queue, e)
	r.mu.Unlock()
	poke(r.wake)
}

// crowded reports whether so much waits that a progress report should not.
func (r *recorder) crowded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue) >= reportRoom
}

// close makes run return once all that was added is written.
func (r *recorder) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	poke(r.wake)
}

// run writes until close. When ctx ends first, what is left is given up.
func (r *recorder) run(ctx context.Context) {
	var spare []entry
	for {
		r.mu.Lock()
		batch, closed := r.queue, r.closed
		r.queue = spare
		r.mu.Unlock()
		if len(batch) == 0 {
			spare = batch
			if closed {
				return
			}
			<-r.wake
			continue
		}
		for rest := batch; len(rest) > 0; {
			n := portion(rest)
			r.write(ctx, rest[:n])
			rest = rest[n:]
		}
		clear(batch)
		spare = batch[:0]
	}
}

// portion returns how many of the entries make one transaction.
func portion(entries []entry) int {
	size := 0
	for i := range entries {
		size += entries[i].size
		if i == batchRecords || (i > 0 && size > batchBytes) {
			return i
		}
	}
	return len(entries)
}

// write brings the batch into the database, whatever it takes, as long as the leases last.
func (r *recorder) write(ctx context.Context, batch []entry) {
	for failures := 0; ; failures++ {
		batch = r.dropLost(batch)
		if len(batch) == 0 {
			return
		}
		lost, err := r.record(ctx, batch)
		if err == nil {
			r.settle(batch, lost)
			return
		}
		r.m.recordRetries.Inc()
		switch {
		case ctx.Err() != nil:
			r.fail(batch, ordinaut.ErrLeaseLost)
			return
		case passing(err):
			r.log.WarnContext(ctx, "recording failed", "records", len(batch), "err", err)
		case len(batch) > 1:
			// One record may spoil the transaction for all: find it.
			half := len(batch) / 2
			r.write(ctx, batch[:half])
			r.write(ctx, batch[half:])
			return
		case failures+1 >= poisonTries:
			r.log.ErrorContext(ctx, "record was refused", "run_id", batch[0].rec.Lease.RunID, "err", err)
			r.fail(batch, err)
			return
		}
		attempts := make([]*attempt, len(batch))
		for i := range batch {
			attempts[i] = batch[i].att
		}
		sleep(ctx, beforeEnd(pause(failures), attempts))
	}
}

func (r *recorder) record(ctx context.Context, batch []entry) ([]ordinaut.RunID, error) {
	recs := make([]ordinaut.Record, len(batch))
	for i := range batch {
		recs[i] = batch[i].rec
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return r.store.Record(ctx, recs)
}

// dropLost gives up the records of attempts whose lease can't be current any more.
func (r *recorder) dropLost(batch []entry) []entry {
	lost := 0
	for i := range batch {
		if batch[i].att.lost() {
			lost++
		}
	}
	if lost == 0 {
		return batch
	}
	kept := make([]entry, 0, len(batch)-lost)
	gone := make([]entry, 0, lost)
	for _, e := range batch {
		if e.att.lost() {
			gone = append(gone, e)
		} else {
			kept = append(kept, e)
		}
	}
	r.fail(gone, ordinaut.ErrLeaseLost)
	return kept
}

func (r *recorder) settle(batch []entry, lost []ordinaut.RunID) {
	if len(lost) == 0 {
		r.tell(batch, nil)
		return
	}
	gone := make(map[ordinaut.RunID]error, len(lost))
	for _, id := range lost {
		gone[id] = ordinaut.ErrLeaseLost
	}
	r.tell(batch, gone)
}

func (r *recorder) fail(batch []entry, err error) {
	gone := make(map[ordinaut.RunID]error, len(batch))
	for i := range batch {
		gone[batch[i].rec.Lease.RunID] = err
	}
	r.tell(batch, gone)
}

// tell passes on what became of each entry. A report that could not be written would leave a gap in
// the numbers of those after it, so it ends its attempt.
func (r *recorder) tell(batch []entry, errs map[ordinaut.RunID]error) {
	var ends []ended
	for i := range batch {
		e := &batch[i]
		err := errs[e.rec.Lease.RunID]
		if errors.Is(err, ordinaut.ErrLeaseLost) || (err != nil && e.ack == nil && e.rec.Outcome == nil) {
			e.att.lose()
		}
		if e.ack != nil {
			e.ack <- err
		}
		if e.rec.Outcome != nil {
			ends = append(ends, ended{e.att, e.rec.Outcome, err})
		}
	}
	if len(ends) > 0 {
		r.onEnd(ends)
	}
}

// passing reports whether err says that the database is away rather than that it refuses.
func passing(err error) bool {
	switch ordinaut.CodeOf(err) {
	case ordinaut.CodeUnavailable, ordinaut.CodeDeadlineExceeded:
		return true
	default:
		return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	}
}

// poke makes the receiver of ch look once; it never blocks.
func poke(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
