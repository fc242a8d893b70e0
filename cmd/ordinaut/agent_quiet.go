package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

// quietFlags are the flags of agent quiet.
type quietFlags struct {
	hours, days      []string
	timezone, action string
	clear            bool
}

func newAgentQuiet(cfg *config) *cobra.Command {
	var flags quietFlags
	cmd := &cobra.Command{
		Use:   "quiet NAME",
		Short: "Set or show the hours in which an agent's tasks do not start by themselves",
		Long: `Set or show the hours in which an agent's tasks do not start by themselves.

The hours hold for all tasks that the agent owns, besides the quiet hours of each task. They replace those
that the agent had, and take effect at once. Without flags the present ones are shown. They hold back what
starts by itself: run_now and retries go on at any hour.`,
		Example: `  ordinaut agent quiet operator --hours 22:00-07:00 --timezone Europe/Berlin
  ordinaut agent quiet operator --hours 00:00-00:00 --days SAT,SUN --action drop --timezone UTC
  ordinaut agent quiet operator --clear`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := flags.quiet(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			db, err := openDatabase(cmd.Context(), cfg, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer db.Close()
			return agentQuiet(cmd, db, args[0], flags, change)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&flags.hours, "hours", nil, "stretches of the local day, as 22:00-07:00; several by commas")
	f.StringSliceVar(&flags.days, "days", nil, "days on which they begin: MON,TUE,…; default every day")
	f.StringVar(&flags.timezone, "timezone", "", "IANA name of the zone of the hours; default that of each schedule")
	f.StringVar(&flags.action, "action", string(ordinaut.QuietDefer), "what becomes of a time within them: defer (due when they end, once) or drop (skipped)")
	f.BoolVar(&flags.clear, "clear", false, "take the agent's quiet hours away")
	return cmd
}

// quiet returns what the flags ask for; nil when they ask for nothing, or for none.
func (f *quietFlags) quiet(changed func(flag string) bool) (*ordinaut.Quiet, error) {
	set := changed("hours") || changed("days") || changed("timezone") || changed("action")
	switch {
	case f.clear && set:
		return nil, errors.New("--clear takes no other flag")
	case !set:
		return nil, nil //nolint:nilnil // nothing to set and nothing wrong
	case len(f.hours) == 0:
		return nil, errors.New("--hours is missing; give them as --hours 22:00-07:00")
	}
	quiet := ordinaut.Quiet{Timezone: f.timezone, Action: ordinaut.QuietAction(f.action)}
	for _, hours := range f.hours {
		from, to, found := strings.Cut(hours, "-")
		if !found {
			return nil, fmt.Errorf("--hours %q: want two times of the day, as 22:00-07:00", hours)
		}
		quiet.Hours = append(quiet.Hours, ordinaut.QuietHours{From: strings.TrimSpace(from), To: strings.TrimSpace(to), Days: f.days})
	}
	return scheduler.ParseQuiet("", &quiet, "each schedule's own")
}

func agentQuiet(cmd *cobra.Command, db *database, name string, flags quietFlags, change *ordinaut.Quiet) error {
	s, err := store.New(store.Config{Pool: db.pool, Log: db.log})
	if err != nil {
		return err
	}
	agent, err := s.AgentByName(cmd.Context(), name)
	if err != nil {
		return err
	}
	if change == nil && !flags.clear {
		quiet, err := s.AgentQuiet(cmd.Context(), agent.NamespaceID, agent.ID)
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "agent %s: %s\n", name, scheduler.QuietWords(quiet))
		}
		return err
	}
	woken, err := s.SetAgentQuiet(cmd.Context(), agent, change, "local")
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "agent %s: %s; active tasks that follow it from now on: %d\n", name, scheduler.QuietWords(change), woken)
	}
	return err
}
