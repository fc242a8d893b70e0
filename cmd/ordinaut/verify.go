package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

// errViolated says that an invariant does not hold, which has been shown.
var errViolated = errors.New("the database breaks an invariant; see above")

func newVerify(cfg *config) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Audit the ledger and the runs of a live database",
		Long: `Audit the ledger and the runs of a live database.

It reads everything at one moment and changes nothing: that each time of each schedule has exactly one fate,
each start exactly its run, each run one place, and that nothing is overdue. It exits 1 if an invariant does
not hold.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := openDatabase(cmd.Context(), cfg, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer db.Close()
			s, err := store.New(store.Config{Pool: db.pool, Log: db.log})
			if err != nil {
				return err
			}
			all, err := s.Verify(cmd.Context(), checkLedger)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(all); err != nil {
					return err
				}
			}
			violated := false
			for _, v := range all {
				violated = violated || v.Violations > 0
				if asJSON {
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-3s %-80s %d\n", v.ID, v.What, v.Violations)
				for _, text := range v.Shown {
					fmt.Fprintf(cmd.OutOrStdout(), "      %s\n", text)
				}
			}
			if violated {
				return errViolated
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the invariants as JSON")
	return cmd
}

// checkLedger says what is wrong with the ledger of a task, or "": its rows follow one another as the times
// of its schedule do, each counts those that it stands for, and the next time follows the last.
func checkLedger(l store.Ledgered) string {
	plan, err := scheduler.Compile(l.Task.Spec.Schedule)
	if err != nil {
		return "its schedule cannot be read"
	}
	line, err := scheduler.NewTimeline(l.Task.Spec.Schedule, l.Task.ID, nil, nil)
	if err != nil {
		return "its schedule cannot be read"
	}
	// A snoozed time has its row when it starts.
	following := func(at time.Time) (time.Time, bool) {
		next, ok := plan.Next(at)
		if ok && l.Task.SnoozedAt != nil && next.Equal(*l.Task.SnoozedAt) {
			next, ok = plan.Next(next)
		}
		return next, ok
	}
	for i, row := range l.Rows {
		if at, ok := plan.Next(row.NominalAt.Add(-time.Microsecond)); !ok || !at.Equal(row.NominalAt) {
			return fmt.Sprintf("%s is no time of its schedule", row.NominalAt.Format(time.RFC3339))
		}
		if n := 1 + line.Count(row.NominalAt, row.LastAt); n != row.Count {
			return fmt.Sprintf("the row of %s counts %d times, its schedule has %d", row.NominalAt.Format(time.RFC3339), row.Count, n)
		}
		want, ok := following(row.LastAt)
		switch last := i == len(l.Rows)-1; {
		case !last && (!ok || !l.Rows[i+1].NominalAt.Equal(want)):
			return fmt.Sprintf("after %s its schedule has %s, the ledger %s",
				row.LastAt.Format(time.RFC3339), want.Format(time.RFC3339), l.Rows[i+1].NominalAt.Format(time.RFC3339))
		case last && l.NextAt != nil && (!ok || !l.NextAt.Equal(want)):
			return fmt.Sprintf("after %s its schedule has %s, it waits for %s",
				row.LastAt.Format(time.RFC3339), want.Format(time.RFC3339), l.NextAt.Format(time.RFC3339))
		}
	}
	return ""
}
