//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// After the owner's SIGKILL a survivor takes over, and every acknowledged row is there.
func TestSurvivorTakesOverAfterKill(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	owner := startHelper(t, dir)
	survivors := []*process{startHelper(t, dir), startHelper(t, dir)}
	if owner.says != "owner true" || survivors[0].says != "owner false" || survivors[1].says != "owner false" {
		t.Fatalf("helpers said %q, %q, %q", owner.says, survivors[0].says, survivors[1].says)
	}
	l := layout{dir}
	password, err := readPassword(l)
	if err != nil {
		t.Fatal(err)
	}
	dsn := l.dsn(password)
	execSQL(t, dsn, "CREATE TABLE kept (n int)")
	for n := range 50 {
		execSQL(t, dsn, "INSERT INTO kept VALUES ($1)", n)
	}
	before := pidOf(l)

	owner.kill(t)

	eventually(t, "take over", func(ctx context.Context) error {
		n, err := query[int](ctx, dsn, "SELECT count(*) FROM kept")
		if err == nil && diesWithOwner && pidOf(l) == before {
			err = errors.New("the old server still answers")
		}
		if err == nil && n != 50 {
			t.Fatalf("%d rows of 50", n)
		}
		return err
	})
	eventually(t, "a survivor owns the server", func(context.Context) error {
		for _, p := range survivors {
			if log := p.log.String(); strings.Contains(log, "started postgres") || strings.Contains(log, "adopted postgres") {
				return nil
			}
		}
		return errors.New("not yet")
	})
	execSQL(t, dsn, "INSERT INTO kept VALUES (50)")
	for _, p := range survivors {
		p.end(t)
	}
	if pidOf(l) != 0 || accepts(t.Context(), l.socket()) {
		t.Error("a server outlived the last clean stop")
	}
}

// When every process is killed the next start works and has every acknowledged row.
func TestStartAfterAllWereKilled(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	l := layout{dir}
	only := startHelper(t, dir)
	password, err := readPassword(l)
	if err != nil {
		t.Fatal(err)
	}
	execSQL(t, l.dsn(password), "CREATE TABLE kept AS SELECT 42 AS n")
	server := pidOf(l)
	only.kill(t)
	if err := syscall.Kill(server, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	c := mustOpen(t, testConfig(t, dir))
	if n := mustQuery[int](t, c.DSN(), "SELECT n FROM kept"); n != 42 {
		t.Errorf("n = %d", n)
	}
}

// The keeper starts a server that died under its living owner.
func TestKeeperRestartsServer(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, testConfig(t, dataDir(t)))
	keep(t, c)
	execSQL(t, c.DSN(), "CREATE TABLE kept AS SELECT 42 AS n")
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		before := pidOf(c.layout)
		if err := syscall.Kill(before, sig); err != nil {
			t.Fatal(err)
		}
		eventually(t, "restart after "+sig.String(), func(ctx context.Context) error {
			n, err := query[int](ctx, c.DSN(), "SELECT n FROM kept")
			if err == nil && (pidOf(c.layout) == before || n != 42) {
				err = fmt.Errorf("pid %d, n %d", before, n)
			}
			return err
		})
	}
}

// A running server that no living process owns is adopted, kept and, at the end, stopped.
func TestRunningServerIsAdopted(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	first := mustOpen(t, cfg)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	l, b := first.layout, first.Binaries()
	a, err := accountFor(l.data())
	if err != nil {
		t.Fatal(err)
	}
	orphan := exec.Command(b.postgres(), "-D", l.data(), "-p", strconv.Itoa(port),
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+l.socketDir())
	orphan.Dir = l.dir
	orphan.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: a.credential()}
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() {
		_ = orphan.Wait()
		close(reaped)
	}()
	t.Cleanup(func() {
		_ = orphan.Process.Signal(syscall.SIGINT)
		<-reaped
	})
	eventually(t, "start", func(ctx context.Context) error {
		if !accepts(ctx, l.socket()) {
			return errors.New("not yet")
		}
		return nil
	})

	second := mustOpen(t, cfg)
	if !second.Owner() || pidOf(l) != orphan.Process.Pid {
		t.Errorf("owner %v, pid %d, want the orphan %d", second.Owner(), pidOf(l), orphan.Process.Pid)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	<-reaped
	if exists(l.pidFile()) {
		t.Error("the adopted server did not stop cleanly")
	}
}
