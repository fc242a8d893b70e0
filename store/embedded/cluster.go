package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	// takeOverPoll is how often a process that does not own the cluster tries to.
	takeOverPoll = 200 * time.Millisecond
	// joinTimeout bounds the wait for an owner that holds the lock but whose server is not up.
	joinTimeout = fetchTimeout + startTimeout
	// maxPause is the longest pause between two tries to start a server that does not start, or
	// that ends before it has run for steady.
	maxPause = 5 * time.Second
	steady   = time.Minute
)

// errClosed ends what [Cluster.Close] interrupts.
var errClosed = errors.New("the cluster was closed")

// Cluster is this process's part in the cluster of a data directory: its owner, or one who joined.
// Its methods may be called by several goroutines.
type Cluster struct {
	cfg     Config
	layout  layout
	locator locator
	lock    *flock.Flock
	dsn     string
	closing sync.Once
	closed  chan struct{} // closed when Close begins

	// mu guards what follows. It is held over a whole start or stop, so that neither overtakes the
	// other; never wait for the server's end while holding it, except in Close.
	mu       sync.Mutex
	server   *postmaster // nil if this process does not own a running one
	binaries Binaries
}

// Open makes the data directory and the cluster if they are new, starts the server or joins the
// process that has, and returns when sessions can begin. It may fetch PostgreSQL: errors that wrap
// [ErrNoBinaries] say what was tried. The caller calls [Cluster.Run], without which this process
// neither restarts a server that dies nor takes over from an owner that goes, and at the end
// [Cluster.Close].
func Open(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return open(ctx, cfg, newLocator)
}

func open(ctx context.Context, cfg Config, locate func(Config) locator) (*Cluster, error) {
	if err := (layout{cfg.Dir}).makeDir(); err != nil {
		return nil, err
	}
	// All processes must come to the same socket, whatever links they came by.
	dir, err := filepath.EvalSymlinks(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	cfg.Dir = dir
	l := layout{dir}
	c := &Cluster{cfg: cfg, layout: l, locator: locate(cfg), lock: flock.New(l.lock(), flock.SetPermissions(0o600)), closed: make(chan struct{})}
	if err := c.ownOrJoin(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	password, err := readPassword(l)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.dsn = l.dsn(password)
	return c, nil
}

// DSN returns the connection string of the database ordinaut, for pgx or libpq. It contains the
// password. It stays the same when the server is restarted or changes its owner.
func (c *Cluster) DSN() string { return c.dsn }

// Dir returns the data directory, absolute and free of links.
func (c *Cluster) Dir() string { return c.cfg.Dir }

// ownOrJoin returns when the server accepts sessions, started by this process or by another.
func (c *Cluster) ownOrJoin(ctx context.Context) error {
	late := time.NewTimer(joinTimeout)
	defer late.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		server, err := c.claim(ctx)
		if err != nil || server != nil {
			return err
		}
		if _, err := os.Stat(c.layout.password()); err == nil && accepts(ctx, c.layout.socket()) {
			c.cfg.Log.Info("joined postgres", "dir", c.cfg.Dir)
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late.C:
			return fmt.Errorf("another process holds %s and its postgres is not up after %s; see %s", c.layout.lock(), joinTimeout, c.layout.log())
		case <-tick.C:
		}
	}
}

// claim takes the lock and brings the server up. It returns nil without an error if another
// process has the lock. After an error it has let the lock go, for another may have what this one
// lacks.
func (c *Cluster) claim(ctx context.Context) (*postmaster, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
		return nil, errClosed
	default:
	}
	locked, err := c.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if !locked {
		return nil, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-c.closed:
			cancel(errClosed)
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel(nil)
	server, err := c.bringUp(ctx)
	if err != nil {
		return nil, errors.Join(err, c.lock.Unlock())
	}
	c.server = server
	return server, nil
}

// Run keeps the server alive until ctx ends or Close is called, then returns nil: the owner starts
// a server that died again, and every other process becomes the owner when that one goes. It does
// not stop the server; that is for [Cluster.Close], when nothing needs the database any more. A
// server that cannot be started is logged and tried again, so Run returns no other error.
func (c *Cluster) Run(ctx context.Context) error {
	var pause time.Duration
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.closed:
			return nil
		case <-time.After(pause):
		}
		server, err := c.claim(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, errClosed):
			return nil
		case err != nil:
			pause = longer(pause)
			c.cfg.Log.Error("could not start postgres, will try again", "err", err, "after", pause)
			continue
		case server == nil:
			pause = takeOverPoll
			continue
		}
		up := time.Now()
		select {
		case <-ctx.Done():
			return nil
		case <-c.closed:
			return nil
		case <-server.done:
		}
		c.forget(server)
		if pause = longer(pause); time.Since(up) > steady {
			pause = 0
		}
	}
}

func longer(pause time.Duration) time.Duration {
	return min(max(2*pause, takeOverPoll), maxPause)
}

// forget notes that server has ended, unless Close ended it.
func (c *Cluster) forget(server *postmaster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != server {
		return
	}
	c.server = nil
	c.cfg.Log.Error("postgres ended, starting it again", "pid", server.pid, "state", server.state, "log", c.layout.log())
}

// Close stops the server if this process owns it and lets the lock go; a server of another process
// is left alone. It returns when the server is gone, which takes a fraction of a second as a rule
// and is forced after 30 s. Sessions that are still open are ended and rolled back.
func (c *Cluster) Close() error {
	c.closing.Do(func() { close(c.closed) })
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.server != nil {
		err = c.server.stop(c.layout, c.binaries, c.cfg.Log)
		c.server = nil
		c.cfg.Log.Info("stopped postgres", "dir", c.cfg.Dir)
	}
	return errors.Join(err, c.lock.Close())
}

// exists reports whether path does.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
