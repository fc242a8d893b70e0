package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/cmd/measure"
)

// procedure is one measurement that bench offers.
type procedure struct {
	name, short string
	runs        int // by default
	// measure makes the measurements of one round.
	measure func(ctx context.Context, p *measure.Place, n int) ([]measure.Result, error)
}

type measurement = func(p *measure.Place, ctx context.Context, n int) (measure.Result, error)

// each makes several measurements, each from an empty state.
func each(all ...measurement) func(context.Context, *measure.Place, int) ([]measure.Result, error) {
	return func(ctx context.Context, p *measure.Place, n int) ([]measure.Result, error) {
		var results []measure.Result
		for _, one := range all {
			if err := p.Clear(ctx); err != nil {
				return nil, err
			}
			r, err := one(p, ctx, n)
			if err != nil {
				return nil, err
			}
			results = append(results, r)
		}
		return results, nil
	}
}

func procedures() []procedure {
	return []procedure{
		{"drain", "Finish queued runs that do nothing", 50_000, each((*measure.Place).Drain)},
		{"flow", "Queue, claim and finish runs that do nothing, side by side", 50_000, each((*measure.Place).Flow)},
		{"insert", "Queue runs in batches of 1000", 100_000, each((*measure.Place).Insert)},
		{"pickup", "Delay from run_now to the run's start, idle; from the worker's process and from another", 150, each((*measure.Place).Pickup, (*measure.Place).PickupAcross)},
		{"steps", "As flow, with the real interpreter and one recorded step a run", 20_000, each((*measure.Place).Steps)},
		{"schedule", "Due tasks becoming runs: 100,000 in one second beside others, 10,000 a minute, few among a million", 100_000, each((*measure.Place).Burst, (*measure.Place).Steady, (*measure.Place).Few, (*measure.Place).Many, (*measure.Place).Still)},
		{"held", "As flow, without and with a transaction held open elsewhere", 200_000, each((*measure.Place).Flow, (*measure.Place).Held)},
	}
}

type benchFlags struct {
	runs, rounds int
	force, json  bool
}

func newBench(cfg *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the engine on a database",
		Long: `Measure the engine on a database: the real store and the real worker, with their default settings.

Without a configured database or data directory a private Postgres is started in a temporary directory.
On a database of yours everything happens in a schema of its own, which is dropped at the end: no task
and no run of yours is touched. The load is real, though, and whatever else the server does is part of
the figures. So bench refuses a database whose queue is not empty, unless --force is given.

Server CPU (only where the server is on this machine) and log bytes are those of the whole server.`,
	}
	for _, p := range procedures() {
		cmd.AddCommand(newProcedure(cfg, p))
	}
	return cmd
}

func newProcedure(cfg *config, p procedure) *cobra.Command {
	flags := benchFlags{runs: p.runs, rounds: 3}
	cmd := &cobra.Command{
		Use: p.name, Short: p.short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.runs < 1 || flags.rounds < 1 {
				return errors.New("--runs and --rounds must be at least 1")
			}
			return runBench(cmd, cfg, p, flags)
		},
	}
	f := cmd.Flags()
	f.IntVar(&flags.runs, "runs", flags.runs, "runs a round, or tasks of the burst")
	f.IntVar(&flags.rounds, "rounds", flags.rounds, "rounds; the figures are medians")
	f.BoolVar(&flags.force, "force", false, "measure even if runs of yours are queued or running")
	f.BoolVar(&flags.json, "json", false, "write every round as JSON")
	return cmd
}

func runBench(cmd *cobra.Command, cfg *config, p procedure, flags benchFlags) (err error) {
	ctx, notes := cmd.Context(), cmd.ErrOrStderr()
	own := *cfg
	if own.LogLevel == "info" {
		own.LogLevel = "warn" // a line a run would be measured too
	}
	if own.DatabaseURL == "" && own.DataDir == "" {
		if own.DataDir, err = os.MkdirTemp("", "ordinaut-bench-"); err != nil {
			return err
		}
		fmt.Fprintln(notes, "no database is configured: starting a private Postgres in", own.DataDir)
		defer func() { err = errors.Join(err, os.RemoveAll(own.DataDir)) }()
	}
	db, err := openDatabase(ctx, &own, notes)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := checkIdle(ctx, db, flags.force, notes); err != nil {
		return err
	}
	place, err := measure.Open(ctx, db.pool, db.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.Close(ctx)) }()
	results, err := rounds(ctx, place, p, flags, notes)
	if err != nil {
		return err
	}
	if flags.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(results)
	}
	return measure.WriteTable(cmd.OutOrStdout(), measure.Summarise(results))
}

// checkIdle refuses a database that is at work, and names what cut-off measurements left.
func checkIdle(ctx context.Context, db *database, force bool, notes io.Writer) error {
	live, err := measure.Queued(ctx, db.pool)
	if err != nil {
		return err
	}
	if live > 0 && !force {
		return fmt.Errorf("%d runs are queued or running in this database: they would be slowed and the figures wrong; wait, or add --force", live)
	}
	left, err := measure.Leftovers(ctx, db.pool)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		fmt.Fprintf(notes, "schemas of measurements that were cut off, or go on now: %s; drop them by hand if nobody measures\n", strings.Join(left, ", "))
	}
	return nil
}

func rounds(ctx context.Context, place *measure.Place, p procedure, flags benchFlags, notes io.Writer) ([]measure.Result, error) {
	fmt.Fprintln(notes, "warming up")
	if _, err := p.measure(ctx, place, max(1, flags.runs/10)); err != nil {
		return nil, err
	}
	var all []measure.Result
	for round := range flags.rounds {
		results, err := p.measure(ctx, place, flags.runs)
		if err != nil {
			return nil, err
		}
		for _, r := range results {
			fmt.Fprintf(notes, "round %d of %d: %s of %d runs took %.2f s\n", round+1, flags.rounds, r.Name, r.Runs, r.Seconds)
		}
		all = append(all, results...)
	}
	return all, nil
}
