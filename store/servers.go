package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// saveServer writes how a server was last seen and returns its id: $5 is empty, or why it is away.
const saveServer = `INSERT INTO server (namespace_id, id, name, transport, state, error)
VALUES ($1, $2, $3, $4, CASE $5 WHEN '' THEN 'ready' ELSE 'unavailable' END, $5)
ON CONFLICT (namespace_id, name) DO UPDATE
SET transport = excluded.transport, state = excluded.state, error = excluded.error, seen_at = clock_timestamp()
RETURNING id`

// saveActions makes the server's actions those given, of which $3 are the names; rows that are the same
// are not written.
const saveActions = `WITH gone AS (
    DELETE FROM action WHERE namespace_id = $1 AND server_id = $2 AND name <> ALL ($3::text[])
)
INSERT INTO action AS a (namespace_id, server_id, name, title, description, input_schema, output_schema, read_only,
    idempotent, destructive, digest)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::boolean[], $9::boolean[],
    $10::boolean[], $11::bytea[])
ON CONFLICT (namespace_id, name) DO UPDATE
SET server_id = excluded.server_id, title = excluded.title, description = excluded.description,
    input_schema = excluded.input_schema, output_schema = excluded.output_schema, read_only = excluded.read_only,
    idempotent = excluded.idempotent, destructive = excluded.destructive, digest = excluded.digest
WHERE a.digest <> excluded.digest OR a.server_id <> excluded.server_id`

// SaveServer keeps how the downstream server name was seen just now. Without seenErr it is ready and
// offers actions, and those only; with it, it is unavailable and its actions stay as they were.
func (s *Store) SaveServer(ctx context.Context, ns ordinaut.NamespaceID, name, transport string, actions []ordinaut.Action, seenErr error) error {
	var cause string
	if seenErr != nil {
		if cause = clean(seenErr.Error()); cause == "" {
			cause = "unknown"
		}
	}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var id [16]byte
		if err := tx.QueryRow(ctx, saveServer, [16]byte(ns), [16]byte(ordinaut.NewServerID()), name, transport, cause).Scan(&id); err != nil {
			return err
		}
		if seenErr != nil {
			return nil
		}
		args, err := actionArgs(actions)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, saveActions, append([]any{[16]byte(ns), id}, args...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("save server %s: %w", name, err)
	}
	return nil
}

// actionArgs returns the columns of saveActions from $3 on. Of two actions of one name the first counts.
func actionArgs(actions []ordinaut.Action) ([]any, error) {
	names, titles, descriptions := []string{}, []string{}, []string{}
	inputs, outputs := []json.RawMessage{}, []json.RawMessage{}
	readOnly, idempotent, destructive := []bool{}, []bool{}, []bool{}
	digests := [][]byte{}
	seen := map[string]bool{}
	for _, a := range actions {
		if seen[a.Name] {
			continue
		}
		seen[a.Name] = true
		doc, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("encode action %s: %w", a.Name, err)
		}
		digest := sha256.Sum256(doc)
		names, titles, descriptions = append(names, clean(a.Name)), append(titles, clean(a.Title)), append(descriptions, clean(a.Description))
		inputs, outputs = append(inputs, cleanJSON(a.InputSchema)), append(outputs, cleanJSON(a.OutputSchema))
		readOnly, idempotent = append(readOnly, a.ReadOnly), append(idempotent, a.Idempotent)
		destructive, digests = append(destructive, a.Destructive), append(digests, digest[:])
	}
	return []any{names, titles, descriptions, inputs, outputs, readOnly, idempotent, destructive, digests}, nil
}

// ListServers returns the downstream servers as last seen, by name.
func (s *Store) ListServers(ctx context.Context, ns ordinaut.NamespaceID) ([]Server, error) {
	const servers = `SELECT name, transport, state, error, seen_at FROM server WHERE namespace_id = $1 ORDER BY name`
	return list[Server](ctx, s, servers, [16]byte(ns))
}

// ListActions returns the actions of all downstream servers as last seen, by name.
func (s *Store) ListActions(ctx context.Context, ns ordinaut.NamespaceID) ([]ordinaut.Action, error) {
	const actions = `SELECT name, title, description, input_schema, output_schema, read_only, idempotent, destructive
FROM action WHERE namespace_id = $1 ORDER BY name`
	return list[ordinaut.Action](ctx, s, actions, [16]byte(ns))
}
