package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/mcp"
	"github.com/ordinaut/ordinaut/mcp/front"
)

func newServe(cfg *config) *cobra.Command {
	var leash bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve MCP over HTTP, decide what is due and run it",
		Long: `Serve MCP over HTTP, decide what is due and run it.

With no database configured it runs a private Postgres in its data directory. Every request needs an API
key. On a loopback address the first start makes one and writes it into a file of mode 0600 in the data
directory; any other address is refused until ` + "`ordinaut agent bootstrap`" + ` has made one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			if leash {
				go func() {
					_, _ = io.Copy(io.Discard, os.Stdin) // its end is what counts
					stop()
				}()
			}
			return serve(ctx, cfg)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Addr, "addr", cfg.Addr, "address to listen on (ORDINAUT_ADDR)")
	f.StringSliceVar(&cfg.Roles, "roles", cfg.Roles, "what this process does: api, scheduler, worker (ORDINAUT_ROLES)")
	f.StringSliceVar(&cfg.AllowedHosts, "allowed-hosts", cfg.AllowedHosts, "names besides loopback that requests may be addressed to (ORDINAUT_ALLOWED_HOSTS)")
	f.StringSliceVar(&cfg.AllowedOrigins, "allowed-origins", cfg.AllowedOrigins, "origins besides loopback, as scheme://host[:port], whose web pages may call (ORDINAUT_ALLOWED_ORIGINS)")
	f.IntVar(&cfg.Slots, "slots", cfg.Slots, "runs held at once by this process; 0 is the default (ORDINAUT_SLOTS)")
	f.DurationVar(&cfg.LeaseTTL, "lease-ttl", cfg.LeaseTTL, "how long a run stays with a worker that stopped renewing; 0 is 30s (ORDINAUT_LEASE_TTL)")
	f.Float64Var(&cfg.Rate, "rate", cfg.Rate, "requests a second that one caller may make, twice that at once; 0 is 20 (ORDINAUT_RATE)")
	f.DurationVar(&cfg.Grace, "grace", cfg.Grace, "how long running steps get at a stop; 0 is 20s (ORDINAUT_GRACE)")
	f.BoolVar(&leash, "leash", false, "stop when stdin ends, as it does with the process that holds its other end")
	_ = f.MarkHidden("leash") // it exists
	return cmd
}

func serve(ctx context.Context, cfg *config) error {
	roles, err := cfg.roles()
	if err != nil {
		return err
	}
	if err := cfg.check(); err != nil {
		return err
	}
	n, err := openNode(ctx, cfg, roles, os.Stderr)
	if err != nil {
		return err
	}
	defer n.Close()
	if roles[roleAPI] {
		if err := n.requireKey(ctx); err != nil {
			return err
		}
	}
	web, err := n.newWeb(ctx, roles[roleAPI])
	if err != nil {
		return err
	}
	n.log.Info("process started", "version", buildVersion(), "zone_release", zoneRelease(), "roles", cfg.Roles, "data_dir", cfg.DataDir)
	err = n.run(ctx, part{"http", web.run})
	n.log.Info("process ended", "err", err)
	return err
}

// requireKey makes sure that callers can be told apart: it makes the first key on a loopback address
// and refuses any other address without one.
func (n *node) requireKey(ctx context.Context) error {
	has, err := n.store.HasKey(ctx)
	if err != nil || has {
		return err
	}
	if !isLoopback(n.cfg.Addr) {
		return fmt.Errorf("refused to listen on %s: nobody could authenticate; make the first key with `ordinaut agent bootstrap`", n.cfg.Addr)
	}
	dir, err := n.cfg.dataDir()
	if err != nil {
		return err
	}
	key, _, err := n.store.Bootstrap(ctx, "operator")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := bootstrapKeyFile(dir)
	if err := writeSecret(path, key+"\n"); err != nil {
		return fmt.Errorf("write the first key: %w", err)
	}
	fmt.Fprintf(os.Stderr, "the first API key is in %s; read it with: cat %s\n", path, path)
	return nil
}

// writeSecret puts text into a file that only its owner can read, replacing one that is there.
func writeSecret(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// isLoopback reports whether addr can be reached from this machine alone.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// web is the HTTP server: health and metrics of every process, MCP of those with the role api.
type web struct {
	*node
	// front is nil without the role api.
	front *front.Front
	// hooks is nil without the role api, or when the operator has set up none.
	hooks    *hooks
	server   *http.Server
	listener net.Listener
}

// newWeb binds the address, so that a port in use is an error of the start.
func (n *node) newWeb(ctx context.Context, api bool) (*web, error) {
	w := &web{node: n}
	if api {
		var err error
		w.front, err = front.New(front.Config{
			Server: n.tools.MCP(), Authenticate: n.tools.Authenticate, Key: mcp.CallerKey, MaxTextBytes: mcp.MaxTextBytes,
			AllowedHosts: n.cfg.AllowedHosts, AllowedOrigins: n.cfg.AllowedOrigins,
			Rate: n.cfg.Rate, Burst: int(2 * n.cfg.Rate), Logger: n.log, Metrics: n.registry,
		})
		if err != nil {
			return nil, err
		}
		if w.hooks, err = n.newHooks(ctx); err != nil {
			return nil, err
		}
	}
	var lc net.ListenConfig
	var err error
	if w.listener, err = lc.Listen(ctx, "tcp", n.cfg.Addr); err != nil {
		return nil, fmt.Errorf("listen on %s: %w; another address can be given by --addr", n.cfg.Addr, err)
	}
	w.server = &http.Server{Handler: w.routes(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	return w, nil
}

// run serves until ctx ends, then lets open calls finish for ten seconds.
func (w *web) run(ctx context.Context) error {
	w.log.Info("listening", "addr", w.listener.Addr().String())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Serve(w.listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var err error
	if w.front != nil {
		err = w.front.Shutdown(last)
	}
	err = errors.Join(err, w.server.Shutdown(last))
	<-ended //nolint:errcheck // it says that the server was shut down
	return err
}
