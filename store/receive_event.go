package store

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// MaxSourceKey is the most characters of a [Received.Key].
const MaxSourceKey = 200

// Received is an event from outside, with the name by which its sender knows it.
type Received struct {
	// Key is 1 to [MaxSourceKey] characters; what comes with the same key within a week is the same event.
	Key   string
	Event ordinaut.Event
	// Repeated reports whether it was stored before; Event then has the id of the first.
	Repeated bool
}

// takeSources takes the keys that are new, sorted so that no two statements take them in opposite order. Who
// takes the same key at once is waited for. Served by event_source_pkey.
//
//	$1 namespace, $2 source, $3 keys, $4 events
const takeSources = `INSERT INTO event_source (namespace_id, source, key, event_id)
SELECT $1, $2, n.key, n.id FROM unnest($3::text[], $4::uuid[]) AS n (key, id)
ON CONFLICT DO NOTHING`

// readSources reads who took the keys. It is another statement, to see what a rival has committed.
const readSources = `SELECT w.key, s.event_id FROM unnest($3::text[]) AS w (key)
CROSS JOIN LATERAL (SELECT event_id FROM event_source WHERE namespace_id = $1 AND source = $2 AND key = w.key OFFSET 0) AS s`

// ReceiveEvents stores events that came from outside, each key once in a week on whatever node it came in,
// for the schedulers to pass on. sender names the one who sent them, in the keys and in the audit trail. It
// fills in their ids, and says which were stored before. When it returns nil all of them are stored.
func (s *Store) ReceiveEvents(ctx context.Context, ns ordinaut.NamespaceID, source ordinaut.EventSource, sender string, all []Received) error {
	order := make([]int, len(all))
	for i := range all {
		order[i] = i
		all[i].Key, all[i].Event.ID = clean(all[i].Key), ordinaut.NewEventID()
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(all[i].Key, all[j].Key) })
	var fresh []ordinaut.Event
	err := s.tx(ctx, func(tx pgx.Tx) error {
		first, err := claimSources(ctx, tx, ns, sender, all, order)
		if err != nil {
			return err
		}
		fresh = fresh[:0]
		for i := range all {
			r := &all[i]
			if r.Repeated = first[r.Key] != r.Event.ID; r.Repeated {
				r.Event.ID = first[r.Key]
				continue
			}
			fresh = append(fresh, r.Event)
		}
		if len(fresh) == 0 {
			return nil
		}
		if err := publishEvents(ctx, tx, ns, source, fresh); err != nil {
			return err
		}
		return insertAudit(ctx, tx, auditRow{
			namespaceID: ns, actor: sender, action: "receive_events", object: fresh[0].ID.String(), source: string(source),
			detail: map[string]any{"events": len(fresh), "last": fresh[len(fresh)-1].ID},
		})
	})
	if err == nil && len(fresh) > 0 {
		s.announceEvents(ctx, fresh)
	}
	return err
}

// claimSources returns which event each key stands for.
func claimSources(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, sender string, all []Received, order []int) (map[string]ordinaut.EventID, error) {
	keys, ids := make([]string, len(all)), make([][16]byte, len(all))
	for n, i := range order {
		keys[n], ids[n] = all[i].Key, all[i].Event.ID
	}
	if _, err := tx.Exec(ctx, takeSources, [16]byte(ns), sender, keys, ids); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, readSources, [16]byte(ns), sender, keys)
	if err != nil {
		return nil, err
	}
	first := make(map[string]ordinaut.EventID, len(keys))
	var key string
	var id ordinaut.EventID
	_, err = pgx.ForEachRow(rows, []any{&key, &id}, func() error {
		first[key] = id
		return nil
	})
	return first, err
}

// forgetEvents deletes what told repeated events apart, once it is too old to matter. Served by
// event_source_created_idx and event_dedupe_expires_idx.
func (s *Store) forgetEvents(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	for _, stale := range []string{
		`DELETE FROM event_source WHERE created_at < statement_timestamp() - interval '7 days'`,
		`DELETE FROM event_dedupe WHERE expires_at < statement_timestamp()`,
	} {
		if _, err := s.pool.Exec(ctx, stale); err != nil {
			return translate(err)
		}
	}
	return nil
}
