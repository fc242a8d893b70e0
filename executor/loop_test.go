package executor

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

// A run is claimed only when a slot is free, and each freed slot is filled.
func TestClaimsNoMoreThanFreeSlots(t *testing.T) {
	release := make(chan struct{})
	tool, called := blocked(release)
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		tool, called = blocked(release)
		m := newMemStore()
		task := m.task(steps(uses("a", "s.block")))
		var ids []ordinaut.RunID
		for range 25 {
			ids = append(ids, m.queue(task, ""))
		}
		stop := start(t, quietConfig(m, tools{"s.block": tool}))
		defer stop()
		synctest.Wait()
		if n := len(called); n != 10 {
			t.Errorf("%d runs run at once, want the 10 slots", n)
		}
		close(release)
		for _, id := range ids {
			if r := m.ended(t, id); r.out.State != ordinaut.RunSucceeded {
				t.Errorf("run ended %s, want succeeded", r.out.State)
			}
		}
		for _, asked := range m.claims {
			if asked < 1 || asked > 10 {
				t.Errorf("a claim asked for %d runs with 10 slots", asked)
			}
		}
	})
}

// An idle worker starts a queued run at once, and one nobody told it of within a poll.
func TestQueuedRunStartsWithoutDelay(t *testing.T) {
	law(t, tools{"s.ok": answer(`{}`)}, func(t *testing.T, m *memStore) {
		task := m.task(steps(uses("a", "s.ok")))
		time.Sleep(10 * time.Minute) //nolint:forbidigo // the bubble's clock: nothing happens for ten minutes
		before := time.Now()
		id := m.queue(task, "")
		if r := m.ended(t, id); r.endedAt.Sub(before) != 0 {
			t.Errorf("a poked worker took %v of the bubble's time, want none", r.endedAt.Sub(before))
		}
		m.set(func() { m.wakeQueue = make(chan struct{}, 1) }) // pokes go nowhere from here on
		id = m.queue(task, "")
		if r := m.ended(t, id); r.endedAt.Sub(r.att.QueuedAt) > 1100*time.Millisecond {
			t.Errorf("an unpoked worker took %v, want at most a poll", r.endedAt.Sub(r.att.QueuedAt))
		}
	})
}

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
		if m.stale == 0 {
			t.Fatal("no stale write was tried, so nothing is proved")
		}
		if got := string(r.steps["a"].Output); got != `{"by":"fresh"}` {
			t.Errorf("recorded %s, want the current attempt's", got)
		}
	})
}

// Cancel reaches the call in flight, and the run ends canceled.
func TestCancelReachesTheCallInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		tool, called := blocked(nil)
		stop := start(t, quietConfig(m, tools{"s.block": tool}))
		defer stop()
		id := m.queue(m.task(steps(uses("a", "s.block"), uses("b", "s.block"))), "")
		<-called
		before := m.now()
		m.cancel(id)
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunCanceled || r.out.Reason != ordinaut.ReasonCanceled {
			t.Errorf("ended %s(%s), want canceled(canceled)", r.out.State, r.out.Reason)
		}
		if took := r.endedAt.Sub(before); took > time.Second {
			t.Errorf("cancel took %v, want no heartbeat's delay", took)
		}
		if s := r.steps["a"]; s.State != ordinaut.StepFailed || s.Reason != ordinaut.ReasonCanceled {
			t.Errorf("the step in flight is %s(%s), want failed(canceled)", s.State, s.Reason)
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
				id := m.queue(m.task(steps(uses("a", "s.once"), uses("b", "wait.sleep"))), "")
				m.set(func() { m.specs[m.runs[id].att.TaskID].Pipeline[1].With = map[string]any{"seconds": 0.0} })
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

// Draining lets short steps finish, gives long ones back, and spends neither an attempt of the run nor
// a try of the step.
func TestDrainHandsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		tool, called := blocked(nil)
		short := func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
			called <- struct{}{}
			sleep(ctx, 15*time.Second)
			return json.RawMessage(`{}`), ctx.Err()
		}
		pool := tools{"s.block": tool, "s.short": short}
		stop := start(t, quietConfig(m, pool))
		spec := steps(uses("a", "s.block"))
		spec.Pipeline[0].Retry = &ordinaut.Retry{MaxAttempts: 2}
		spec.Pipeline[0].TimeoutSeconds = 600
		spec.Retry = &ordinaut.Retry{MaxAttempts: 2}
		long := m.queue(m.task(spec), "")
		quick := m.queue(m.task(steps(uses("a", "s.short"))), "")
		<-called
		<-called
		began := time.Now()
		stop()
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("draining took %v, want the grace of 20 s", took)
		}
		if r := m.ended(t, quick); r.out.State != ordinaut.RunSucceeded {
			t.Errorf("the short run ended %s, want succeeded", r.out.State)
		}
		r := m.until(t, long, in("queue"))
		if r.att.Failures != 0 || len(r.steps) != 0 || r.progress[3] != "run.requeued" {
			t.Errorf("given back with %d failures, steps %v, progress %v; want none, none, run.requeued", r.att.Failures, r.steps, r.progress)
		}
	})
}

// A database that never answers again does not keep a worker from stopping.
func TestDrainEndsWithoutADatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		tool, called := blocked(nil)
		stop := start(t, quietConfig(m, tools{"s.block": tool}))
		m.queue(m.task(steps(uses("a", "s.block"))), "")
		<-called
		m.set(func() { m.hang, m.away = true, true })
		began := time.Now()
		stop()
		if took := time.Since(began); took > 45*time.Second {
			t.Errorf("stopping took %v, want grace and a little", took)
		}
	})
}

// A retry is a row, not a sleeping worker: while it waits, the slot works on other runs.
func TestRetryHoldsNoSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		var calls atomic.Int32
		pool := tools{
			"s.ok": answer(`{}`),
			"s.flaky": func(context.Context, downstream.Call) (json.RawMessage, error) {
				if calls.Add(1) == 1 {
					return nil, &downstream.Error{Reason: ordinaut.ReasonActionFailed, Msg: "not yet"}
				}
				return json.RawMessage(`{}`), nil
			},
		}
		cfg := quietConfig(m, pool)
		cfg.Slots = 1
		stop := start(t, cfg)
		defer stop()
		step := uses("a", "s.flaky")
		step.Retry = &ordinaut.Retry{MaxAttempts: 3, Backoff: ordinaut.BackoffFixed, InitialSeconds: 60}
		flaky := m.queue(m.task(steps(step)), "")
		waiting := m.until(t, flaky, in("wait"))
		if s := waiting.steps["a"]; s.State != ordinaut.StepWaiting || s.Tries != 1 || s.WakesAt == nil || s.Reason != ordinaut.ReasonActionFailed {
			t.Errorf("while it waits the step is %+v", s)
		}
		other := m.queue(m.task(steps(uses("a", "s.ok"))), "")
		if r := m.ended(t, other); r.endedAt.Sub(r.att.QueuedAt) != 0 {
			t.Errorf("the only slot was held for %v", r.endedAt.Sub(r.att.QueuedAt))
		}
		r := m.ended(t, flaky)
		if s := r.steps["a"]; s.State != ordinaut.StepSucceeded || s.Tries != 2 {
			t.Errorf("the step ended %s after %d tries, want succeeded after 2", s.State, s.Tries)
		}
		if took := r.endedAt.Sub(r.att.QueuedAt); took < 60*time.Second || took > 61*time.Second {
			t.Errorf("the retry came after %v, want 60 s", took)
		}
	})
}

// Sleepers are woken to the moment, not by the next poll.
func TestSleepEndsToTheMoment(t *testing.T) {
	law(t, nil, func(t *testing.T, m *memStore) {
		for _, seconds := range []float64{0.02, 0.3, 7.25, 90} {
			step := uses("nap", "wait.sleep")
			step.With = map[string]any{"seconds": seconds}
			id := m.queue(m.task(steps(step)), "")
			r := m.ended(t, id)
			want := time.Duration(seconds * float64(time.Second))
			if took := r.endedAt.Sub(r.att.QueuedAt); took < want || took > want+5*time.Millisecond {
				t.Errorf("a sleep of %v took %v", want, took)
			}
			if got := r.progress; len(got) != 6 || got[3] != "run.waiting" || got[4] != "run.started" || got[5] != "step.finished" {
				t.Errorf("progress of a sleep is %v", got)
			}
		}
	})
}

// A worker whose clock is wrong goes by the database's.
func TestSkewedClockChangesNothing(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 48 * time.Hour, "behind": -48 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemStore()
				m.skew = skew
				stop := start(t, quietConfig(m, nil))
				defer stop()
				step := uses("nap", "wait.sleep")
				step.With = map[string]any{"until": "${now + 5m}"}
				id := m.queue(m.task(steps(step)), "")
				r := m.ended(t, id)
				var out struct {
					Until time.Time `json:"slept_until"`
				}
				json.Unmarshal(r.steps["nap"].Output, &out)
				for what, at := range map[string]time.Time{"began": r.steps["nap"].StartedAt, "slept until": out.Until.Add(-5 * time.Minute)} {
					if off := at.Sub(r.att.QueuedAt).Abs(); off > time.Second {
						t.Errorf("the step %s %v off the database's clock", what, off)
					}
				}
				if took := r.endedAt.Sub(r.att.QueuedAt); r.out.State != ordinaut.RunSucceeded || took < 299*time.Second || took > 301*time.Second {
					t.Errorf("ended %s (%s) after %v, want succeeded after 5 min", r.out.State, r.out.Error, took)
				}
			})
		})
	}
}

// Many runs are written by few transactions, none larger than the bound.
func TestRecordsAreBatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		cfg := quietConfig(m, tools{"s.ok": answer(`{}`)})
		cfg.Slots = 3000
		task := m.task(steps(uses("a", "s.ok"), uses("b", "s.ok")))
		var ids []ordinaut.RunID
		for range 3000 {
			ids = append(ids, m.queue(task, ""))
		}
		stop := start(t, cfg)
		defer stop()
		for _, id := range ids {
			m.ended(t, id)
		}
		m.set(func() {
			if most := slices.Max(m.batches); most > batchRecords {
				t.Errorf("a transaction held %d records, want at most %d", most, batchRecords)
			}
			if m.versions != 1 {
				t.Errorf("the definition was loaded %d times for 3000 runs, want once", m.versions)
			}
			if m.lists != 0 {
				t.Errorf("steps were listed %d times for first attempts, want never", m.lists)
			}
		})
	})
}
