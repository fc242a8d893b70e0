// Package store keeps everything that must survive in PostgreSQL: tasks and their versions, the
// ledger of occurrences, runs with their steps and progress, agents and keys, the audit trail. Every
// SQL statement of the program is here.
//
// The database's clock decides leases and dueness. A public method is one statement or one
// transaction; those that take an [ordinaut.Call] write its audit row in it. Errors meant for a
// caller are [*ordinaut.Error]; translate.go makes them of SQLSTATEs.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ordinaut/ordinaut"
)

// queryTimeout bounds every call that a caller's context does not bound tighter.
const queryTimeout = 30 * time.Second

// Config is what [New] needs. Pool is required.
type Config struct {
	// Pool is the connections, as [Open] makes them. The store does not close it.
	Pool *pgxpool.Pool
	// Log receives what a person may want to know; nil discards it.
	Log *slog.Logger
	// Publish is handed the progress entries of each commit, after it and in the order of seq within a
	// run. It must not block. nil costs nothing.
	Publish func([]ordinaut.RunProgress)
	// PublishEvents is handed the events of one namespace, by name, that a commit made known: after it,
	// in their order within a run, and each once at most. One whose commit's answer was lost is not
	// handed over, for nobody can tell whether it was. It must not block. nil costs nothing.
	PublishEvents func(namespace string, events []ordinaut.Event)
	// Registerer receives the metrics; nil keeps them to ourselves.
	Registerer prometheus.Registerer
}

// Store speaks with one database. It is safe for use by any number of goroutines.
type Store struct {
	pool    *pgxpool.Pool
	log     *slog.Logger
	publish func([]ordinaut.RunProgress)
	// publishEvents is nil when nobody listens.
	publishEvents func(namespace string, events []ordinaut.Event)
	metrics       *metrics
	hub           *hub
	mark          watermark
	names         nameCache
	keys          keyCache
}

// New returns a store over cfg.Pool, whose database must have been migrated.
func New(cfg Config) (*Store, error) {
	if cfg.Pool == nil {
		return nil, errors.New("store: Config.Pool is required")
	}
	s := &Store{
		pool:          cfg.Pool,
		log:           cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		publish:       cfg.Publish,
		publishEvents: cfg.PublishEvents,
		hub:           newHub(),
	}
	m, err := newMetrics(cfg.Registerer, s)
	if err != nil {
		return nil, fmt.Errorf("store metrics: %w", err)
	}
	s.metrics = m
	return s, nil
}

// Open makes the pool of connections to dsn, which may name several hosts. maxConns bounds it; zero
// means the DSN's pool_max_conns, else four a core and at least 16. It returns an invalid_argument
// [ordinaut.Error] for a DSN that cannot be read and an unavailable one if no server answers.
func Open(ctx context.Context, dsn string, maxConns int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The parser's own words may hold the password.
		return nil, ordinaut.Errorf(ordinaut.CodeInvalidArgument,
			"the database DSN cannot be read: want postgres://user:password@host:5432/name or host=… user=… dbname=…")
	}
	if maxConns > 0 {
		cfg.MaxConns = int32(min(maxConns, 1000))
	} else if !strings.Contains(dsn, "pool_max_conns") {
		cfg.MaxConns = int32(max(16, 4*runtime.NumCPU()))
	}
	conn := cfg.ConnConfig
	conn.ConnectTimeout = cmp.Or(conn.ConnectTimeout, 5*time.Second)
	conn.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	conn.StatementCacheCapacity = 256
	setDefault(conn.RuntimeParams, "application_name", "ordinaut")
	setDefault(conn.RuntimeParams, "idle_in_transaction_session_timeout", "60s")
	// Every statement of ours reaches rows by a key. The tables of live runs swing between nothing and
	// millions of rows faster than statistics follow, and a plan made while they are empty would read
	// them whole ever after. So plans are made once, without looking at values, and of nested loops over
	// indexes only.
	setDefault(conn.RuntimeParams, "plan_cache_mode", "force_generic_plan")
	for _, method := range []string{"enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"} {
		setDefault(conn.RuntimeParams, method, "off")
	}
	// Compiling a plan costs more than any statement of ours runs.
	setDefault(conn.RuntimeParams, "jit", "off")
	cfg.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		useUTC(c)
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, translate(err)
	}
	pingCtx, cancel := context.WithTimeout(ctx, 2*conn.ConnectTimeout)
	defer cancel()
	if err := pool.Ping(pingCtx); err != nil {
		pool.Close()
		return nil, &ordinaut.Error{Code: ordinaut.CodeUnavailable, Msg: "the database does not answer", Err: err}
	}
	return pool, nil
}

func setDefault(params map[string]string, name, value string) {
	if _, set := params[name]; !set {
		params[name] = value
	}
}

// useUTC makes c read every timestamptz in UTC, whatever the process's zone.
func useUTC(c *pgx.Conn) {
	c.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
}

// Run listens for wake-ups of other processes, sends ours to them, and once an hour opens the coming
// weeks of history and forgets idempotency keys and previews older than a day. It goes on with the waking of
// tasks that a process has left undone. It blocks until ctx ends and then returns nil. A database that goes
// away is waited for.
func (s *Store) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.listen(ctx) })
	group.Go(func() error { return s.notify(ctx) })
	group.Go(func() error { return s.tidy(ctx) })
	group.Go(func() error { return s.resumeWaking(ctx) })
	return group.Wait()
}

// tidy does the hourly work of Run. Every process does it; it is cheap and harmless to repeat.
func (s *Store) tidy(ctx context.Context) error {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := s.ensureHistory(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "history not opened, will be retried", "err", err)
		}
		if err := s.forgetKeys(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "idempotency keys not forgotten, will be retried", "err", err)
		}
		if err := s.forgetEvents(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "marks of repeated events not forgotten, will be retried", "err", err)
		}
		if err := s.forgetPreviews(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "previews not forgotten, will be retried", "err", err)
		}
	}
}

// ensureHistory opens the coming weeks. Whoever reads history for long, as an audit or a backup does, is not
// waited for, since all others would wait behind: there are weeks to try again in.
func (s *Store) ensureHistory(ctx context.Context) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', '1s', true)`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT ensure_history(clock_timestamp())`)
		return err
	})
}

// tx runs do in one transaction and commits it. The error is translated.
func (s *Store) tx(ctx context.Context, do func(pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return translate(pgx.BeginFunc(ctx, s.pool, do))
}

// querier is what a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// query scans all rows by column name. The error is not translated.
func query[T any](ctx context.Context, q querier, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// queryOne is query for the one row, or pgx.ErrNoRows.
func queryOne[T any](ctx context.Context, q querier, sql string, args ...any) (T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return *new(T), err
	}
	return pgx.CollectOneRow(rows, pgx.RowToStructByName[T])
}

// list is query on the pool, bounded in time and with the error translated.
func list[T any](ctx context.Context, s *Store, sql string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	all, err := query[T](ctx, s.pool, sql, args...)
	return all, translate(err)
}

// missing says that there is no such object in the caller's namespace, when err is that of no rows.
func missing(err error, what string, id fmt.Stringer) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ordinaut.Errorf(ordinaut.CodeNotFound, "no %s %s", what, id)
	}
	return err
}
