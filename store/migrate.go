package store

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/migrations"
)

// migrationLock is the advisory lock that lets one process at a time migrate: "ordinaut" in ASCII.
const migrationLock = 0x6f7264696e617574

// migration is one numbered file of package migrations.
type migration struct {
	version int
	name    string
	sql     string
}

// Migrate brings the database to this binary's schema, each step in a transaction of its own, and
// opens the weeks of history around now. Several processes may call it at once. A schema that is
// newer than this binary is refused with failed_precondition.
func Migrate(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	all, err := loadMigrations()
	if err != nil {
		return err
	}
	return translate(pool.AcquireFunc(ctx, func(held *pgxpool.Conn) error {
		conn := held.Conn()
		if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
			return fmt.Errorf("lock migrations: %w", err)
		}
		defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(migrationLock)) //nolint:errcheck // the session's end frees it too
		return migrate(ctx, conn, log, all)
	}))
}

func migrate(ctx context.Context, conn *pgx.Conn, log *slog.Logger, all []migration) error {
	const create = `CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)`
	if _, err := conn.Exec(ctx, create, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("create table schema_migration: %w", err)
	}
	present, err := schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if present > len(all) {
		return ordinaut.Errorf(ordinaut.CodeFailedPrecondition,
			"the database has schema version %d and this binary knows %d: use a newer binary", present, len(all))
	}
	for _, m := range all[present:] {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, m.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO schema_migration (version, name) VALUES ($1, $2)`, m.version, m.name)
			return err
		})
		if err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
		log.InfoContext(ctx, "migration applied", "version", m.version, "name", m.name)
	}
	_, err = conn.Exec(ctx, `SELECT ensure_history(clock_timestamp())`)
	return err
}

// schemaVersion returns the latest version applied and checks that none before it is missing.
func schemaVersion(ctx context.Context, conn *pgx.Conn) (int, error) {
	var latest, count int
	err := conn.QueryRow(ctx, `SELECT coalesce(max(version), 0), count(*) FROM schema_migration`).Scan(&latest, &count)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if latest != count {
		return 0, ordinaut.Errorf(ordinaut.CodeFailedPrecondition,
			"table schema_migration has %d rows up to version %d: versions must be contiguous", count, latest)
	}
	return latest, nil
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

// loadMigrations reads the embedded files in order and checks that their numbers are 1..n.
func loadMigrations() ([]migration, error) {
	entries, err := migrations.Files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	all := make([]migration, 0, len(entries))
	for _, entry := range entries {
		digits, _, _ := strings.Cut(entry.Name(), "_")
		version, err := strconv.Atoi(digits)
		if err != nil || len(digits) != 4 {
			return nil, fmt.Errorf("migration %s: want four digits and an underscore first", entry.Name())
		}
		sql, err := migrations.Files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", entry.Name(), err)
		}
		all = append(all, migration{version: version, name: entry.Name(), sql: string(sql)})
	}
	slices.SortFunc(all, func(a, b migration) int { return cmp.Compare(a.version, b.version) })
	for i, m := range all {
		if m.version != i+1 {
			return nil, fmt.Errorf("migration %s: want number %04d next", m.name, i+1)
		}
	}
	return all, nil
}
