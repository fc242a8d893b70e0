package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// leftoverWait is how long the remains of a server whose owner was killed may take to go: a
	// postmaster that is shutting down, sessions that have not noticed, a zombie nobody has reaped.
	leftoverWait = 10 * time.Second
	// dyingGrace is how long after its owner's death a postmaster may still look alive, where the
	// kernel stops it.
	dyingGrace = 500 * time.Millisecond
	// startTimeout bounds a start, recovery after a crash included.
	startTimeout = 5 * time.Minute
)

// bringUp returns the running server of the cluster: the one an owner before us left, or a new
// one. The caller holds mu and the data directory's lock.
func (c *Cluster) bringUp(ctx context.Context) (*postmaster, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout+fetchTimeout, errors.New("postgres took too long to start"))
	defer cancel()
	if c.server != nil {
		return c.server, nil
	}
	a, err := accountFor(c.layout.data())
	if err != nil {
		return nil, err
	}
	if err := a.enter(c.cfg.Dir); err != nil {
		return nil, err
	}
	if err := c.layout.makeSocketDir(a); err != nil {
		return nil, err
	}
	major, err := c.layout.major()
	if err != nil {
		return nil, err
	}
	if server := c.leftover(ctx); server != nil {
		c.binaries, _, _ = c.locator.onMachine(ctx, a, major) // wanted, not needed, to stop it
		c.cfg.Log.Info("adopted postgres", "pid", server.pid, "dir", c.cfg.Dir)
		return server, nil
	}
	if c.binaries, err = c.locator.find(ctx, a, major); err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, a, major); err != nil {
		return nil, err
	}
	server, err := c.start(ctx, a)
	if err != nil {
		return nil, err
	}
	c.cfg.Log.Info("started postgres", "pid", server.pid, "dir", c.cfg.Dir, "version", c.binaries.Version,
		"bin", c.binaries.Dir, "took", time.Since(began))
	return server, nil
}

// prepare makes a cluster if major says that there is none, and a password if that was lost.
func (c *Cluster) prepare(ctx context.Context, a account, major int) error {
	if major == 0 {
		c.cfg.Log.Info("making a new cluster", "dir", c.cfg.Dir, "version", c.binaries.Version)
		if err := initialise(ctx, c.layout, c.binaries, a); err != nil {
			return fmt.Errorf("make a new cluster in %s: %w", c.cfg.Dir, err)
		}
		return nil
	}
	if exists(c.layout.password()) {
		_, err := readPassword(c.layout)
		return err
	}
	c.cfg.Log.Warn("the cluster's password file was lost, setting a new password", "file", c.layout.password())
	return repairPassword(ctx, c.layout, c.binaries, a)
}

// leftover returns the server that a dead owner left running, if it is still good, and nil once
// there is none. One that is going is waited for.
func (c *Cluster) leftover(ctx context.Context) *postmaster {
	pid := pidOf(c.layout)
	if pid == 0 {
		return nil
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < leftoverWait && alive(pid) && pidOf(c.layout) == pid; {
		settled := !diesWithOwner || time.Since(began) > dyingGrace
		if settled && accepts(ctx, c.layout.socket()) {
			return adopt(pid)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// start launches the server and waits until it accepts sessions. While remains of one before may
// be in the way, a server that ends at once is started again.
func (c *Cluster) start(ctx context.Context, a account) (*postmaster, error) {
	remains := exists(c.layout.pidFile())
	for began := time.Now(); ; {
		server, err := launch(ctx, c.layout, c.binaries, a)
		if err != nil {
			return nil, err
		}
		if err = server.awaitReady(ctx, c.layout.socket()); err == nil {
			return server, nil
		}
		if !errors.Is(err, errEnded) {
			return nil, errors.Join(err, server.stop(c.layout, c.binaries, c.cfg.Log))
		}
		if !remains || time.Since(began) > leftoverWait {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
