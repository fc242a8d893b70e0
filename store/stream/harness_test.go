package stream

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store/embedded"
	"github.com/ordinaut/ordinaut/store/storetest"
)

const patience = 20 * time.Second

// truth is Postgres as a stream sees it.
type truth struct {
	mu    sync.Mutex
	byRun map[ordinaut.RunID][]ordinaut.Progress
	reads int
}

func newTruth() *truth { return &truth{byRun: map[ordinaut.RunID][]ordinaut.Progress{}} }

func (h *truth) history(ctx context.Context, _ string, run ordinaut.RunID, after int64) ([]ordinaut.Progress, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads++
	all := h.byRun[run]
	return slices.Clone(all[min(int(after), len(all)):]), ctx.Err()
}

// commit makes entries first to last of a run that has n in all true, and publishes them through s.
func (h *truth) commit(s *Stream, run ordinaut.RunID, first, last, n int) {
	entries := make([]ordinaut.RunProgress, 0, last-first+1)
	for seq := first; seq <= last; seq++ {
		entries = append(entries, ordinaut.RunProgress{
			Namespace: "default", RunID: run, TaskID: ordinaut.NewTaskID(), Progress: entry(seq, n),
		})
	}
	h.mu.Lock()
	for _, e := range entries {
		h.byRun[run] = append(h.byRun[run], e.Progress)
	}
	h.mu.Unlock()
	s.Publish(entries)
}

func entry(seq, n int) ordinaut.Progress {
	p := ordinaut.Progress{Seq: int64(seq), At: time.Now().UTC().Truncate(time.Microsecond)}
	switch seq {
	case n:
		p.Type, p.State = ordinaut.ProgressFinished, string(ordinaut.RunSucceeded)
	case 1:
		p.Type, p.State = ordinaut.ProgressQueued, string(ordinaut.RunQueued)
	case 2:
		p.Type, p.State = ordinaut.ProgressStarted, string(ordinaut.RunRunning)
	default:
		percent := float64(seq) / float64(n) * 100
		p.Type, p.Step, p.Percent, p.Message = ordinaut.ProgressReport, "work", &percent, "step by step"
	}
	return p
}

// start runs a stream over client until the test ends.
func (h *truth) start(t testing.TB, client redis.UniversalClient, change func(*Config)) *Stream {
	t.Helper()
	cfg := Config{Client: client, History: h.history}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Errorf("the stream ended with %v", err)
		}
	})
	return s
}

// server is a Redis that can fail.
type server struct {
	name        string
	options     *redis.Options
	stop, start func()
	flush       func()
}

func realRedis(t testing.TB) server {
	r := storetest.StartRedis(t)
	return server{
		name: "redis-server", options: &redis.Options{Addr: r.Addr},
		stop: func() { r.Stop(t) }, start: func() { r.Start(t) }, flush: func() { r.FlushAll(t) },
	}
}

func miniRedis(t testing.TB) server {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	addr := m.Addr()
	t.Cleanup(func() { m.Close() })
	return server{
		name: "miniredis", options: &redis.Options{Addr: addr},
		stop: func() { m.Close() },
		start: func() {
			m = miniredis.NewMiniRedis() // one that was closed never wakes a blocked reader again
			if err := m.StartAddr(addr); err != nil {
				t.Fatal(err)
			}
		},
		flush: func() { m.FlushAll() },
	}
}

// servers are the kinds of Redis that the program meets.
func servers(t *testing.T, check func(t *testing.T, s server)) {
	t.Helper()
	for _, kind := range []struct {
		name string
		open func(testing.TB) server
	}{{"redis-server", realRedis}, {"miniredis", miniRedis}} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			check(t, kind.open(t))
		})
	}
}

func (s server) client(t testing.TB) redis.UniversalClient {
	options := *s.options
	options.DialTimeout, options.MaxRetries = time.Second, -1
	return closing(t, redis.NewClient(&options))
}

func closing[C redis.UniversalClient](t testing.TB, client C) C {
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("close the client: %v", err)
		}
	})
	return client
}

// inProcess is a client of the embedded Redis, by its dialer.
func inProcess(t testing.TB) redis.UniversalClient {
	t.Helper()
	r, err := embedded.NewRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return closing(t, OpenDialer(r.Dial))
}

// cluster is a client of a Redis cluster of one, which refuses commands over several slots.
func cluster(t testing.TB) redis.UniversalClient {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("the tests need redis-server: run .ci/need servers, or apt-get install redis-server")
	}
	port, bus := freePort(t), freePort(t)
	server := exec.Command(bin, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--cluster-enabled", "yes", //nolint:noctx // ends with the test
		"--cluster-port", strconv.Itoa(bus), "--dir", t.TempDir(), "--save", "", "--appendonly", "no")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	node := closing(t, redis.NewClient(&redis.Options{Addr: addr}))
	eventually(t, "the cluster answers", func() bool {
		return node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err() == nil
	})
	eventually(t, "the cluster is ready", func() bool {
		return node.Set(t.Context(), "ready", 1, time.Second).Err() == nil
	})
	return closing(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}}))
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually waits until is holds.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s still not: %s", patience, what)
		}
	}
}

// collect reads a watch to its end and fails unless it gave after+1 to n in order.
func collect(t testing.TB, watch <-chan ordinaut.Progress, after, n int) {
	t.Helper()
	timeout := time.After(patience)
	for want := after + 1; ; want++ {
		select {
		case p, ok := <-watch:
			if !ok {
				if want != n+1 {
					t.Errorf("the watch ended before entry %d of %d", want, n)
				}
				return
			}
			if p.Seq != int64(want) {
				t.Fatalf("got entry %d, want %d", p.Seq, want)
			}
		case <-timeout:
			t.Fatalf("no entry %d of %d after %s", want, n, patience)
		}
	}
}

// inRedis waits until the stream of a run holds exactly 1 to n.
func inRedis(t testing.TB, client redis.UniversalClient, run ordinaut.RunID, n int) {
	t.Helper()
	key := ref{namespace: "default", run: run}.key()
	eventually(t, "the stream of the run is complete", func() bool {
		count, err := client.XLen(t.Context(), key).Result()
		return err == nil && count == int64(n)
	})
	messages, err := client.XRange(t.Context(), key, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range messages {
		if m.ID != entryID(int64(i+1)) || m.Values["seq"] != strconv.Itoa(i+1) {
			t.Fatalf("place %d of the stream holds %s, seq %v", i+1, m.ID, m.Values["seq"])
		}
	}
	eventually(t, "the stream expires", func() bool { return client.TTL(t.Context(), key).Val() > 0 })
}
