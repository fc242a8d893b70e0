package embedded

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func newClient(t *testing.T) (*Redis, *redis.Client) {
	t.Helper()
	server, err := NewRedis()
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Dialer: server.Dial, MaxRetries: -1})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return server, client
}

// Streams work as progress uses them: ids of our own, in order, and no stream made by NOMKSTREAM.
func TestStreamsOverDial(t *testing.T) {
	t.Parallel()
	_, client := newClient(t)
	ctx := t.Context()
	err := client.XAdd(ctx, &redis.XAddArgs{Stream: "s", ID: "1-0", NoMkStream: true, Values: []string{"k", "v"}}).Err()
	if !errors.Is(err, redis.Nil) {
		t.Errorf("NOMKSTREAM on no stream: %v", err)
	}
	for _, id := range []string{"1-0", "2-0"} {
		if err := client.XAdd(ctx, &redis.XAddArgs{Stream: "s", ID: id, MaxLen: 1000, Approx: true, Values: []string{"seq", id}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.XAdd(ctx, &redis.XAddArgs{Stream: "s", ID: "3-0", NoMkStream: true, Values: []string{"seq", "3-0"}}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.XAdd(ctx, &redis.XAddArgs{Stream: "s", ID: "2-0", Values: []string{"k", "v"}}).Err(); err == nil {
		t.Error("an id that is not larger was taken")
	}
	got, err := client.XRead(ctx, &redis.XReadArgs{Streams: []string{"s", "1-0"}, Block: -1}).Result()
	if err != nil {
		t.Fatal(err)
	}
	want := []redis.XStream{{Stream: "s", Messages: []redis.XMessage{
		{ID: "2-0", Values: map[string]any{"seq": "2-0"}}, {ID: "3-0", Values: map[string]any{"seq": "3-0"}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A reader that blocks is woken by a write on another connection.
func TestBlockedReadWakes(t *testing.T) {
	t.Parallel()
	_, client := newClient(t)
	type answer struct {
		streams []redis.XStream
		err     error
	}
	read := make(chan answer)
	go func() {
		streams, err := client.XRead(t.Context(), &redis.XReadArgs{Streams: []string{"s", "0"}, Block: time.Minute}).Result()
		read <- answer{streams, err}
	}()
	if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: "s", ID: "1-0", Values: []string{"k", "v"}}).Err(); err != nil {
		t.Fatal(err)
	}
	if a := <-read; a.err != nil || len(a.streams) != 1 {
		t.Errorf("%+v", a)
	}
}

// A pipeline larger than any buffer on the way goes through.
func TestLargePipelineDoesNotHang(t *testing.T) {
	t.Parallel()
	_, client := newClient(t)
	value := strings.Repeat("x", 1000)
	replies, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for range 2000 {
			p.XAdd(t.Context(), &redis.XAddArgs{Stream: "s", Values: []string{"v", value}})
		}
		return nil
	})
	if err != nil || len(replies) != 2000 {
		t.Errorf("%d replies, %v", len(replies), err)
	}
}

// Keys expire by the clock.
func TestKeysExpire(t *testing.T) {
	t.Parallel()
	_, client := newClient(t)
	if err := client.Set(t.Context(), "k", "v", time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	for {
		err := client.Get(t.Context(), "k").Err()
		if errors.Is(err, redis.Nil) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A closed server takes no connection and ends those it has.
func TestClosedRedisRefuses(t *testing.T) {
	t.Parallel()
	server, client := newClient(t)
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	server.Close()
	if _, err := server.Dial(t.Context(), "", ""); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Dial: %v", err)
	}
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Error("a closed server answered")
	}
}
