package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
)

// HasKey reports whether any valid API key exists: whether anybody could authenticate.
func (s *Store) HasKey(ctx context.Context) (bool, error) {
	var live bool
	err := s.pool.QueryRow(ctx, anyLiveKey).Scan(&live)
	return live, translate(err)
}

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

// SchemaVersion returns the version of the database's schema, 0 for an empty database, and the one
// that this binary brings.
func SchemaVersion(ctx context.Context, pool *pgxpool.Pool) (have, want int, err error) {
	all, err := loadMigrations()
	if err != nil {
		return 0, 0, err
	}
	err = pool.AcquireFunc(ctx, func(held *pgxpool.Conn) error {
		var migrated bool
		if err := held.QueryRow(ctx, `SELECT to_regclass('schema_migration') IS NOT NULL`).Scan(&migrated); err != nil || !migrated {
			return err
		}
		have, err = schemaVersion(ctx, held.Conn())
		return err
	})
	return have, len(all), translate(err)
}
