package executor

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

// A long step keeps its lease for as long as its worker renews it.
func TestLeaseOutlivesALongStep(t *testing.T) {
	law(t, tools{"s.long": func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
		sleep(ctx, 5*time.Minute)
		return json.RawMessage(`{}`), ctx.Err()
	}}, func(t *testing.T, m *memStore) {
		step := uses("a", "s.long")
		step.TimeoutSeconds = 600
		id := m.queue(m.task(steps(step)), "")
		if r := m.ended(t, id); r.out.State != ordinaut.RunSucceeded || r.att.Epoch != 1 || r.crashes != 0 {
			t.Errorf("ended %s after %d attempts and %d rescues, want succeeded after one", r.out.State, r.att.Epoch, r.crashes)
		}
	})
}

// An attempt whose lease went to another stops at once and writes nothing more.
func TestStaleAttemptWritesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		release := make(chan struct{})
		tool, called := blocked(release)
		id := m.queue(m.task(steps(uses("a", "s.block"), uses("b", "s.block"))), "")
		stop := start(t, quietConfig(m, tools{"s.block": tool}))
		defer stop()
		<-called
		m.set(func() { // another worker takes the run and holds it
			m.steal(id)
			r := m.runs[id]
			r.place, r.worker, r.until = "lease", "w2", m.now().Add(time.Hour)
			r.att.Epoch++
			m.order = nil
		})
		time.Sleep(30 * time.Second) //nolint:forbidigo // the bubble's clock: two heartbeats
		synctest.Wait()
		m.set(func() {
			if n := len(m.runs[id].steps); n != 0 {
				t.Errorf("%d steps were written by the stale attempt", n)
			}
			m.runs[id].place = "queue"
			m.order = append(m.order, id)
		})
		close(release)
		if r := m.ended(t, id); r.att.Epoch != 3 || r.out.State != ordinaut.RunSucceeded {
			t.Errorf("ended %s at epoch %d, want succeeded at 3", r.out.State, r.att.Epoch)
		}
	})
}

// A stale attempt that finds out only by writing is refused, and its step is not lost to the others.
func TestStaleRecordIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		var calls atomic.Int32
		var id ordinaut.RunID
		pool := tools{"s.steal": func(context.Context, downstream.Call) (json.RawMessage, error) {
			if calls.Add(1) == 1 {
				m.set(func() { m.steal(id) })
				return json.RawMessage(`{"by":"stale"}`), nil
			}
			return json.RawMessage(`{"by":"fresh"}`), nil
		}}
		id = m.queue(m.task(steps(uses("a", "s.steal"), uses("b", "s.steal"))), "")
		stop := start(t, quietConfig(m, pool))
		defer stop()
		r := m.ended(t, id)
		synctest.Wait() // the stale attempt may come last
		m.set(func() {
			if m.stale == 0 {
				t.Error("no stale write was tried, so nothing is proved")
			}
		})
		if got := string(r.steps["a"].Output); got != `{"by":"fresh"}` {
			t.Errorf("recorded %s, want the current attempt's", got)
		}
	})
}

// The database away in the middle of a step, and when its result is to be written, loses nothing.
func TestDatabaseAwayLosesNothing(t *testing.T) {
	for name, away := range map[string]time.Duration{"short": 3 * time.Second, "almost a lease": 19 * time.Second} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemStore()
				pool := tools{"s.once": func(context.Context, downstream.Call) (json.RawMessage, error) {
					calls.Add(1)
					m.set(func() { m.away = true })
					time.AfterFunc(away, func() { m.set(func() { m.away = false }) })
					return json.RawMessage(`{"n":1}`), nil
				}}
				stop := start(t, quietConfig(m, pool))
				defer stop()
				nap := uses("b", "wait.sleep")
				nap.With = map[string]any{"seconds": 0.0}
				id := m.queue(m.task(steps(uses("a", "s.once"), nap)), "")
				r := m.ended(t, id)
				if r.out.State != ordinaut.RunSucceeded || calls.Load() != 1 || r.att.Epoch != 1 {
					t.Errorf("ended %s after %d calls in %d attempts, want succeeded after one", r.out.State, calls.Load(), r.att.Epoch)
				}
			})
		})
	}
}

// A database away for longer than the lease ends the attempt; another takes the run up.
func TestDatabaseAwayLongerThanTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		tool, called := blocked(nil)
		var calls atomic.Int32
		pool := tools{"s.block": func(ctx context.Context, c downstream.Call) (json.RawMessage, error) {
			if calls.Add(1) > 1 {
				return json.RawMessage(`{}`), nil
			}
			return tool(ctx, c)
		}}
		stop := start(t, quietConfig(m, pool))
		defer stop()
		step := uses("a", "s.block")
		step.TimeoutSeconds = 600
		id := m.queue(m.task(steps(step)), "")
		<-called
		m.set(func() { m.away = true })
		time.Sleep(40 * time.Second) //nolint:forbidigo // the bubble's clock: longer than a lease
		m.set(func() { m.away = false })
		if r := m.ended(t, id); r.out.State != ordinaut.RunSucceeded || r.att.Epoch != 2 {
			t.Errorf("ended %s at epoch %d, want succeeded at 2", r.out.State, r.att.Epoch)
		}
	})
}

// While the database is away an attempt goes by its own clock: when its lease is over the call in flight
// ends and the slot is free, and a result that is still to be written is given up.
func TestLeaseEndsByTheWorkersOwnClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		var causes []error
		hang := func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
			<-ctx.Done()
			m.set(func() { causes = append(causes, context.Cause(ctx)) })
			return nil, context.Cause(ctx)
		}
		e, stop := startExecutor(t, quietConfig(m, tools{"s.hang": hang, "s.cut": func(context.Context, downstream.Call) (json.RawMessage, error) {
			m.set(func() { m.away = true })
			return json.RawMessage(`{}`), nil
		}}))
		defer stop()
		step := uses("a", "s.hang")
		step.TimeoutSeconds = 600
		m.queue(m.task(steps(step)), "")
		m.queue(m.task(steps(step)), "")
		synctest.Wait()
		m.queue(m.task(steps(uses("a", "s.cut"), uses("b", "s.cut"))), "")
		time.Sleep(29 * time.Second) //nolint:forbidigo // the bubble's clock: not yet a lease
		if n := e.busy.Load(); n != 3 {
			t.Fatalf("%d slots are in use before the leases are over, want 3", n)
		}
		time.Sleep(1010 * time.Millisecond) //nolint:forbidigo // the bubble's clock: a lease is over
		synctest.Wait()
		if n := e.busy.Load(); n != 0 {
			t.Errorf("%d slots are in use after the lease, want none", n)
		}
		m.set(func() {
			for _, cause := range causes {
				if !errors.Is(cause, ordinaut.ErrLeaseLost) {
					t.Errorf("a call ended by %v, want ErrLeaseLost", cause)
				}
			}
			if len(causes) != 2 {
				t.Errorf("%d calls have ended, want 2", len(causes))
			}
			for _, r := range m.runs {
				r.place = "ended" // so that nobody takes them up
			}
			m.away = false
		})
	})
}

// A commit whose answer was lost is written again and changes nothing.
func TestLostAnswerOfACommit(t *testing.T) {
	law(t, tools{"s.ok": answer(`{}`)}, func(t *testing.T, m *memStore) {
		m.set(func() { m.loseAnswer = 1 })
		id := m.queue(m.task(steps(uses("a", "s.ok"), uses("b", "s.ok"))), "")
		if r := m.ended(t, id); r.out.State != ordinaut.RunSucceeded || len(r.steps) != 2 {
			t.Errorf("ended %s with %d steps, want succeeded with 2", r.out.State, len(r.steps))
		}
	})
}

// No effect starts in the last part of a lease that could not be renewed.
func TestNoEffectAtTheEndOfALease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		var leaseLeft []time.Duration
		var id ordinaut.RunID
		slow := func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
			m.set(func() {
				leaseLeft = append(leaseLeft, m.runs[id].until.Sub(m.now()))
			})
			sleep(ctx, 900*time.Millisecond)
			return json.RawMessage(`{}`), ctx.Err()
		}
		var list []ordinaut.Step
		for i := range 50 {
			list = append(list, uses("s"+string(rune('a'+i/26))+string(rune('a'+i%26)), "s.slow"))
		}
		id = m.queue(m.task(steps(list...)), "")
		m.set(func() {})
		// Renewals fail from the start, records succeed.
		e := &noRenewals{memStore: m}
		cfg := quietConfig(m, tools{"s.slow": slow})
		cfg.Store = e
		stop := start(t, cfg)
		defer stop()
		time.Sleep(29 * time.Second) //nolint:forbidigo // the bubble's clock: almost a lease
		m.set(func() {
			for _, left := range leaseLeft {
				if left < 5*time.Second {
					t.Errorf("an effect started with %v of the lease left", left)
				}
			}
			if len(leaseLeft) < 20 {
				t.Errorf("only %d effects started, want those of 25 s", len(leaseLeft))
			}
		})
		e.heal.Store(true)
		if r := m.ended(t, id); r.out.State != ordinaut.RunSucceeded {
			t.Errorf("ended %s, want succeeded", r.out.State)
		}
	})
}

type noRenewals struct {
	*memStore
	heal atomic.Bool
}

func (n *noRenewals) RenewLeases(ctx context.Context, worker string, ttl time.Duration, held []ordinaut.Lease) (lost, canceled []ordinaut.RunID, err error) {
	if !n.heal.Load() {
		return nil, nil, errAway
	}
	return n.memStore.RenewLeases(ctx, worker, ttl, held)
}
