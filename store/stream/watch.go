package stream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// inboxSize is how many entries wait for a slow reader before they are dropped; it then reads them
	// from history.
	inboxSize = 64
	// pollUp and pollDown space out the looks into history while Redis answers and while it does not.
	pollUp   = time.Second
	pollDown = 250 * time.Millisecond
)

// watcher follows one run for one caller.
type watcher struct {
	ref    ref
	out    chan ordinaut.Progress
	inbox  chan ordinaut.Progress
	missed atomic.Bool // an entry found no room in inbox
	// last is the number of the last entry handed out; only used by the watcher's goroutine.
	last int64
}

// Watch returns a channel that gives a run's entries with numbers above after, in order and without a
// gap or double: those of history first, then those that come. It is closed after the entry that ends
// the run, or when ctx ends; until then it needs a reader. namespace is the name.
//
// It works without Redis and without [Stream.Run] too, only less promptly. A run that does not exist
// gives nothing until ctx ends.
func (s *Stream) Watch(ctx context.Context, namespace string, run ordinaut.RunID, after int64) <-chan ordinaut.Progress {
	w := &watcher{
		ref: ref{namespace: namespace, run: run}, last: max(after, 0),
		out: make(chan ordinaut.Progress), inbox: make(chan ordinaut.Progress, inboxSize),
	}
	s.topics.join(w.ref.key(), w, w.last)
	go func() {
		defer close(w.out)
		defer s.topics.leave(w.ref.key(), w)
		s.follow(ctx, w)
	}()
	return w.out
}

// follow hands out entries until the run or ctx ends. History is read only after the watcher has
// joined its topic, so nothing falls in between.
func (s *Stream) follow(ctx context.Context, w *watcher) {
	// One entry more than wanted, lest a run that ended right at last is waited for.
	if s.catchUp(ctx, w, max(w.last-1, 0)) {
		return
	}
	timer := time.NewTimer(pollDown)
	defer timer.Stop()
	for {
		ended := false
		select {
		case <-ctx.Done():
			return
		case p := <-w.inbox:
			ended = s.receive(ctx, w, p)
		case <-timer.C:
			ended = s.catchUp(ctx, w, w.last)
		}
		if !ended && w.missed.Load() && len(w.inbox) == 0 {
			w.missed.Store(false)
			ended = s.catchUp(ctx, w, w.last)
		}
		if ended {
			return
		}
		timer.Reset(s.pollPause())
	}
}

func (s *Stream) pollPause() time.Duration {
	if s.Up() {
		return pollUp
	}
	return pollDown
}

// receive hands out an entry read from Redis, after those that it shows to be missing. It reports
// whether the watch is over.
func (s *Stream) receive(ctx context.Context, w *watcher, p ordinaut.Progress) (ended bool) {
	if p.Seq > w.last+1 && s.catchUp(ctx, w, w.last) {
		return true
	}
	if p.Seq != w.last+1 {
		return false // known, or history is not readable yet: the next look fills the gap
	}
	return w.give(ctx, p)
}

// catchUp hands out what history has beyond after and reports whether the watch is over.
func (s *Stream) catchUp(ctx context.Context, w *watcher, after int64) (ended bool) {
	entries, err := s.cfg.History(ctx, w.ref.namespace, w.ref.run, after)
	if err != nil {
		if ctx.Err() == nil && ordinaut.CodeOf(err) != ordinaut.CodeNotFound {
			s.cfg.Log.WarnContext(ctx, "history could not be read, will be retried", "run_id", w.ref.run.String(), "err", err)
		}
		return ctx.Err() != nil
	}
	for _, p := range entries {
		if p.Seq <= w.last {
			if p.Type == ordinaut.ProgressFinished {
				return true
			}
			continue
		}
		if p.Seq != w.last+1 {
			return false // never by the promise of history; a gap must not be shown
		}
		if w.give(ctx, p) {
			return true
		}
	}
	return false
}

// give hands out one entry and reports whether the watch is over.
func (w *watcher) give(ctx context.Context, p ordinaut.Progress) (ended bool) {
	select {
	case <-ctx.Done():
		return true
	case w.out <- p:
		w.last = p.Seq
		return p.Type == ordinaut.ProgressFinished
	}
}
