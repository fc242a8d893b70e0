package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// told is one call of Config.PublishEvents, and how many of its events the database then had.
type told struct {
	Namespace string
	Events    []ordinaut.Event
	Stored    int
}

// Events are handed over after their commit, as they were stored, and each once: not those of a record
// that was dropped, and not again when a record is sent again.
func TestEventsAreHandedOverOnceTheyLanded(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	var calls []told
	s := storetest.StoreOn(t, pool, store.Config{PublishEvents: func(namespace string, events []ordinaut.Event) {
		call := told{Namespace: namespace, Events: events}
		for _, e := range events {
			var n int
			const stored = `SELECT count(*) FROM event WHERE namespace_id = $1 AND id = $2 AND run_id = $3 AND topic = $4`
			if err := pool.QueryRow(t.Context(), stored, [16]byte(e.NamespaceID), [16]byte(e.ID), [16]byte(e.RunID), e.Topic).Scan(&n); err != nil {
				t.Error(err)
			}
			call.Stored += n
		}
		calls = append(calls, call)
	}})
	fill(t, s, 2)
	all := claimAll(t, s, 2)
	current, stale := all[0].Lease, all[1].Lease
	stale.Epoch++
	at := time.Date(2030, 1, 2, 3, 4, 5, 678901000, time.UTC)
	event := func(l ordinaut.Lease, topic string) ordinaut.Event {
		return ordinaut.Event{
			NamespaceID: l.NamespaceID, ID: ordinaut.NewEventID(), Topic: topic, Payload: []byte(`{"n":1}`), Source: ordinaut.EventFromRun,
			RunID: l.RunID, At: at,
		}
	}
	one, two, dropped := event(current, "one"), event(current, "two"), event(stale, "dropped")
	bare := one // what the lease says is truer than what the record says
	bare.NamespaceID, bare.RunID, bare.At = ordinaut.NamespaceID{}, dropped.RunID, at.Add(time.Nanosecond)
	batch := []ordinaut.Record{
		{Lease: stale, Events: []ordinaut.Event{dropped}},
		{Lease: current, Events: []ordinaut.Event{bare}},
		{Lease: current, Events: []ordinaut.Event{two, one}},
	}
	if lost := must(s.Record(t.Context(), batch))(t); len(lost) != 1 {
		t.Errorf("lost = %v, want one run", lost)
	}
	want := []told{{Namespace: "default", Events: []ordinaut.Event{one, two}, Stored: 2}}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("handed over (-want +got)\n%s", diff)
	}

	calls = nil
	three := event(current, "three\x00")
	three.Payload = nil
	must(s.Record(t.Context(), batch))(t)
	record(t, s, ordinaut.Record{Lease: current, Events: []ordinaut.Event{two, three}})
	three.Topic = "three\ufffd"
	want = []told{{Namespace: "default", Events: []ordinaut.Event{three}, Stored: 1}}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("handed over when sent again (-want +got)\n%s", diff)
	}
}

// Events of one commit are handed over by namespace.
func TestEventsAreHandedOverByNamespace(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	got := map[string][]string{}
	s := storetest.StoreOn(t, pool, store.Config{PublishEvents: func(namespace string, events []ordinaut.Event) {
		for _, e := range events {
			got[namespace] = append(got[namespace], e.Topic)
		}
	}})
	fill(t, s, 3)
	all, other := claimAll(t, s, 3), ordinaut.NewNamespaceID()
	if _, err := pool.Exec(t.Context(), `INSERT INTO namespace (id, name) VALUES ($1, 'other')`, other); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE lease SET namespace_id = $1 WHERE run_id = $2`, other, all[1].RunID); err != nil {
		t.Fatal(err)
	}
	all[1].NamespaceID = other
	record(t, s, recordsOf(all, func(r *ordinaut.Record) {
		r.Events = []ordinaut.Event{{ID: ordinaut.NewEventID(), Topic: "hello", At: time.Now()}}
	})...)
	if diff := cmp.Diff(map[string][]string{"default": {"hello", "hello"}, "other": {"hello"}}, got); diff != "" {
		t.Errorf("handed over (-want +got)\n%s", diff)
	}
}

// Of a batch that fails in a later statement no event is handed over.
func TestEventsOfAFailedCommitAreNotHandedOver(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{PublishEvents: func(_ string, events []ordinaut.Event) {
		t.Errorf("handed over %+v", events)
	}})
	fill(t, s, 1)
	a := claimOne(t, s)
	if _, err := pool.Exec(t.Context(), `ALTER TABLE run ADD CHECK (state <> 'succeeded') NOT VALID`); err != nil {
		t.Fatal(err)
	}
	rec := ended(a)
	rec.Events = []ordinaut.Event{{ID: ordinaut.NewEventID(), Topic: "never", At: time.Now()}}
	_, err := s.Record(t.Context(), []ordinaut.Record{rec})
	codeIs(t, err, ordinaut.CodeInvalidArgument)
}
