package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

const (
	// batchEntries is the most entries of one pipeline; with events and expiries it has up to three
	// times as many commands.
	batchEntries = 200
	minPause     = 100 * time.Millisecond
	maxPause     = 2 * time.Second
	lastWords    = time.Second
	// firstTTL is what a new stream lives beyond TTL: a run that ends within it needs no second
	// expiry. liveTTL is for runs that take longer.
	firstTTL = time.Hour
	liveTTL  = 7 * 24 * time.Hour
)

// writeLoop is the one writer of the process.
func (s *Stream) writeLoop(ctx context.Context) {
	var taken []item
	for {
		select {
		case <-ctx.Done():
			s.writeRest(context.WithoutCancel(ctx), s.pending.take(nil))
			return
		case <-s.pending.wanted:
		}
		taken = s.pending.take(taken)
		if left := s.writeAll(ctx, taken); len(left) > 0 {
			s.writeRest(context.WithoutCancel(ctx), left)
		}
	}
}

// writeAll writes in batches. It returns what is left when ctx ends. While Redis is away it goes on
// slowly: what is pending meets the same fate, and what comes meanwhile is dropped.
func (s *Stream) writeAll(ctx context.Context, items []item) (left []item) {
	wait := minPause
	for len(items) > 0 && ctx.Err() == nil {
		n := min(len(items), batchEntries)
		err := s.write(ctx, items[:n])
		items = items[n:]
		if err == nil {
			wait = minPause
			continue
		}
		s.complain(ctx, "redis was not written to, progress will be filled in, events stay in postgres", err)
		pause(ctx, wait/2+rand.N(wait/2))
		wait = min(2*wait, maxPause)
	}
	return items
}

// writeRest writes what is left when the process stops.
func (s *Stream) writeRest(ctx context.Context, items []item) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	for s.Up() && len(items) > 0 && ctx.Err() == nil {
		n := min(len(items), batchEntries)
		if err := s.write(ctx, items[:n]); err != nil {
			return
		}
		items = items[n:]
	}
}

// write sends one pipeline. Entries of dirty runs are left to the refill, which knows their order. It
// returns an error when Redis did not answer; the batch is dropped then.
func (s *Stream) write(ctx context.Context, batch []item) error {
	limited, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	pipe := s.cfg.Client.Pipeline()
	added := make([]*redis.StringCmd, len(batch))
	for i := range batch {
		if event := batch[i].event; event != nil {
			added[i] = addPublished(limited, eventsKey(batch[i].Namespace), event)
			_ = pipe.Process(limited, added[i]) // only queues
			continue
		}
		e := &batch[i].RunProgress
		if kind := eventOf(e); kind != "" {
			_ = pipe.Process(limited, addEvent(limited, eventsKey(e.Namespace), kind, e)) // only queues
		}
		if s.dirty.markAgain(refOf(e)) {
			continue
		}
		key := refOf(e).key()
		added[i] = addEntry(limited, key, &e.Progress, e.Seq == 1, s.cfg.MaxLen)
		_ = pipe.Process(limited, added[i]) // only queues
		if ttl := s.ttl(&e.Progress, e.RunID); ttl > 0 {
			pipe.Expire(limited, key, ttl)
		}
	}
	_, err := pipe.Exec(limited)
	if err != nil && !isAnswer(err) {
		for i := range batch {
			s.drop(&batch[i])
		}
		s.lost(ctx, err)
		return err
	}
	return s.settle(batch, added)
}

// settle reads the answers: nil means that the stream was lost, a refusal of the id that another
// process had filled it in already. Any other refusal (no memory, read-only) counts as no answer.
func (s *Stream) settle(batch []item, added []*redis.StringCmd) error {
	var refused error
	for i, cmd := range added {
		if cmd == nil {
			s.metrics.dropped.Inc()
			continue
		}
		switch err := cmd.Err(); {
		case err == nil && batch[i].event != nil:
			s.metrics.events.Inc()
		case err == nil, isDouble(err):
			s.metrics.entries.Inc()
		case errors.Is(err, redis.Nil):
			s.drop(&batch[i])
		default:
			s.drop(&batch[i])
			refused = err
		}
	}
	return refused
}

// drop counts what was not written. A run is filled in later; an event is in Postgres alone.
func (s *Stream) drop(it *item) {
	if it.event != nil {
		s.metrics.eventsDropped.Inc()
		return
	}
	s.dirty.mark(refOf(&it.RunProgress))
	s.metrics.dropped.Inc()
}

// ttl returns the expiry that an entry calls for, or 0. A run's id tells when the run was made, so
// short runs need one expiry, at their first entry.
func (s *Stream) ttl(p *ordinaut.Progress, run ordinaut.RunID) time.Duration {
	long := p.At.Sub(run.Time()) > firstTTL
	switch {
	case p.Type == ordinaut.ProgressFinished && long:
		return s.cfg.TTL
	case p.Type == ordinaut.ProgressFinished:
		return 0
	case long:
		return max(liveTTL, s.cfg.TTL+firstTTL)
	case p.Seq == 1:
		return s.cfg.TTL + firstTTL
	default:
		return 0
	}
}

// isAnswer reports whether err came from Redis rather than from the way to it.
func isAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// isDouble reports whether Redis refused an entry because the stream has it, or a later one.
func isDouble(err error) bool {
	return strings.Contains(err.Error(), "equal or smaller than the target stream top item")
}
