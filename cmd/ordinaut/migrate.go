package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/store"
)

func newMigrate(cfg *config) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this version's schema",
		Long: `Bring the database to this version's schema.

Migrations go forward only and are applied under a lock, so several processes may try at once. serve and
stdio do the same when they start.`,
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
			fmt.Fprintln(cmd.OutOrStdout(), "the schema is up to date")
			return nil
		},
	}
}
