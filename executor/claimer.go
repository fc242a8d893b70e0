package executor

import (
	"context"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// claimBatch bounds one claim.
	claimBatch = 1000
	// claimTimeout bounds its call.
	claimTimeout = 10 * time.Second
)

// claimRuns fills free slots until ctx ends. work is the context of the runs themselves.
//
// Invariant: a run is claimed only when a slot is free, so no lease ages in a local queue. A claim
// that got all it asked for is followed by the next as soon as there is room; one that got less has
// emptied the queue, and only a wake-up or the poll is worth another look.
func (e *Executor) claimRuns(ctx, work context.Context) {
	poll := time.NewTimer(0)
	defer poll.Stop()
	failures := 0
	for ctx.Err() == nil {
		free := min(e.cfg.Slots-int(e.busy.Load()), claimBatch)
		if free <= 0 {
			select {
			case <-ctx.Done():
			case <-e.freed:
			}
			continue
		}
		n, err := e.claim(ctx, work, free)
		switch {
		case err != nil:
			e.log.WarnContext(ctx, "claiming runs failed", "err", err)
			sleep(ctx, pause(failures))
			failures++
			continue
		case n == free:
			failures = 0
			continue
		}
		failures = 0
		poll.Reset(jitter(e.cfg.Poll))
		select {
		case <-ctx.Done():
		case <-e.cfg.WakeQueue:
		case <-poll.C:
		}
	}
}

// claim takes up to limit runs and starts them. A claim is never broken off: the runs it has taken
// would wait for their leases to expire.
func (e *Executor) claim(ctx, work context.Context, limit int) (int, error) {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTimeout)
	defer cancel()
	asked := time.Now()
	claimed, err := e.cfg.Store.ClaimRuns(call, e.cfg.Worker, e.cfg.TTL, limit)
	if err != nil {
		return 0, err
	}
	got := time.Now()
	e.busy.Add(int64(len(claimed)))
	e.m.slotsUsed.Add(float64(len(claimed)))
	attempts := make([]*attempt, len(claimed))
	for i := range claimed {
		attempts[i] = newAttempt(work, e.rec, claimed[i], asked, got, e.cfg.TTL)
	}
	e.held.add(attempts)
	for _, a := range attempts {
		if ctx.Err() != nil {
			a.end(ending{outcome: ordinaut.Outcome{State: ordinaut.RunQueued}})
			continue
		}
		e.working.Go(func() { e.work(a) }) //nolint:contextcheck // an attempt has its own, which outlives the claimer's
	}
	return len(claimed), nil
}
