package main

import (
	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/examples/desk"
)

// newExampleServer runs the example MCP server, so that the demo and a first try need nothing else.
func newExampleServer() *cobra.Command {
	var journal string
	cmd := &cobra.Command{
		Use:   "example-server",
		Short: "Serve the example desk (calendar, outbox, report) as MCP over stdio",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return desk.Serve(journal) },
	}
	cmd.Flags().StringVar(&journal, "journal", "desk.jsonl", "file that each effect is written to")
	return cmd
}
