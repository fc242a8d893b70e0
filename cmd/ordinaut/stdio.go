package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/mcp"
	"github.com/ordinaut/ordinaut/mcp/front"
)

func newStdio(cfg *config) *cobra.Command {
	return &cobra.Command{
		Use:   "stdio",
		Short: "Serve MCP over stdin and stdout, as desktop clients launch it",
		Long: `Serve MCP over stdin and stdout, as desktop clients launch it.

The caller is the local user, who may do everything. Several of these may run at once: they share the data
directory's Postgres, one of them owns it, another takes over when that one leaves.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveStdio(cmd.Context(), cfg) },
	}
}

// serveStdio serves one client in this process. Everything the client sees comes through the
// connection's front, so what stands behind it may move to another process.
func serveStdio(ctx context.Context, cfg *config) error {
	if err := cfg.check(); err != nil {
		return err
	}
	// A client that dies takes our stdout and stderr with it. Unless SIGPIPE is taken, the next word to
	// either would end this process in the middle of its runs.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	all := map[role]bool{roleAPI: true, roleScheduler: true, roleWorker: true}
	n, err := openNode(ctx, cfg, all, os.Stderr)
	if err != nil {
		return err
	}
	defer n.Close()
	agent, err := n.store.LocalAgent(ctx, localUser())
	if err != nil {
		return err
	}
	f, err := front.New(front.Config{Server: n.tools.MCP(), MaxTextBytes: mcp.MaxTextBytes, Logger: n.log, Metrics: n.registry})
	if err != nil {
		return err
	}
	ctx, left := context.WithCancel(ctx)
	defer left()
	return n.run(ctx, part{"stdio", func(ctx context.Context) error {
		defer left() // the client is gone, and with it the reason to run
		return f.ServeStdio(mcp.WithAgent(ctx, agent), os.Stdin, os.Stdout)
	}})
}

// localUser names the agent that stdio calls act as.
func localUser() string {
	u, err := user.Current()
	if err != nil {
		return fmt.Sprintf("uid-%d", os.Getuid())
	}
	return u.Username
}
