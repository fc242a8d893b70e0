package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// insertPublished stores events from outside and queues them for the schedulers. It returns their times.
//
//	$1 namespace, $2 source, $3 ids, $4 topics, $5 payloads
const insertPublished = `WITH made AS (
    INSERT INTO event (namespace_id, id, topic, payload, source)
    SELECT $1, n.id, n.topic, n.payload, $2 FROM unnest($3::uuid[], $4::text[], $5::jsonb[]) AS n (id, topic, payload)
    RETURNING id, at
), queued AS (
    INSERT INTO event_queue (namespace_id, event_id) SELECT $1, id FROM made
)
SELECT id, at FROM made`

// publishEvents stores events of one namespace and source in the transaction that acknowledges them, and
// sets their times.
func publishEvents(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, source ordinaut.EventSource, events []ordinaut.Event) error {
	ids, topics, payloads := make([][16]byte, len(events)), make([]string, len(events)), make([][]byte, len(events))
	byID := make(map[ordinaut.EventID]*ordinaut.Event, len(events))
	for i := range events {
		e := &events[i]
		e.NamespaceID, e.Source = ns, source
		ids[i], topics[i], payloads[i], byID[e.ID] = e.ID, clean(e.Topic), cleanJSON(e.Payload), e
	}
	rows, err := tx.Query(ctx, insertPublished, [16]byte(ns), string(source), ids, topics, payloads)
	if err != nil {
		return err
	}
	var id ordinaut.EventID
	var event ordinaut.Event
	_, err = pgx.ForEachRow(rows, []any{&id, &event.At}, func() error {
		byID[id].At = event.At
		return nil
	})
	return err
}

// PublishEvent stores an event of topic, for the schedulers to pass on, and returns it. The topic is one
// that [ordinaut.CheckTopic] takes. A repeated idempotency key answers with the first call's event.
func (s *Store) PublishEvent(ctx context.Context, call ordinaut.Call, event ordinaut.Event) (ordinaut.Event, error) {
	ns := call.Agent.NamespaceID
	event.ID = ordinaut.NewEventID()
	fresh := false
	err := s.tx(ctx, func(tx pgx.Tx) error {
		object, repeated, err := replay(ctx, tx, call, event.ID)
		if err != nil {
			return err
		}
		if fresh = !repeated; repeated {
			event, err = getEvent(ctx, tx, ns, object)
			return err
		}
		events := []ordinaut.Event{event}
		if err := publishEvents(ctx, tx, ns, ordinaut.EventFromTool, events); err != nil {
			return err
		}
		event = events[0]
		return insertAudit(ctx, tx, auditOf(call, event.ID, map[string]any{"topic": event.Topic}))
	})
	if err != nil {
		return ordinaut.Event{}, err
	}
	if fresh {
		s.announceEvents(ctx, []ordinaut.Event{event})
	}
	return event, nil
}

const eventColumnNames = `namespace_id, id, topic, payload, source, run_id, hops, at`

func getEvent(ctx context.Context, q querier, ns ordinaut.NamespaceID, id ordinaut.EventID) (ordinaut.Event, error) {
	event, err := queryOne[ordinaut.Event](ctx, q,
		`SELECT `+eventColumnNames+` FROM event WHERE namespace_id = $1 AND id = $2`, [16]byte(ns), [16]byte(id))
	return event, missing(err, "event", id)
}

// GetEvent returns an event, or not_found.
func (s *Store) GetEvent(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.EventID) (ordinaut.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	event, err := getEvent(ctx, s.pool, ns, id)
	return event, translate(err)
}
