package scheduler

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	defaultPoll = time.Second
	minBackOff  = 100 * time.Millisecond
	maxBackOff  = 5 * time.Second
	// contended is the pause when something is due but another process holds it.
	contended = 5 * time.Millisecond
)

// loop is how the parts of a scheduler go on.
type loop struct {
	log *slog.Logger
	// wake cuts a pause short; nil never does.
	wake <-chan struct{}
	// does is what a step does, for the log.
	does string
}

// run takes step after step until ctx ends, and after each pauses as long as it says. One that fails is
// logged and tried again, less and less often while that lasts; wake-ups do not cut such a pause short, so
// that a store that is down gets no flood of them.
func (l loop) run(ctx context.Context, step func(context.Context) (pause time.Duration, err error)) {
	failures := 0
	for ctx.Err() == nil {
		pause, err := step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			pause = backOff(failures)
			l.log.WarnContext(ctx, "step failed, will be retried", "step", l.does, "failures", failures, "pause", pause, "err", err)
			sleep(ctx, pause, nil)
		default:
			failures = 0
			if pause > 0 {
				sleep(ctx, pause, l.wake)
			}
		}
	}
}

// sleep waits for d, for a poke of wake or for the end of ctx.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}

// backOff doubles from a tenth of a second to five, less up to half so that processes spread out.
func backOff(failures int) time.Duration {
	full := min(minBackOff<<min(failures-1, 10), maxBackOff)
	return full/2 + rand.N(full/2)
}

// jitter returns d give or take a quarter.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }
