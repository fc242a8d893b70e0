package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// loadCalendars gives each due task the calendars that its schedule names. Served by calendar_pkey.
func loadCalendars(ctx context.Context, tx pgx.Tx, due []ordinaut.DueTask) error {
	var namespaces [][16]byte
	var names []string
	for i := range due {
		if r := due[i].Rules; r != nil {
			for _, name := range r.Calendars {
				namespaces, names = append(namespaces, due[i].NamespaceID), append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	const lookup = `SELECT c.namespace_id, c.name, c.version, c.entries, c.updated_at
FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[]) AS n (namespace_id, name)) AS n
CROSS JOIN LATERAL (SELECT * FROM calendar WHERE namespace_id = n.namespace_id AND name = n.name OFFSET 0) AS c`
	found, err := query[ordinaut.Calendar](ctx, tx, lookup, namespaces, names)
	if err != nil {
		return err
	}
	type key struct {
		namespace ordinaut.NamespaceID
		name      string
	}
	byKey := make(map[key]ordinaut.Calendar, len(found))
	for _, c := range found {
		byKey[key{c.NamespaceID, c.Name}] = c
	}
	for i := range due {
		if due[i].Rules == nil {
			continue
		}
		for _, name := range due[i].Rules.Calendars {
			if c, ok := byKey[key{due[i].NamespaceID, name}]; ok {
				due[i].Calendars = append(due[i].Calendars, c)
			}
		}
	}
	return nil
}
