package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

// errViolated says that a law does not hold, which has been shown.
var errViolated = errors.New("the database breaks a law; see above")

func newVerify(cfg *config) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Audit a live database",
		Long: `Audit a live database.

It holds everything, as it is at one moment, against the laws that docs/verify.md lists: that each time of each
schedule has exactly one fate, each start exactly its run, each live run one place, each run its progress whole,
each event its task, and that nothing is overdue. It changes nothing and locks nothing.

The exit status is 0 if all laws hold, 6 if one is broken, and 1 if the audit could not be done.`,
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
			all, err := s.Verify(cmd.Context(), scheduler.NewAuditor(zoneRelease()).Audit)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			} else {
				err = showInvariants(cmd.OutOrStdout(), all)
			}
			for _, v := range all {
				if v.Violations > 0 {
					return errors.Join(err, errViolated)
				}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the laws as JSON")
	return cmd
}

// showInvariants writes a line a law, how many break it of how many were looked at, and below it the first of
// them.
func showInvariants(w io.Writer, all []store.Invariant) error {
	var b strings.Builder
	checked, violations := 0, 0
	for _, v := range all {
		fmt.Fprintf(&b, "%-3s %-90s %d of %d\n", v.ID, v.What, v.Violations, v.Checked)
		for _, text := range v.Shown {
			fmt.Fprintf(&b, "      %s\n", text)
		}
		if v.Left > 0 {
			fmt.Fprintf(&b, "      %d tasks were left out: this process cannot read their schedules, or not by the rules of their zones\n", v.Left)
		}
		checked, violations = checked+v.Checked, violations+v.Violations
	}
	fmt.Fprintf(&b, "%d laws, %d violations of %d checked\n", len(all), violations, checked)
	_, err := io.WriteString(w, b.String())
	return err
}
