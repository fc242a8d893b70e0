package stream

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

// desk stores what inboxes hold, as Postgres does: each key once.
type desk struct {
	mu    sync.Mutex
	away  int // so many calls fail
	order []string
	calls int
}

func (d *desk) receive(_ context.Context, namespace string, entries []InboxEntry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.away > 0 {
		d.away--
		return &ordinaut.Error{Code: ordinaut.CodeUnavailable, Msg: "away"}
	}
	for i := range entries {
		e := &entries[i]
		line := namespace + " " + e.Key + " " + e.Topic + " " + string(e.Payload)
		if e.Repeated = slices.Contains(d.order, line); !e.Repeated {
			d.order = append(d.order, line)
		}
	}
	return nil
}

func (d *desk) stored() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.order)
}

// read starts a reader over the Redis at address until the returned function is called.
func (d *desk) read(t *testing.T, client redis.UniversalClient) (stop func()) {
	t.Helper()
	s, err := New(Config{Client: client, History: newTruth().history})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.NewInbox(InboxConfig{
		Namespaces: func(context.Context) ([]string, error) { return []string{"default", "other"}, nil },
		Receive:    d.receive,
		Check: func(payload []byte) error {
			if !json.Valid(payload) {
				return errors.New("it is no JSON")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the reader ended with %v", err)
		}
	}
}

func (d *desk) wait(t *testing.T, n int) {
	t.Helper()
	eventually(t, "they are stored", func() bool { return len(d.stored()) >= n })
}

func put(t *testing.T, client redis.UniversalClient, namespace string, fields ...string) string {
	t.Helper()
	id, err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: inboxKey(namespace), Values: fields}).Result()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Law: entries of every namespace's inbox are stored and then gone, also those from before the first
// reader; what is no event is put aside with the reason; a Redis that forgot everything is read on.
func TestInboxEntriesAreStoredThenGone(t *testing.T) {
	t.Parallel()
	t.Run("cluster", func(t *testing.T) { t.Parallel(); inboxIsRead(t, cluster(t)) })
	servers(t, func(t *testing.T, s server) { inboxIsRead(t, s.client(t)) })
}

func inboxIsRead(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	early := put(t, client, "default", "topic", "a.b", "payload", `{"n":1}`)
	d := &desk{away: 2}
	defer d.read(t, client)()
	put(t, client, "other", "topic", "c", "id", "mine")
	for _, bad := range [][]string{
		{"topic", "task.paused"},
		{"topic", "x", "payload", "{"},
		{"words", "only"},
		{"topic", "x", "id", strings.Repeat("i", 201)},
		{"topic", "x", "payload", `"` + strings.Repeat("p", 256<<10) + `"`},
	} {
		put(t, client, "default", bad...)
	}
	d.wait(t, 2)
	eventually(t, "they are gone", func() bool {
		left := client.XLen(t.Context(), inboxKey("default")).Val() + client.XLen(t.Context(), inboxKey("other")).Val()
		return left == 0 && client.XLen(t.Context(), inboxKey("default")+":rejected").Val() == 5
	})
	got := d.stored()
	slices.Sort(got)
	if diff := cmp.Diff([]string{"default " + early + ` a.b {"n":1}`, "other mine c "}, got); diff != "" {
		t.Errorf("stored (-want +got)\n%s", diff)
	}
	var reasons []string
	for _, m := range client.XRange(t.Context(), inboxKey("default")+":rejected", "-", "+").Val() {
		reasons = append(reasons, field(m, "reason"))
		if len(field(m, "payload")) > rejectedBytes {
			t.Error("a rejected payload was kept whole")
		}
	}
	want := []string{"by Ordinaut itself", "no JSON", "empty", "201 bytes", "at most 262144"}
	for i, part := range want {
		if i >= len(reasons) || !strings.Contains(reasons[i], part) {
			t.Errorf("reasons are %q, want %q", reasons, want)
			break
		}
	}
	if err := client.Del(t.Context(), inboxKey("default")).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	put(t, client, "default", "topic", "after", "id", "flush")
	d.wait(t, 3)
}

// Law: an entry that a reader took and did not acknowledge before it died is read by another.
func TestInboxEntriesOfADeadReaderAreClaimed(t *testing.T) {
	t.Parallel()
	client := realRedis(t).client(t)
	id := put(t, client, "default", "topic", "a")
	if err := client.XGroupCreate(t.Context(), inboxKey("default"), inboxGroup, "0").Err(); err != nil {
		t.Fatal(err)
	}
	taken, err := client.XReadGroup(t.Context(), &redis.XReadGroupArgs{Group: inboxGroup, Consumer: "dead", Streams: []string{inboxKey("default"), ">"}}).Result()
	if err != nil || len(taken) != 1 {
		t.Fatal(taken, err)
	}
	// It died a while ago.
	if err := client.Do(t.Context(), "XCLAIM", inboxKey("default"), inboxGroup, "dead", 0, id, "IDLE", claimIdle.Milliseconds()+1).Err(); err != nil {
		t.Fatal(err)
	}
	d := &desk{}
	defer d.read(t, client)()
	d.wait(t, 1)
	eventually(t, "they are gone", func() bool { return client.XLen(t.Context(), inboxKey("default")).Val() == 0 })
}
