package executor

import (
	"context"
	"encoding/json"
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
