package front

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorder keeps what is sent.
type recorder struct {
	mu       sync.Mutex
	progress []float64
}

func (r *recorder) send(b []byte) bool {
	var n struct{ Params struct{ Progress float64 } }
	if err := json.Unmarshal(b, &n); err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = append(r.progress, n.Params.Progress)
	return true
}

func (r *recorder) sent() []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.progress)
}

// Reports are at least the interval apart, the latest of those that waited is sent, one that is not
// above its predecessor never, and nothing after the end.
func TestProgressIsThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		c := &call{progress: &reporter{out: rec, token: json.RawMessage("1"), every: 250 * time.Millisecond}}
		ctx := context.WithValue(t.Context(), callKey{}, c)
		report := func(values ...float64) {
			for _, v := range values {
				Progress(ctx, v, 100, "")
			}
		}
		report(1, 2, 3)
		synctest.Wait()
		if diff := cmp.Diff([]float64{1}, rec.sent()); diff != "" {
			t.Error("at once", diff)
		}
		time.Sleep(251 * time.Millisecond) //nolint:forbidigo // the bubble's clock, which costs no time
		synctest.Wait()
		report(3, 2, 4)
		if diff := cmp.Diff([]float64{1, 3}, rec.sent()); diff != "" {
			t.Error("after the interval", diff)
		}
		c.progress.close()
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock, which costs no time
		report(5)
		if diff := cmp.Diff([]float64{1, 3}, rec.sent()); diff != "" {
			t.Error("after the end", diff)
		}
	})
}

// Sessions are forgotten when idle or too many, except busy ones, yet their ids stay good until they are
// too old.
func TestSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	s := newSessions(nil, time.Minute)
	s.now = func() time.Time { return now }
	first, busy := s.create("ann"), s.create("ann")
	busy.streaming.Store(true)
	if s.open(first.id, "ann") != first {
		t.Fatal("an open session was not found")
	}
	now = now.Add(2 * time.Minute)
	s.create("bob")
	if len(s.live) != 2 || s.open(busy.id, "ann") != busy {
		t.Errorf("%d sessions kept, want the busy one and bob's", len(s.live))
	}
	if again := s.open(first.id, "ann"); again == nil || again == first {
		t.Error("the id of a forgotten session does not open it anew")
	}
	for range maxSessions + 10 {
		s.create("bob")
	}
	if len(s.live) > maxSessions+1 || len(s.live) != s.order.Len() {
		t.Errorf("%d sessions kept, %d in order", len(s.live), s.order.Len())
	}
	now = now.Add(sessionLifetime + time.Second)
	if s.open(first.id, "ann") != nil {
		t.Error("an old id opens a session")
	}
}

// A bucket that has filled again is forgotten, and its key has all its tokens.
func TestBucketsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(1, 2)
		for want := range 3 {
			if ok, _ := b.take("ann"); ok != (want < 2) {
				t.Errorf("take %d = %v", want, ok)
			}
		}
		if _, wait := b.take("ann"); wait <= 0 || wait > 2*time.Second {
			t.Errorf("retry after %s", wait)
		}
		time.Sleep(5 * time.Second) //nolint:forbidigo // the bubble's clock, which costs no time
		b.take("bob")
		if len(b.m) != 1 {
			t.Errorf("%d buckets kept, want bob's", len(b.m))
		}
		if ok, _ := b.take("ann"); !ok {
			t.Error("ann has no token after the refill")
		}
	})
}
