package stream

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

const (
	// dirtyLimit is how many runs are remembered for a refill; the oldest are forgotten first, for
	// their readers find history in Postgres anyway.
	dirtyLimit = 10000
	// refillEvery spaces refills out: they cost a query each, and runs go first.
	refillEvery = 2 * time.Millisecond
)

// dirty is the set of runs whose stream lacks entries.
type dirty struct {
	mu     sync.Mutex    // guards what follows; never held while waiting
	marks  map[ref]int   // counts the marks, so that a refill sees what came in between
	order  []ref         // the oldest first; may hold refs that are settled
	wanted chan struct{} // poked when marks is no longer empty
}

func newDirty() *dirty {
	return &dirty{marks: map[ref]int{}, wanted: make(chan struct{}, 1)}
}

// mark notes that an entry of a run did not reach its stream.
func (d *dirty) mark(r ref) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.marks[r]++; d.marks[r] > 1 {
		return
	}
	d.order = append(d.order, r)
	for len(d.marks) > dirtyLimit {
		delete(d.marks, d.order[0])
		d.order = d.order[1:]
	}
	poke(d.wanted)
}

// markAgain marks a run that is dirty already and reports whether it is.
func (d *dirty) markAgain(r ref) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.marks[r]; !ok {
		return false
	}
	d.marks[r]++
	return true
}

// oldest returns the run that has been dirty for longest, with its count of marks.
func (d *dirty) oldest() (r ref, marks int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.order) > 0 {
		r = d.order[0]
		if marks, ok = d.marks[r]; ok {
			return r, marks, true
		}
		d.order = d.order[1:]
	}
	return ref{}, 0, false
}

// settle forgets a run unless it was marked since.
func (d *dirty) settle(r ref, marks int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.marks[r] == marks {
		delete(d.marks, r)
	}
}

// refillLoop fills in the streams of dirty runs while Redis answers.
func (s *Stream) refillLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty.wanted:
		}
		for s.Up() {
			r, marks, ok := s.dirty.oldest()
			if !ok {
				break
			}
			err := s.refill(ctx, r)
			if err == nil {
				s.dirty.settle(r, marks)
			}
			wait := refillEvery
			if err != nil && ctx.Err() == nil {
				s.complain(ctx, "stream was not filled in, will be retried", err)
				wait = maxPause
			}
			if !pause(ctx, wait) {
				return
			}
		}
	}
}

// refill appends what history has beyond the end of a run's stream.
func (s *Stream) refill(ctx context.Context, r ref) error {
	limited, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	last, err := s.lastSeq(limited, r)
	if err != nil {
		s.lost(ctx, err)
		return err
	}
	entries, err := s.cfg.History(limited, r.namespace, r.run, last)
	if ordinaut.CodeOf(err) == ordinaut.CodeNotFound {
		return nil // deleted meanwhile
	}
	if err != nil || len(entries) == 0 {
		return err
	}
	if excess := len(entries) - int(s.cfg.MaxLen); excess > 0 {
		entries = entries[excess:]
	}
	pipe := s.cfg.Client.Pipeline()
	added := make([]*redis.StringCmd, len(entries))
	for i := range entries {
		added[i] = addEntry(limited, r.key(), &entries[i], true, s.cfg.MaxLen)
		_ = pipe.Process(limited, added[i]) // only queues
	}
	ttl := max(liveTTL, s.cfg.TTL)
	if entries[len(entries)-1].Type == ordinaut.ProgressFinished {
		ttl = s.cfg.TTL
	}
	pipe.Expire(limited, r.key(), ttl)
	if _, err := pipe.Exec(limited); err != nil && !isAnswer(err) {
		s.lost(ctx, err)
		return err
	}
	for _, cmd := range added {
		if err := cmd.Err(); err != nil && !isDouble(err) {
			return err
		}
	}
	s.metrics.entries.Add(float64(len(entries)))
	s.metrics.refilled.Inc()
	return nil
}

// lastSeq returns the number of the last entry in a run's stream; 0 when there is none.
func (s *Stream) lastSeq(ctx context.Context, r ref) (int64, error) {
	last, err := s.cfg.Client.XRevRangeN(ctx, r.key(), "+", "-", 1).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, err
	}
	if len(last) == 0 {
		return 0, nil
	}
	seq, _, _ := strings.Cut(last[0].ID, "-")
	return strconv.ParseInt(seq, 10, 64)
}
