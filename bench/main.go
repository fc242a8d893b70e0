// Command bench measures Ordinaut against River and against raw SQL, in turns, on one private Postgres
// that it makes and removes. It ends with a table of ratios against the targets.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut/cmd/measure"
)

// poolSize is the most connections that River and raw SQL may open; ours takes its default, fewer.
const poolSize = 20

// settings are the flags.
type settings struct {
	rounds, runs, pickups, held int
	only, sides                 string
	binDir, profile             string
	json                        bool
}

func main() {
	var s settings
	flag.IntVar(&s.rounds, "rounds", 3, "rounds, each of which measures every side once")
	flag.IntVar(&s.runs, "runs", 50_000, "runs a measurement of drain, flow and steps; insert takes twice as many")
	flag.IntVar(&s.pickups, "pickups", 150, "runs a measurement of pickup")
	flag.IntVar(&s.held, "held", 200_000, "runs while a transaction is held open; 0 leaves that out")
	flag.StringVar(&s.only, "only", "", "comma-separated measurements: insert, drain, flow, steps, pickup, held; empty means all")
	flag.StringVar(&s.sides, "sides", "", "comma-separated sides: ordinaut, river, river-defaults, raw; empty means all")
	flag.StringVar(&s.binDir, "postgres-bin", "", "directory of Postgres' programs; empty means look for them")
	flag.StringVar(&s.profile, "cpuprofile", "", "directory for CPU profiles of this process, one a measurement")
	flag.BoolVar(&s.json, "json", false, "write every round as JSON instead of tables")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := duel(ctx, s, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func duel(ctx context.Context, s settings, w io.Writer) (err error) {
	srv, err := startServer(ctx, s.binDir)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := srv.close(context.WithoutCancel(ctx)); err == nil {
			err = closeErr
		}
	}()
	ring, err := openRing(ctx, srv, s)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := ring.close(ctx); err == nil {
			err = closeErr
		}
	}()
	results, err := ring.rounds(ctx)
	if err != nil {
		return err
	}
	if s.json {
		return json.NewEncoder(w).Encode(results)
	}
	fmt.Fprintf(w, "%s\n\n", describeMachine(srv.version))
	all := measure.Summarise(results)
	slices.SortStableFunc(all, func(a, b measure.Summary) int { return order(a.Name) - order(b.Name) })
	if err := measure.WriteTable(w, all); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return writeRatios(w, all)
}

// order is the place of a measurement in the tables.
func order(name string) int {
	return slices.Index([]string{"insert", "drain", "flow", "steps", "pickup", "pickup across", "not held", "held"}, name)
}

// chosen reports whether a comma-separated flag asks for name.
func chosen(flag, name string) bool {
	return flag == "" || slices.Contains(strings.Split(flag, ","), name)
}

func note(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
