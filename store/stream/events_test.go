package stream

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

const defaultEvents = "ordinaut:default:events"

func event(topic, payload string) ordinaut.Event {
	return ordinaut.Event{
		NamespaceID: ordinaut.NamespaceID{1}, ID: ordinaut.NewEventID(), Topic: topic, Payload: json.RawMessage(payload),
		RunID: ordinaut.NewRunID(), At: time.Date(2030, 1, 2, 3, 4, 5, 60_000_000, time.UTC),
	}
}

// Law: a published event is told with all that it has, in its namespace alone, and before the end of
// the run that published it.
func TestPublishedEvents(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) redis.UniversalClient{
		"redis-server": func(t testing.TB) redis.UniversalClient { return realRedis(t).client(t) },
		"miniredis":    func(t testing.TB) redis.UniversalClient { return miniRedis(t).client(t) },
		"in process":   inProcess,
		"cluster":      cluster,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, h, n := open(t), newTruth(), 4
			s := h.start(t, client, nil)
			full, bare := event("weather.hot", `{"text": "35 °C", "n": [1]}`), event("bare", "")
			bare.RunID = ordinaut.RunID{}
			events := []ordinaut.Event{full, bare}
			h.commit(s, full.RunID, 1, n-1, n)
			s.PublishEvents("default", events)
			clear(events) // the slice stays the caller's
			s.PublishEvents("other", []ordinaut.Event{event("elsewhere", "1")})
			h.commit(s, full.RunID, n, n, n)
			inRedis(t, client, full.RunID, n)

			told, err := client.XRange(t.Context(), defaultEvents, "-", "+").Result()
			if err != nil {
				t.Fatal(err)
			}
			var kinds []any
			var published []map[string]any
			for _, m := range told {
				kinds = append(kinds, m.Values["type"])
				if m.Values["type"] == "event" {
					published = append(published, m.Values)
				}
			}
			if diff := cmp.Diff([]any{"run.queued", "run.started", "event", "event", "run.succeeded"}, kinds); diff != "" {
				t.Errorf("types (-want +got)\n%s", diff)
			}
			want := []map[string]any{
				{
					"type": "event", "at": "2030-01-02T03:04:05.06Z", "event_id": full.ID.String(), "topic": "weather.hot",
					"run_id": full.RunID.String(), "payload": `{"text": "35 °C", "n": [1]}`,
				},
				{"type": "event", "at": "2030-01-02T03:04:05.06Z", "event_id": bare.ID.String(), "topic": "bare"},
			}
			if diff := cmp.Diff(want, published); diff != "" {
				t.Errorf("events (-want +got)\n%s", diff)
			}
			if other := client.XLen(t.Context(), "ordinaut:other:events").Val(); other != 1 {
				t.Errorf("the other namespace has %d events, want 1", other)
			}
			if got := counted(t, s.metrics.events); got != 3 {
				t.Errorf("counted %v events, want 3", got)
			}
		})
	}
}

// Law: while Redis is away events are dropped and counted, by whoever finds no room or no Redis, without
// anybody waiting and without a run being filled in for them; those that come later arrive.
func TestEventsWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		client, h, n := r.client(t), newTruth(), 500
		s := h.start(t, client, func(c *Config) { c.Buffer = 100 })
		eventually(t, "redis answers", s.Up)
		r.stop()
		for range n {
			s.PublishEvents("default", []ordinaut.Event{event("lost", "1")})
		}
		eventually(t, "every event is counted", func() bool { return counted(t, s.metrics.eventsDropped) == float64(n) })
		if _, _, dirty := s.dirty.oldest(); dirty || counted(t, s.metrics.dropped) != 0 {
			t.Error("a run is to be filled in, want none: it lacks nothing")
		}
		r.start()
		eventually(t, "redis answers again", s.Up)
		found := event("found", "2")
		eventually(t, "a later event arrives", func() bool {
			s.PublishEvents("default", []ordinaut.Event{found})
			return client.XLen(t.Context(), defaultEvents).Val() > 0
		})
		first, err := client.XRangeN(t.Context(), defaultEvents, "-", "+", 1).Result()
		if err != nil || first[0].Values["event_id"] != found.ID.String() {
			t.Errorf("the stream begins with %v (%v), want event %s", first, err, found.ID)
		}
	})
}

// Law: a refusal of Redis, here a key that holds something else, drops the event and not the progress
// beside it.
func TestRefusedEventIsDropped(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, r server) {
		client, h, run, n := r.client(t), newTruth(), ordinaut.NewRunID(), 3
		if err := client.Set(t.Context(), defaultEvents, "mine", 0).Err(); err != nil {
			t.Fatal(err)
		}
		s := h.start(t, client, nil)
		s.PublishEvents("default", []ordinaut.Event{event("refused", "1")})
		h.commit(s, run, 1, n, n)
		inRedis(t, client, run, n)
		if got := counted(t, s.metrics.eventsDropped); got != 1 {
			t.Errorf("counted %v dropped events, want 1", got)
		}
	})
}

// Law: what waits is bounded in bytes as well as in number, and room that was taken is given back.
func TestPendingEventsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	p, large := newPending(defaultBuffer), event("large", `"`+strings.Repeat("x", pendingBytes/4)+`"`)
	if left := p.addEvents("default", []ordinaut.Event{large, large, large, large, event("small", "1")}); left != 1 {
		t.Errorf("left %d events, want the one that is too much", left)
	}
	if left := p.add([]ordinaut.RunProgress{{}}); len(left) != 0 {
		t.Error("progress found no room beside large events")
	}
	if taken := p.take(nil); len(taken) != 5 {
		t.Errorf("took %d items, want 5", len(taken))
	}
	if left := p.addEvents("default", []ordinaut.Event{large}); left != 0 {
		t.Error("room that was taken is not given back")
	}
}
