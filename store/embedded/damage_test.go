package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Programs of another major version are refused by name, and the directory is not touched.
func TestWrongMajorIsRefusedByName(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	c := mustOpen(t, cfg)
	have := c.Binaries()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.layout.data(), "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, cfg.Dir)
	_, err := Open(t.Context(), cfg)
	if !errors.Is(err, ErrNoBinaries) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"PostgreSQL 9 made it", have.Dir, "is PostgreSQL " + have.Version} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if diff := cmp.Diff(before, tree(t, cfg.Dir)); diff != "" {
		t.Errorf("the data directory changed:\n%s", diff)
	}
}

// Whatever is wrong with a data directory, a failed start removes nothing from it.
func TestFailedStartRemovesNothing(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]struct {
		do   func(t *testing.T, l layout)
		says string
	}{
		"no PG_VERSION":   {func(t *testing.T, l layout) { remove(t, l.data(), "PG_VERSION") }, "no PostgreSQL cluster"},
		"odd PG_VERSION":  {func(t *testing.T, l layout) { write(t, l.data()+"/PG_VERSION", "seventeen") }, "expected a major version"},
		"no pg_control":   {func(t *testing.T, l layout) { remove(t, l.data(), "global/pg_control") }, "pg_control"},
		"broken settings": {func(t *testing.T, l layout) { write(t, l.data()+"/postgresql.conf", "what = ") }, "syntax error"},
		"spoilt password": {func(t *testing.T, l layout) { write(t, l.password(), "a'b") }, "does not hold one password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(t, dataDir(t))
			c := mustOpen(t, cfg)
			execSQL(t, c.DSN(), "CREATE TABLE kept AS SELECT 42 AS n")
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			harm.do(t, c.layout)
			before := tree(t, cfg.Dir)
			_, err := Open(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), harm.says) {
				t.Errorf("got %v, want %q", err, harm.says)
			}
			after := tree(t, cfg.Dir)
			for path := range before {
				if _, ok := after[path]; !ok {
					t.Errorf("%s is gone", path)
				}
			}
		})
	}
}

// What an interrupted initdb left is replaced.
func TestHalfMadeClusterIsReplaced(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	l := layout{cfg.Dir}
	if err := os.MkdirAll(l.half()+"/base/1", 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, l.half()+"/PG_VERSION", "15\n")
	c := mustOpen(t, cfg)
	if n := mustQuery[int](t, c.DSN(), "SELECT 1"); n != 1 || exists(l.half()) {
		t.Errorf("n = %d, half-made directory is there: %v", n, exists(l.half()))
	}
}

// An Open whose context ends during initdb stops it, and the next one starts afresh.
func TestInterruptedInitdb(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	bin := fakePrograms(t, cfg.Dir+".bin", "15.18")
	if err := os.WriteFile(filepath.Join(bin, "initdb"), []byte("#!/bin/sh\ntouch \"$2/begun\"\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	slow := cfg
	slow.BinDir = bin
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan error)
	go func() {
		_, err := Open(ctx, slow)
		opened <- err
	}()
	l := layout{cfg.Dir}
	eventually(t, "initdb", func(context.Context) error {
		_, err := os.Stat(l.half() + "/begun")
		return err
	})
	cancel()
	if err := <-opened; err == nil {
		t.Error("Open succeeded")
	}
	if exists(l.data()) {
		t.Error("a half-made cluster was taken for a whole one")
	}
	c := mustOpen(t, cfg)
	if n := mustQuery[int](t, c.DSN(), "SELECT 1"); n != 1 {
		t.Error(n)
	}
}

// A lost password file is made anew; the rows stay.
func TestLostPasswordIsReplaced(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	first := mustOpen(t, cfg)
	execSQL(t, first.DSN(), "CREATE TABLE kept AS SELECT 42 AS n")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, first.layout.dir, "postgres.password")
	second := mustOpen(t, cfg)
	if n := mustQuery[int](t, second.DSN(), "SELECT n FROM kept"); n != 42 {
		t.Errorf("n = %d", n)
	}
	if first.DSN() == second.DSN() {
		t.Error("the password did not change")
	}
}

// tree maps every path below dir to its size, but for logs and locks, which a start may write.
func tree(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && filepath.Ext(path) != ".log" {
			found[path] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}
