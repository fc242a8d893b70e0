package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
)

// A new cluster is private, durable and owned by a role that is no superuser.
func TestOpenMakesPrivateDurableCluster(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, testConfig(t, dataDir(t)))
	got := map[string]string{}
	for _, name := range []string{
		"listen_addresses", "data_checksums", "fsync", "synchronous_commit", "server_encoding",
		"password_encryption", "shared_buffers", "max_connections", "TimeZone",
	} {
		got[name] = mustQuery[string](t, c.DSN(), "SHOW "+name)
	}
	want := map[string]string{
		"listen_addresses": "", "data_checksums": "on", "fsync": "on", "synchronous_commit": "on", "server_encoding": "UTF8",
		"password_encryption": "scram-sha-256", "shared_buffers": "64MB", "max_connections": "80", "TimeZone": "UTC",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	who := mustQuery[string](t, c.DSN(), `SELECT current_user || ' ' || current_database() || ' ' || rolsuper
		FROM pg_roles WHERE rolname = current_user`)
	if who != "ordinaut ordinaut false" {
		t.Errorf("role, database, superuser: %s", who)
	}
	if !c.Owner() || c.Binaries().Major < oldestMajor {
		t.Errorf("owner %v, binaries %+v", c.Owner(), c.Binaries())
	}
	for path, want := range map[string]fs.FileMode{c.layout.password(): 0o600, c.layout.socketDir(): 0o700, c.layout.data(): 0o700, c.layout.log(): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %s, want %s", path, info.Mode(), want)
		}
	}
}

// The socket alone does not let anybody in.
func TestWrongPasswordIsRefused(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, testConfig(t, dataDir(t)))
	_, err := query[int](t.Context(), c.layout.dsn("wrong"), "SELECT 1")
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "28P01" {
		t.Errorf("got %v, want SQLSTATE 28P01", err)
	}
}

// A clean stop leaves no server, and the next start finds the rows.
func TestCloseStopsServerAndDataStays(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	first := mustOpen(t, cfg)
	execSQL(t, first.DSN(), "CREATE TABLE kept AS SELECT 42 AS n")
	pid := pidOf(first.layout)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if alive(pid) || exists(first.layout.pidFile()) || exists(first.layout.socket()) {
		t.Error("the server or its files outlived Close")
	}
	if err := first.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	second := mustOpen(t, cfg)
	if n := mustQuery[int](t, second.DSN(), "SELECT n FROM kept"); n != 42 {
		t.Errorf("n = %d", n)
	}
	if first.DSN() != second.DSN() {
		t.Error("the connection string changed over a restart")
	}
}

// Of two that open one directory one owns the server, and closing the other leaves it running.
func TestSecondOpenJoins(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	owner, guest := mustOpen(t, cfg), mustOpen(t, cfg)
	if !owner.Owner() || guest.Owner() {
		t.Errorf("owners: %v, %v", owner.Owner(), guest.Owner())
	}
	if diff := cmp.Diff(owner.DSN(), guest.DSN()); diff != "" {
		t.Error(diff)
	}
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}
	if n := mustQuery[int](t, owner.DSN(), "SELECT 1"); n != 1 {
		t.Error(n)
	}
}

// Of many that open a new directory at once one makes the cluster and all can use it.
func TestManyOpenNewDirectoryAtOnce(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	clusters := make([]*Cluster, 4)
	var all sync.WaitGroup
	for i := range clusters {
		all.Go(func() {
			c, err := Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			clusters[i] = c
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	owners := 0
	for _, c := range clusters {
		if c.Owner() {
			owners++
		}
		if n := mustQuery[int](t, c.DSN(), "SELECT 1"); n != 1 {
			t.Error(n)
		}
	}
	if owners != 1 {
		t.Errorf("%d owners", owners)
	}
	for _, c := range clusters {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Run ends cleanly with its context, and with Close.
func TestRunReturnsNilOnCleanStop(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	owner, guest := mustOpen(t, cfg), mustOpen(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- owner.Run(ctx) }()
	go func() { ended <- guest.Run(t.Context()) }()
	cancel()
	if err := guest.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := mustQuery[int](t, owner.DSN(), "SELECT 1"); n != 1 {
		t.Error("the end of Run stopped the server")
	}
}

// A directory too deep, or named so that a client would read a list of hosts, still gets a socket.
func TestAwkwardDirectories(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with space and 'quote'", "a,b", strings.Repeat("deep/", 25)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(t, filepath.Join(dataDir(t), name))
			c := mustOpen(t, cfg)
			t.Cleanup(func() {
				if !strings.HasPrefix(c.layout.socketDir(), cfg.Dir) {
					_ = os.RemoveAll(c.layout.socketDir())
				}
			})
			if n := mustQuery[int](t, c.DSN(), "SELECT 1"); n != 1 || len(c.layout.socket()) > maxSocketPath {
				t.Errorf("n = %d, socket %s", n, c.layout.socket())
			}
		})
	}
}
