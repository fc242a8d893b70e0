// Command ordinaut is the scheduler that an assistant drives: one binary that serves MCP, decides when
// tasks are due and runs them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	// Time zones for machines that have none; the system's own are preferred.
	_ "time/tzdata"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run executes one command line and returns the process's exit status.
func run(ctx context.Context, args []string) int {
	cfg, err := loadConfig()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ordinaut: "+err.Error())
		return 2
	}
	root := newRoot(&cfg) //nolint:contextcheck // commands get it from cobra
	root.SetArgs(args)
	err = root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errToolFailed):
		return 5 // the answer has been printed
	case errors.Is(err, errViolated):
		fmt.Fprintln(os.Stderr, "ordinaut: "+message(err))
		return 6
	default:
		fmt.Fprintln(os.Stderr, "ordinaut: "+message(err))
		return 1
	}
}

// message is what a person is told of err: an [ordinaut.Error]'s own words, else all of it.
func message(err error) string {
	var e *ordinaut.Error
	if errors.As(err, &e) && e.Err == nil {
		return e.Msg
	}
	return err.Error()
}

func newRoot(cfg *config) *cobra.Command {
	root := &cobra.Command{
		Use:           "ordinaut",
		Short:         "The scheduler that an AI assistant drives",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cfg.persistentFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newServe(cfg), newStdio(cfg), newDemo(cfg), newCall(cfg), newAgent(cfg),
		newMigrate(cfg), newDoctor(cfg), newVerify(cfg), newBench(cfg), newVersion(), newExampleServer(),
	)
	return root
}
