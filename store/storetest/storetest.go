// Package storetest gives tests a real PostgreSQL and a real Redis, private to the test binary and
// gone with it. A test that cannot have its server fails with the command that installs it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/ordinaut/ordinaut/store"
)

// template is the migrated database that [DB] clones.
const template = "template_ordinaut"

// shared is the one server of the test binary, started by the first test that asks for a database.
var shared cluster //nolint:gochecknoglobals // a TestMain has no other way to hand something to its tests

type cluster struct {
	once   sync.Once
	err    error
	server *PostgresServer
	admin  *pgxpool.Pool
	count  atomic.Int64
}

// Main runs the tests of a package and exits: func TestMain(m *testing.M) { storetest.Main(m) }. At
// the end the server of [DB] stops, and a goroutine that is left fails the run.
func Main(m *testing.M) {
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the tests' postgres:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// DB returns the DSN of a fresh, migrated database, dropped at t's end.
func DB(t testing.TB) string {
	t.Helper()
	shared.once.Do(shared.start)
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	name := "test_" + strconv.FormatInt(shared.count.Add(1), 10)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := shared.admin.Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE `+template); err != nil {
		t.Fatalf("clone the template: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if _, err := shared.admin.Exec(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return shared.server.DSN(name)
}

func (c *cluster) start() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c.server, c.err = newPostgres()
	if c.err != nil {
		return
	}
	c.admin, c.err = store.Open(ctx, c.server.DSN("postgres"), 4)
	if c.err != nil {
		return
	}
	if _, c.err = c.admin.Exec(ctx, `CREATE DATABASE `+template); c.err != nil {
		return
	}
	var pool *pgxpool.Pool
	pool, c.err = store.Open(ctx, c.server.DSN(template), 2)
	if c.err != nil {
		return
	}
	// A database that has sessions cannot be cloned.
	defer pool.Close()
	if c.err = store.Migrate(ctx, pool, nil); c.err != nil {
		c.err = fmt.Errorf("migrate the template: %w", c.err)
	}
}

func (c *cluster) close() error {
	var errs []error
	if c.admin != nil {
		c.admin.Close()
	}
	if c.server != nil {
		errs = append(errs, c.server.close())
	}
	return errors.Join(errs...)
}

// Pool returns connections to dsn, closed at t's end.
func Pool(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := store.Open(t.Context(), dsn, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Store returns a store over a fresh [DB] with [store.Store.Run] going until t's end.
func Store(t testing.TB) *store.Store {
	t.Helper()
	return StoreOn(t, Pool(t, DB(t)), store.Config{})
}

// StoreOn is [Store] over pool, which stands in for cfg.Pool.
func StoreOn(t testing.TB, pool *pgxpool.Pool, cfg store.Config) *store.Store {
	t.Helper()
	cfg.Pool = pool
	s, err := store.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("store.Run: %v", err)
		}
	})
	return s
}
