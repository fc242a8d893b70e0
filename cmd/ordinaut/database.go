package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/embedded"
)

// database is the Postgres of this process: the configured one, or the private one of the data
// directory, which this process runs or joins.
type database struct {
	pool *pgxpool.Pool
	// cluster is nil when a database is configured.
	cluster *embedded.Cluster
	log     *slog.Logger
}

// openDatabase connects. Logs and notices go to w.
func openDatabase(ctx context.Context, cfg *config, w io.Writer) (*database, error) {
	log, err := newLogger(cfg, w)
	if err != nil {
		return nil, err
	}
	db := &database{log: log}
	dsn := cfg.DatabaseURL
	if dsn == "" {
		dir, err := cfg.dataDir()
		if err != nil {
			return nil, err
		}
		db.cluster, err = embedded.Open(ctx, embedded.Config{
			Dir: dir, BinDir: cfg.PostgresBin, Mirror: cfg.PostgresMirror, NoDownload: cfg.NoDownload, Log: log, Notice: w,
		})
		if err != nil {
			return nil, fmt.Errorf("private Postgres in %s: %w", dir, err)
		}
		dsn = db.cluster.DSN()
	}
	if db.pool, err = store.Open(ctx, dsn, 0); err != nil {
		db.Close()
		return nil, unreachable(cfg, err)
	}
	return db, nil
}

// unreachable puts what every address of a configured database answered into one line, each once.
func unreachable(cfg *config, err error) error {
	var e *ordinaut.Error
	if cfg.DatabaseURL == "" || !errors.As(err, &e) || e.Code != ordinaut.CodeUnavailable || e.Err == nil {
		return err
	}
	var said []string
	for line := range strings.Lines(e.Err.Error()) {
		line = strings.TrimSpace(line)
		if !slices.ContainsFunc(said, func(before string) bool { return strings.Contains(before, line) }) {
			said = append(said, line)
		}
	}
	return fmt.Errorf("%s: %s; check ORDINAUT_DATABASE_URL (--database-url)", e.Msg, strings.Join(said, " "))
}

// Close lets go of the connections and, if this process owns the private Postgres, stops it.
func (d *database) Close() {
	if d.pool != nil {
		d.pool.Close()
	}
	if d.cluster == nil {
		return
	}
	if err := d.cluster.Close(); err != nil {
		d.log.Error("private postgres did not stop cleanly", "err", err)
	}
}
