package executor

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
)

// renewGap is the shortest time between two renewals, however often they are asked for.
const renewGap = 100 * time.Millisecond

// held is the set of attempts whose leases this process renews.
type held struct {
	mu  sync.Mutex // guards the fields; never held over a call
	all map[*attempt]struct{}
	// news is closed and replaced after each good renewal.
	news chan struct{}
}

func newHeld() *held {
	return &held{all: make(map[*attempt]struct{}), news: make(chan struct{})}
}

func (h *held) add(attempts []*attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range attempts {
		h.all[a] = struct{}{}
	}
}

func (h *held) remove(attempts ...*attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range attempts {
		delete(h.all, a)
	}
}

// list returns the attempts in the order of their runs, so that every statement locks in one order.
func (h *held) list() []*attempt {
	h.mu.Lock()
	attempts := make([]*attempt, 0, len(h.all))
	for a := range h.all {
		attempts = append(attempts, a)
	}
	h.mu.Unlock()
	slices.SortFunc(attempts, func(a, b *attempt) int {
		return slices.Compare(a.RunID[:], b.RunID[:])
	})
	return attempts
}

func (h *held) renewal() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.news
}

func (h *held) renewed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.news)
	h.news = make(chan struct{})
}

// keepLeases renews all held leases each heartbeat, and at once when somebody canceled a run or an
// attempt is short of time. It ends attempts whose lease is lost or whose run is canceled.
func (e *Executor) keepLeases(ctx context.Context) {
	timer := time.NewTimer(e.cfg.Heartbeat)
	defer timer.Stop()
	var last time.Time
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-e.cfg.WakeCancel:
			sleep(ctx, renewGap-time.Since(last))
		case <-e.renew:
			sleep(ctx, renewGap-time.Since(last))
		}
		last = time.Now()
		if err := e.renewLeases(ctx); err != nil && ctx.Err() == nil {
			e.log.WarnContext(ctx, "renewing leases failed", "err", err)
			timer.Reset(beforeEnd(pause(failures), e.held.list()))
			failures++
			continue
		}
		failures = 0
		timer.Reset(jitter(e.cfg.Heartbeat))
	}
}

// beforeEnd returns d, or less when one of the leases is over earlier: an attempt is to end with its
// lease, not some time after.
func beforeEnd(d time.Duration, attempts []*attempt) time.Duration {
	for _, a := range attempts {
		if !a.gone.Load() {
			d = min(d, a.leaseLeft())
		}
	}
	return max(d, time.Millisecond)
}

func (e *Executor) renewLeases(ctx context.Context) error {
	attempts := e.held.list()
	attempts = slices.DeleteFunc(attempts, func(a *attempt) bool {
		if a.lost() {
			a.lose()
			return true
		}
		return false
	})
	if len(attempts) == 0 {
		return nil
	}
	leases := make([]ordinaut.Lease, len(attempts))
	byRun := make(map[ordinaut.RunID]*attempt, len(attempts))
	// The call may take no longer than the first lease lasts: then there is an attempt to be ended.
	limit := e.cfg.Heartbeat
	for i, a := range attempts {
		leases[i], byRun[a.RunID] = a.Lease, a
		limit = min(limit, a.leaseLeft())
	}
	call, cancel := context.WithTimeout(ctx, cmp.Or(max(limit, 0), time.Millisecond))
	defer cancel()
	asked := time.Now()
	lost, canceled, err := e.cfg.Store.RenewLeases(call, e.cfg.Worker, e.cfg.TTL, leases)
	if err != nil {
		return err
	}
	for _, id := range lost {
		if a := byRun[id]; a != nil {
			delete(byRun, id)
			a.lose()
		}
	}
	for _, a := range byRun {
		a.renewed.Store(int64(asked.Sub(a.claimed)))
	}
	for _, id := range canceled {
		if a := byRun[id]; a != nil {
			a.cancel(errCanceled)
		}
	}
	e.held.renewed()
	return nil
}

// mayAct waits until enough of the attempt's lease is left to start an effect. It fails when the
// attempt's context ends first.
func (e *Executor) mayAct(ctx context.Context, a *attempt) error {
	for {
		news := e.held.renewal()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if a.leaseLeft() > e.cfg.Margin {
			return nil
		}
		poke(e.renew)
		select {
		case <-ctx.Done():
		case <-news:
		}
	}
}
