package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut/store/embedded"
)

// tuning is what an operator of a small machine would set. Durability is left as it is by default:
// every commit waits for its log to be on disk.
const tuning = `
shared_buffers = 1GB
max_wal_size = 8GB
max_connections = 200
synchronous_commit = on
fsync = on
`

// server is the private Postgres that all sides share, one database each.
type server struct {
	dir     string
	cluster *embedded.Cluster
	admin   *pgx.Conn
	version string
}

// startServer makes a cluster in a temporary directory and starts it with tuning.
func startServer(ctx context.Context, binDir string) (_ *server, err error) {
	dir, err := os.MkdirTemp("", "duel-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
		}
	}()
	cfg := embedded.Config{Dir: dir, BinDir: binDir}
	if s.cluster, err = embedded.Open(ctx, cfg); err != nil {
		return nil, err
	}
	if err = s.connect(ctx); err != nil {
		return nil, err
	}
	var conf string
	if err = s.admin.QueryRow(ctx, `SHOW config_file`).Scan(&conf); err != nil {
		return nil, err
	}
	if err = appendTo(conf, tuning); err != nil {
		return nil, err
	}
	s.admin.Close(ctx) //nolint:errcheck // the server is stopped next
	if err = s.cluster.Close(); err != nil {
		return nil, err
	}
	if s.cluster, err = embedded.Open(ctx, cfg); err != nil {
		return nil, err
	}
	return s, s.connect(ctx)
}

func appendTo(name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// connect opens the session of the superuser, who has the same password.
func (s *server) connect(ctx context.Context) (err error) {
	// Of a key that comes twice the last counts.
	if s.admin, err = pgx.Connect(ctx, s.cluster.DSN()+" user=postgres dbname=postgres"); err != nil {
		return err
	}
	return s.admin.QueryRow(ctx, `SELECT current_setting('server_version')`).Scan(&s.version)
}

// database makes a database and returns its DSN.
func (s *server) database(ctx context.Context, name string) (string, error) {
	if _, err := s.admin.Exec(ctx, `CREATE DATABASE `+name+` OWNER ordinaut`); err != nil {
		return "", fmt.Errorf("make database %s: %w", name, err)
	}
	return s.cluster.DSN() + " dbname=" + name, nil
}

// plainPool opens a pool with pgx's own settings on a new database. Those that our store sets suit its
// statements and would spoil the plans of others.
func (s *server) plainPool(ctx context.Context, name string) (*pgxpool.Pool, error) {
	dsn, err := s.database(ctx, name)
	if err != nil {
		return nil, err
	}
	return pgxpool.New(ctx, fmt.Sprintf("%s pool_max_conns=%d", dsn, poolSize))
}

// checkpoint writes out what earlier rounds left dirty, so that no round pays for another.
func (s *server) checkpoint(ctx context.Context) error {
	_, err := s.admin.Exec(ctx, `CHECKPOINT`)
	return err
}

func (s *server) close(ctx context.Context) error {
	var err error
	if s.admin != nil {
		err = s.admin.Close(ctx)
	}
	if s.cluster != nil {
		err = errors.Join(err, s.cluster.Close())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
