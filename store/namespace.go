package store

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

const defaultNamespace = "default"

// DefaultNamespace returns the namespace that local users, the first agent and the servers of the
// operator's file belong to, made if need be.
func (s *Store) DefaultNamespace(ctx context.Context) (ordinaut.NamespaceID, error) {
	var id ordinaut.NamespaceID
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := ensureNamespace(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT id FROM namespace WHERE name = $1`, defaultNamespace).Scan(&id)
	})
	return id, err
}

// ensureNamespace makes the namespace "default" if need be.
func ensureNamespace(ctx context.Context, tx pgx.Tx) error {
	const insert = `INSERT INTO namespace (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
	_, err := tx.Exec(ctx, insert, ordinaut.NewNamespaceID(), defaultNamespace)
	return err
}

// nameCache holds the names of namespaces, which never change.
type nameCache struct {
	mu    sync.RWMutex // guards names
	names map[ordinaut.NamespaceID]string
}

func (c *nameCache) get(ns ordinaut.NamespaceID) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	name, ok := c.names[ns]
	return name, ok
}

// NamespaceName returns the name that leads the keys of the streams.
func (s *Store) NamespaceName(ctx context.Context, ns ordinaut.NamespaceID) (string, error) {
	if name, ok := s.names.get(ns); ok {
		return name, nil
	}
	var name string
	err := s.pool.QueryRow(ctx, `SELECT name FROM namespace WHERE id = $1`, [16]byte(ns)).Scan(&name)
	if err != nil {
		return "", translate(missing(err, "namespace", ns))
	}
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	if s.names.names == nil {
		s.names.names = map[ordinaut.NamespaceID]string{}
	}
	s.names.names[ns] = name
	return name, nil
}

// NamespaceByName returns the id of the namespace that streams call by name. It returns a not_found
// [ordinaut.Error] for an unknown one.
func (s *Store) NamespaceByName(ctx context.Context, name string) (ordinaut.NamespaceID, error) {
	s.names.mu.RLock()
	for id, known := range s.names.names {
		if known == name {
			s.names.mu.RUnlock()
			return id, nil
		}
	}
	s.names.mu.RUnlock()
	var id ordinaut.NamespaceID
	err := s.pool.QueryRow(ctx, `SELECT id FROM namespace WHERE name = $1`, name).Scan(&id)
	return id, translate(err)
}

// NamespaceNames returns the names of all namespaces.
func (s *Store) NamespaceNames(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, `SELECT name FROM namespace ORDER BY name`)
	if err != nil {
		return nil, translate(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, translate(err)
}
