package executor

import (
	"context"
	"time"
)

const (
	// sweepBatch bounds one statement of the rescuer, of the waker and of the releaser.
	sweepBatch   = 1000
	sweepTimeout = 10 * time.Second
)

// rescueRuns gives back runs whose worker stopped renewing, until ctx ends.
func (e *Executor) rescueRuns(ctx context.Context) {
	for {
		sleep(ctx, jitter(e.cfg.RescueEvery))
		if ctx.Err() != nil {
			return
		}
		for more := true; more && ctx.Err() == nil; {
			more = e.rescue(ctx) == sweepBatch
		}
	}
}

func (e *Executor) rescue(ctx context.Context) int {
	call, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	n, err := e.cfg.Store.RescueRuns(call, sweepBatch)
	if err != nil && ctx.Err() == nil {
		e.log.WarnContext(ctx, "rescuing runs failed", "err", err)
	}
	if n > 0 {
		e.m.rescued.Add(float64(n))
		e.log.WarnContext(ctx, "runs were rescued", "runs", n)
	}
	return n
}

// wakeRuns makes sleepers ready when their time comes, until ctx ends. It looks when the next one is
// due, when this process has put one to sleep that is due earlier, and each poll.
func (e *Executor) wakeRuns(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-e.slept:
		}
		timer.Reset(e.wake(ctx))
	}
}

// wake returns how long it is until the next look.
func (e *Executor) wake(ctx context.Context) time.Duration {
	call, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	n, next, err := e.cfg.Store.WakeRuns(call, sweepBatch)
	switch {
	case err != nil:
		if ctx.Err() == nil {
			e.log.WarnContext(ctx, "waking runs failed", "err", err)
		}
		return jitter(e.cfg.Poll)
	case n == sweepBatch:
		return 0
	default:
		// Not at once: a sleeper whom somebody else is waking must not make us spin.
		return min(max(next, time.Millisecond), jitter(e.cfg.Poll))
	}
}

// releaseRuns queues buffered runs that nobody released when the run before them ended, each poll until
// ctx ends. It is a net: usually there is nothing to do.
func (e *Executor) releaseRuns(ctx context.Context) {
	for {
		sleep(ctx, jitter(e.cfg.Poll))
		if ctx.Err() != nil {
			return
		}
		for more := true; more && ctx.Err() == nil; {
			more = e.releaseMore(ctx) == sweepBatch
		}
	}
}

func (e *Executor) releaseMore(ctx context.Context) int {
	call, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	n, err := e.cfg.Store.ReleaseRuns(call, sweepBatch)
	if err != nil && ctx.Err() == nil {
		e.log.WarnContext(ctx, "releasing buffered runs failed", "err", err)
	}
	return n
}
