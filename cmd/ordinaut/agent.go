package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/store"
)

func newAgent(cfg *config) *cobra.Command {
	cmd := &cobra.Command{Use: "agent", Short: "Manage the principals that may call"}
	cmd.AddCommand(newAgentBootstrap(cfg), newAgentQuiet(cfg))
	return cmd
}

func newAgentBootstrap(cfg *config) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Make the first agent and print its API key, once",
		Long: `Make the first agent and print its API key, once.

The key is shown now and never again; the database keeps its SHA-256 only. It is valid for 90 days. While
any key is valid this command refuses; when none is left it makes another, also for an agent that exists.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := openDatabase(cmd.Context(), cfg, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer db.Close()
			if err := store.Migrate(cmd.Context(), db.pool, db.log); err != nil {
				return err
			}
			s, err := store.New(store.Config{Pool: db.pool, Log: db.log})
			if err != nil {
				return err
			}
			key, agent, err := s.Bootstrap(cmd.Context(), name)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "agent %s (%s) may do everything; its key, shown this once:\n", agent.Name, agent.ID)
			fmt.Fprintln(cmd.OutOrStdout(), key)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "operator", "the agent's name")
	return cmd
}
