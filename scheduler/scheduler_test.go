package scheduler

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
)

// table is a database of due times, as the loop sees one.
type table struct {
	mu      sync.Mutex
	tasks   []ordinaut.DueTask
	ticks   int
	down    bool
	started []time.Time
}

func (s *table) tick(_ context.Context, limit int, decide func(time.Time, []ordinaut.DueTask) []ordinaut.Decision) (ordinaut.TickResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks++
	if s.down {
		return ordinaut.TickResult{}, errors.New("connection refused")
	}
	now := time.Now()
	var due, rest []ordinaut.DueTask
	for _, task := range s.tasks {
		if len(due) < limit && !task.NextAt.After(now) {
			due = append(due, task)
		} else {
			rest = append(rest, task)
		}
	}
	result := ordinaut.TickResult{Due: len(due), Next: time.Hour}
	decided := map[ordinaut.TaskID]ordinaut.Decision{}
	for _, d := range decide(now, due) {
		decided[d.TaskID] = d
	}
	s.tasks = rest
	for _, task := range due {
		d, ok := decided[task.TaskID]
		if !ok {
			return ordinaut.TickResult{}, errors.New("no decision on a task")
		}
		result.Runs += countStarted(d.Occurrences)
		for range countStarted(d.Occurrences) {
			s.started = append(s.started, now)
		}
		if d.NextAt != nil {
			task.NextAt, task.DueAt = d.NextAt, *d.DueAt
			s.tasks = append(s.tasks, task)
		}
	}
	if len(due) == limit {
		return ordinaut.TickResult{Due: limit, Runs: result.Runs}, nil
	}
	for _, task := range s.tasks {
		if task.NextAt.After(now) {
			result.Next = min(result.Next, task.NextAt.Sub(now))
		}
	}
	return result, nil
}

func (s *table) add(tasks ...ordinaut.DueTask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks = append(s.tasks, tasks...)
}

func (s *table) read() (ticks int, started []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ticks, s.started
}

// run runs a scheduler over s for d of the bubble's time.
func (s *table) run(t *testing.T, d time.Duration, cfg Config) {
	t.Helper()
	cfg.Tick = s.tick
	loop, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := loop.Run(ctx); err != nil {
		t.Errorf("the loop ended with %v", err)
	}
}

// Law: the loop wakes exactly when something is due, however long it may sleep.
func TestLoopStartsAtTheDueTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s table
		begin := time.Now()
		s.add(dueTask("interval", "PT7S", begin.Add(300*time.Millisecond)))
		s.run(t, 20*time.Second, Config{Poll: time.Minute})
		var offsets []time.Duration
		for _, at := range s.started {
			offsets = append(offsets, at.Sub(begin))
		}
		want := []time.Duration{300 * time.Millisecond, 7300 * time.Millisecond, 14300 * time.Millisecond}
		if diff := cmp.Diff(want, offsets); diff != "" {
			t.Errorf("starts (-want +got)\n%s", diff)
		}
		if s.ticks > 5 {
			t.Errorf("%d ticks for three due times", s.ticks)
		}
	})
}

// Law: a new due time that is told by a wake-up starts on time, whatever the loop slept for; an untold
// one is found by polling.
func TestLoopHeedsWakeUpsAndPolls(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"told": true, "untold": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s table
				wake := make(chan struct{}, 1)
				begin := time.Now()
				time.AfterFunc(1100*time.Millisecond, func() {
					s.add(dueTask("once", "2001-01-01T00:00:00Z", begin.Add(1200*time.Millisecond)))
					if told {
						wake <- struct{}{}
					}
				})
				s.run(t, 10*time.Second, Config{Wake: wake, Poll: 4 * time.Second})
				if len(s.started) != 1 {
					t.Fatalf("started %v, want one", s.started)
				}
				late := s.started[0].Sub(begin.Add(1200 * time.Millisecond))
				if told && late != 0 || late > 5*time.Second {
					t.Errorf("started %s late", late)
				}
			})
		})
	}
}

// Law: more due tasks than a batch holds are all started at once, batch after batch.
func TestLoopDrainsInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s table
		for range 25 {
			s.add(dueTask("once", "2001-01-01T00:00:00Z", time.Now()))
		}
		begin := time.Now()
		s.run(t, time.Second, Config{Batch: 10})
		if len(s.started) != 25 || s.started[24].Sub(begin) != 0 {
			t.Errorf("started %d, the last after %s; want 25 at once", len(s.started), s.started[len(s.started)-1].Sub(begin))
		}
	})
}

// Law: two ticks go on side by side as long as more is due than one takes, and no longer.
func TestLoopTicksTwiceAtOnceInABurst(t *testing.T) {
	t.Parallel()
	for due, want := range map[int]time.Duration{10: time.Second, 25: 2 * time.Second, 40: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var s table
			for range due {
				s.add(dueTask("once", "2001-01-01T00:00:00Z", time.Now()))
			}
			begin, last := time.Now(), time.Time{}
			loop, err := New(Config{Batch: 10, Tick: func(ctx context.Context, limit int, decide func(time.Time, []ordinaut.DueTask) []ordinaut.Decision) (ordinaut.TickResult, error) {
				result, err := s.tick(ctx, limit, decide)
				<-time.After(time.Second)
				s.mu.Lock()
				defer s.mu.Unlock()
				if result.Runs > 0 {
					last = time.Now()
				}
				return result, err
			}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := loop.Run(ctx); err != nil || len(s.started) != due {
				t.Errorf("started %d of %d, error %v", len(s.started), due, err)
			}
			if took := last.Sub(begin); took > want {
				t.Errorf("%d in batches of 10, a second each, took %s, want %s", due, took, want)
			}
		})
	}
}

// Law: a store that fails is asked ever less often, is warned about, and is served again when it is
// back; the loop never gives up.
func TestLoopOutlivesTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := table{down: true}
		s.add(dueTask("interval", "PT1S", time.Now()))
		var log bytes.Buffer
		var whileDown int
		time.AfterFunc(time.Minute, func() {
			whileDown, _ = s.read()
			s.mu.Lock()
			s.down = false
			s.mu.Unlock()
		})
		s.run(t, 70*time.Second, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if whileDown < 5 || whileDown > 40 {
			t.Errorf("asked %d times in a minute of failure", whileDown)
		}
		if !strings.Contains(log.String(), "level=WARN") {
			t.Errorf("no warning in the log:\n%s", log.String())
		}
		if len(s.started) < 5 {
			t.Errorf("started %d after the store was back, want one a second", len(s.started))
		}
	})
}

// Law: a task of a newer program neither stops the others nor makes the loop spin.
func TestLoopDoesNotSpinOnTheUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s table
		s.add(dueTask("lunar", "full moon", time.Now()), dueTask("interval", "PT5S", time.Now()))
		var log bytes.Buffer
		s.run(t, 21*time.Second, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if len(s.started) != 5 {
			t.Errorf("started %d, want 5", len(s.started))
		}
		if s.ticks > 60 {
			t.Errorf("%d ticks in 21 seconds", s.ticks)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%d errors in the log, want one:\n%s", n, log.String())
		}
	})
}

// Law: the metrics count fates by reason, once each.
func TestLoopCountsFates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s table
		s.add(dueTask("interval", "PT1S", time.Now().Add(-10*time.Second)))
		reg := prometheus.NewRegistry()
		s.run(t, 2500*time.Millisecond, Config{Registerer: reg})
		want := map[string]float64{"coalesced caught_up": 10, "started ": 3}
		if diff := cmp.Diff(want, fates(t, reg)); diff != "" {
			t.Errorf("fates (-want +got)\n%s", diff)
		}
	})
}

func fates(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "ordinaut_occurrences_total" {
				counts[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return counts
}

// Law: a config without a store is refused.
func TestNewNeedsTick(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil {
		t.Error("want an error")
	}
}
