package embedded

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// helperEnv makes the test binary a process that opens the data directory it names.
const helperEnv = "ORDINAUT_EMBEDDED_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		os.Exit(helper(dir))
	}
	goleak.VerifyTestMain(m)
}

// helper opens dir, prints what it is, keeps the cluster until its stdin ends, and closes it.
func helper(dir string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	c, err := Open(context.Background(), Config{Dir: dir, NoDownload: true, Log: log})
	if err != nil {
		fmt.Fprintln(os.Stdout, "error", err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	kept := make(chan error)
	go func() { kept <- c.Run(ctx) }()
	fmt.Fprintln(os.Stdout, "owner", c.Owner())
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	if err := <-kept; err != nil {
		fmt.Fprintln(os.Stdout, "error", err)
		return 1
	}
	if err := c.Close(); err != nil {
		fmt.Fprintln(os.Stdout, "error", err)
		return 1
	}
	return 0
}

// process is a running helper.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	says  string // its first line
	log   *lockedBuffer
	once  sync.Once
}

func startHelper(t *testing.T, dir string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+dir)
	p := &process{cmd: cmd, log: &lockedBuffer{}}
	cmd.Stderr = p.log
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.end(t)
		if t.Failed() {
			t.Logf("helper %d logged:\n%s", cmd.Process.Pid, p.log)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("helper said %q: %v", line, err)
	}
	p.says = strings.TrimSpace(line)
	return p
}

// end closes the helper's stdin, so that it stops cleanly, and waits for it.
func (p *process) end(t *testing.T) {
	t.Helper()
	p.once.Do(func() {
		_ = p.stdin.Close()
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("helper ended with %v", err)
		}
	})
}

// kill ends the helper as the kernel would: without a word.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.once.Do(func() {
		if err := p.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = p.cmd.Wait() // says that it was killed
	})
}

// dataDir returns a directory that does not exist yet and that PostgreSQL's account can reach.
func dataDir(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	for _, dir := range []string{base, filepath.Dir(base)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(base, "data")
}

func testConfig(t *testing.T, dir string) Config {
	t.Helper()
	log := &lockedBuffer{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", dir, log)
		}
	})
	return Config{Dir: dir, NoDownload: true, CacheDir: dir + ".cache", Log: slog.New(slog.NewTextHandler(log, nil))}
}

func mustOpen(t *testing.T, cfg Config) *Cluster {
	t.Helper()
	c, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// keep runs c's keeper until the test ends.
func keep(t *testing.T, c *Cluster) {
	t.Helper()
	done := make(chan error)
	go func() { done <- c.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func execSQL(t *testing.T, dsn, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func query[T any](ctx context.Context, dsn, sql string) (T, error) {
	var v T
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return v, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, sql).Scan(&v)
	return v, err
}

func mustQuery[T any](t *testing.T, dsn, sql string) T {
	t.Helper()
	v, err := query[T](t.Context(), dsn, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// eventually polls until reached returns nil. What is waited for is in another process.
func eventually(t *testing.T, what string, reached func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := reached(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Binaries returns what this process starts the server with, and the zero value if it only joined.
// It waits for a start in progress.
func (c *Cluster) Binaries() Binaries {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.binaries
}

// Owner reports whether this process owns the server at the moment. It waits for a start in
// progress.
func (c *Cluster) Owner() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server != nil
}
