package stream

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
)

// Law: who watches a run gets 1 to n in order, and Redis holds the same, on every kind of Redis.
func TestWatchFollowsARun(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) redis.UniversalClient{
		"redis-server": func(t testing.TB) redis.UniversalClient { return realRedis(t).client(t) },
		"miniredis":    func(t testing.TB) redis.UniversalClient { return miniRedis(t).client(t) },
		"in process":   inProcess,
		"cluster":      cluster,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, h, run, n := open(t), newTruth(), ordinaut.NewRunID(), 300
			s := h.start(t, client, nil)
			early := s.Watch(t.Context(), "default", run, 0)
			go func() {
				for seq := 1; seq < n; seq += 3 {
					h.commit(s, run, seq, seq+2, n)
				}
			}()
			collect(t, early, 0, n)
			collect(t, s.Watch(t.Context(), "default", run, 0), 0, n)
			collect(t, s.Watch(t.Context(), "default", run, 250), 250, n)
			collect(t, s.Watch(t.Context(), "default", run, int64(n)), n, n)
			inRedis(t, client, run, n)
			if len(s.topics.positions()) != 0 {
				t.Errorf("%d runs are still followed", len(s.topics.positions()))
			}
		})
	}
}

// Law: live entries come by Redis: history is asked at the start and now and then, not for each.
func TestWatchReadsRedis(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		h, run, n := newTruth(), ordinaut.NewRunID(), 200
		s := h.start(t, r.client(t), nil)
		eventually(t, "redis answers", s.Up)
		h.commit(s, run, 1, 1, n)
		watch := s.Watch(t.Context(), "default", run, 0)
		if p := <-watch; p.Seq != 1 {
			t.Fatalf("the first entry is %d", p.Seq)
		}
		for seq := 2; seq <= n; seq++ {
			h.commit(s, run, seq, seq, n)
			if p := <-watch; p.Seq != int64(seq) {
				t.Fatalf("got entry %d, want %d", p.Seq, seq)
			}
		}
		if h.reads > 50 {
			t.Errorf("history was read %d times for %d entries", h.reads, n)
		}
	})
}

// Law: a Redis that goes away in mid-run and comes back empty costs no reader an entry, and the stream
// is whole again afterwards.
func TestWatchOutlivesALostRedis(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		client, h, run, n := r.client(t), newTruth(), ordinaut.NewRunID(), 30
		s := h.start(t, client, nil)
		eventually(t, "redis answers", s.Up)
		watch := s.Watch(t.Context(), "default", run, 0)
		step := func(first, last int) {
			for seq := first; seq <= last; seq++ {
				h.commit(s, run, seq, seq, n)
				if p := <-watch; p.Seq != int64(seq) {
					t.Fatalf("got entry %d, want %d", p.Seq, seq)
				}
			}
		}
		step(1, 10)
		r.stop()
		step(11, 15)
		eventually(t, "redis is known to be away", func() bool { return !s.Up() })
		r.start()
		step(16, 20)
		eventually(t, "redis is known to be back", s.Up)
		step(21, n)
		inRedis(t, client, run, n)
	})
}

// Law: a stream that vanishes is noticed by its next entry and filled in.
func TestFlushIsFilledIn(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		client, h, run, n := r.client(t), newTruth(), ordinaut.NewRunID(), 40
		s := h.start(t, client, nil)
		watch := s.Watch(t.Context(), "default", run, 0)
		h.commit(s, run, 1, 20, n)
		inRedis(t, client, run, 20)
		r.flush()
		h.commit(s, run, 21, 30, n)
		inRedis(t, client, run, 30)
		h.commit(s, run, 31, n, n)
		inRedis(t, client, run, n)
		collect(t, watch, 0, n)
	})
}

// Law: what finds no room in the buffer is dropped, counted, and filled in later.
func TestOverflowIsFilledIn(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		client, h, run, n := r.client(t), newTruth(), ordinaut.NewRunID(), 100
		s := h.start(t, client, func(c *Config) { c.Buffer = 10 })
		h.commit(s, run, 1, n, n)
		collect(t, s.Watch(t.Context(), "default", run, 0), 0, n)
		inRedis(t, client, run, n)
		if dropped := counted(t, s.metrics.dropped); dropped < float64(n-10) {
			t.Errorf("counted %v dropped entries, want at least %d", dropped, n-10)
		}
		eventually(t, "no run is dirty", func() bool { _, _, dirty := s.dirty.oldest(); return !dirty })
	})
}

func counted(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// Law: a reader that does not read holds up nobody, is held in bounded memory, and still gets all.
func TestSlowReaderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		h, run, n := newTruth(), ordinaut.NewRunID(), 800
		s := h.start(t, r.client(t), nil)
		slow := s.Watch(t.Context(), "default", run, 0)
		fast := s.Watch(t.Context(), "default", run, 0)
		for seq := 1; seq < n; seq += 4 {
			h.commit(s, run, seq, seq+3, n)
		}
		collect(t, fast, 0, n)
		collect(t, slow, 0, n)
	})
}

// Law: with Redis dead, publishing neither blocks nor grows, watching works from history, and stopping
// is prompt.
func TestDeadRedisHurtsNobody(t *testing.T) {
	t.Parallel()
	h, run, n := newTruth(), ordinaut.NewRunID(), 5
	r := miniRedis(t)
	r.stop()
	s := h.start(t, r.client(t), func(c *Config) { c.Buffer = 100 })
	watch := s.Watch(t.Context(), "default", run, 0)
	for range 2 * dirtyLimit {
		s.Publish([]ordinaut.RunProgress{{Namespace: "default", RunID: ordinaut.NewRunID(), Progress: entry(1, 3)}})
	}
	for seq := 1; seq <= n; seq++ {
		h.commit(s, run, seq, seq, n)
	}
	collect(t, watch, 0, n)
	if len(s.dirty.marks) > dirtyLimit {
		t.Errorf("%d dirty runs are remembered, want at most %d", len(s.dirty.marks), dirtyLimit)
	}
	if s.Up() {
		t.Error("it says that redis answers")
	}
}

// Law: entries of one run that come by two processes, the later ones first, make one whole stream.
func TestTwoWritersMakeOneStream(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		client, h, run, n := r.client(t), newTruth(), ordinaut.NewRunID(), 20
		one, two := h.start(t, client, nil), h.start(t, r.client(t), nil)
		first := ordinaut.RunProgress{Namespace: "default", RunID: run, Progress: entry(1, n)}
		h.mu.Lock()
		h.byRun[run] = []ordinaut.Progress{first.Progress}
		h.mu.Unlock()
		watch := one.Watch(t.Context(), "default", run, 0)
		h.commit(two, run, 2, n, n)
		inRedis(t, client, run, n)
		one.Publish([]ordinaut.RunProgress{first})
		collect(t, watch, 0, n)
		inRedis(t, client, run, n)
		if _, _, dirty := one.dirty.oldest(); dirty {
			t.Error("an entry that was there already made its run dirty")
		}
	})
}

// Law: the lifecycle of a run is told to whoever reads the namespace's events.
func TestLifecycleEvents(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		client, h, run, n := r.client(t), newTruth(), ordinaut.NewRunID(), 6
		s := h.start(t, client, nil)
		h.commit(s, run, 1, n, n)
		inRedis(t, client, run, n)
		events, err := client.XRange(t.Context(), "ordinaut:default:events", "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		var kinds []any
		for _, e := range events {
			kinds = append(kinds, e.Values["type"])
			if e.Values["run_id"] != run.String() || e.Values["task_id"] == "" {
				t.Errorf("event %v does not name its run and task", e.Values)
			}
		}
		if diff := cmp.Diff([]any{"run.queued", "run.started", "run.succeeded"}, kinds); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

// Law: a watch ends with its context, and leaves nothing behind.
func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h, run := newTruth(), ordinaut.NewRunID()
	s := h.start(t, inProcess(t), nil)
	ctx, cancel := context.WithCancel(t.Context())
	watch := s.Watch(ctx, "default", run, 0)
	h.commit(s, run, 1, 3, 9)
	if p := <-watch; p.Seq != 1 {
		t.Fatalf("the first entry is %d", p.Seq)
	}
	cancel()
	for range watch { //nolint:revive // entries on their way may still come
	}
	if len(s.topics.positions()) != 0 {
		t.Error("the run is still followed")
	}
}

// Law: an entry survives its way through Redis unchanged.
func TestEntriesSurviveRedis(t *testing.T) {
	t.Parallel()
	client := inProcess(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := ordinaut.Progress{
			Seq:     rapid.Int64Range(1, 1<<53).Draw(rt, "seq"),
			Type:    ordinaut.ProgressType(rapid.String().Draw(rt, "type")),
			At:      time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(rt, "at")).UTC(),
			State:   rapid.String().Draw(rt, "state"),
			Step:    rapid.String().Draw(rt, "step"),
			Message: rapid.String().Draw(rt, "message"),
		}
		if rapid.Bool().Draw(rt, "has percent") {
			percent := rapid.Float64Range(0, 100).Draw(rt, "percent")
			p.Percent = &percent
		}
		key := "survive:" + ordinaut.NewRunID().String()
		cmd := addEntry(t.Context(), key, &p, true, 10)
		if err := client.Process(t.Context(), cmd); err != nil {
			rt.Fatal(err)
		}
		messages, err := client.XRange(t.Context(), key, "-", "+").Result()
		if err != nil || len(messages) != 1 {
			rt.Fatalf("read back %v, %v", messages, err)
		}
		got, err := parseEntry(messages[0])
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// Law: what New needs is asked for.
func TestNewNeedsClientAndHistory(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{History: newTruth().history}); err == nil {
		t.Error("want an error without a client")
	}
	if _, err := New(Config{Client: inProcess(t)}); err == nil {
		t.Error("want an error without history")
	}
}

// BenchmarkWrite is the life of a short run: queued, started, a step, ended.
func BenchmarkWrite(b *testing.B) {
	h := newTruth()
	s := h.start(b, realRedis(b).client(b), nil)
	eventually(b, "redis answers", s.Up)
	var entries []item
	for range 50 {
		run := ordinaut.NewRunID()
		for seq := 1; seq <= 4; seq++ {
			entries = append(entries, item{RunProgress: ordinaut.RunProgress{
				Namespace: "default", RunID: run, TaskID: ordinaut.NewTaskID(), Progress: entry(seq, 4),
			}})
		}
	}
	for b.Loop() {
		for i := range entries {
			if entries[i].Seq == 1 {
				entries[i].RunID = ordinaut.NewRunID()
			} else {
				entries[i].RunID = entries[i-1].RunID
			}
		}
		if err := s.write(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*50), "µs/run")
}

// Law: a Redis that never answered is told of once, as one is that went away.
func TestAwayFromTheStartIsToldOnce(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s, err := New(Config{
		Client:  closing(t, redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})),
		History: newTruth().history, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.probe(t.Context())
	}
	if n := strings.Count(log.String(), "redis did not answer"); n != 1 || s.Up() {
		t.Errorf("told %d times, up %v:\n%s", n, s.Up(), &log)
	}
}
