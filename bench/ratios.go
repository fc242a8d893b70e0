package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ordinaut/ordinaut/cmd/measure"
)

// figures finds what was measured by system and name.
type figures map[[2]string]measure.Summary

// ratio is one line of the last table. Its value is not ok when a part of it was not measured; without a
// target it is there to be known.
type ratio struct {
	what, target string
	value        func(f figures) (value float64, reached, ok bool)
}

// targets are the ratios that the project holds itself to.
func targets() []ratio {
	perSecond := func(s measure.Summary) float64 { return s.PerSecond }
	return []ratio{
		{"drain / River's", "≥ 2", atLeast(2, "drain", "River", "drain", perSecond)},
		{"drain / raw SQL's, batches of 100", "≥ 0.60", atLeast(0.6, "drain", "raw SQL, 100", "drain", perSecond)},
		{"drain / raw SQL's, batches of 1000", "≥ 0.60", atLeast(0.6, "drain", "raw SQL, 1000", "drain", perSecond)},
		{"flow / River's", "≥ 2", atLeast(2, "flow", "River", "flow", perSecond)},
		{"flow / raw SQL's, batches of 100", "≥ 0.70", atLeast(0.7, "flow", "raw SQL, 100", "flow", perSecond)},
		{"flow / raw SQL's, batches of 1000", "≥ 0.70", atLeast(0.7, "flow", "raw SQL, 1000", "flow", perSecond)},
		{"flow with a recorded step / River's without", "≥ 1.2", atLeast(1.2, "steps", "River", "flow", perSecond)},
		{"insert / River's InsertManyFast", "≥ 1.3", atLeast(1.3, "insert", "River", "insert", perSecond)},
		{"last tenth of a flow with a transaction held / without", "≥ 0.60", func(f figures) (float64, bool, bool) {
			held, ok := f[[2]string{"ordinaut", "held"}]
			free, ok2 := f[[2]string{"ordinaut", "not held"}]
			v := held.LastPerSecond / free.LastPerSecond
			return v, v >= 0.6, ok && ok2
		}},
		{"River's CPU a run of a drain / ours", "", cpuOver("drain")},
		{"River's CPU a run of a flow / ours", "", cpuOver("flow")},
		{"log bytes a run, insert to end", "≤ 1400", func(f figures) (float64, bool, bool) {
			s, ok := f[[2]string{"ordinaut", "flow"}]
			return s.WALBytes, s.WALBytes <= 1400, ok
		}},
		{"pickup p50 − raw SQL's, ms", "≤ 0.5", over(0.5, "pickup", func(s measure.Summary) float64 { return s.P50 })},
		{"pickup p99 − raw SQL's, ms", "≤ 3", over(3, "pickup", func(s measure.Summary) float64 { return s.P99 })},
		{"pickup from another process, p50 − raw SQL's, ms", "≤ 0.5", over(0.5, "pickup across", func(s measure.Summary) float64 { return s.P50 })},
		{"pickup from another process, p99 − raw SQL's, ms", "≤ 3", over(3, "pickup across", func(s measure.Summary) float64 { return s.P99 })},
	}
}

// atLeast divides our figure by that of another system.
func atLeast(least float64, name, other, otherName string, figure func(measure.Summary) float64) func(figures) (float64, bool, bool) {
	return func(f figures) (float64, bool, bool) {
		us, ok := f[[2]string{"ordinaut", name}]
		them, ok2 := f[[2]string{other, otherName}]
		v := figure(us) / figure(them)
		return v, v >= least, ok && ok2
	}
}

// cpuOver divides River's CPU time a run by ours. It has no target, but hardly depends on who else uses
// the machine.
func cpuOver(name string) func(figures) (float64, bool, bool) {
	cpu := func(s measure.Summary) float64 { return s.ClientMicros + s.ServerMicros }
	return func(f figures) (float64, bool, bool) {
		us, ok := f[[2]string{"ordinaut", name}]
		them, ok2 := f[[2]string{"River", name}]
		return cpu(them) / cpu(us), true, ok && ok2
	}
}

// over subtracts raw SQL's delay from ours.
func over(most float64, name string, figure func(measure.Summary) float64) func(figures) (float64, bool, bool) {
	return func(f figures) (float64, bool, bool) {
		us, ok := f[[2]string{"ordinaut", name}]
		them, ok2 := f[[2]string{"raw SQL, 100", "pickup"}]
		v := figure(us) - figure(them)
		return v, v <= most, ok && ok2
	}
}

func writeRatios(w io.Writer, all []measure.Summary) error {
	f := figures{}
	for _, s := range all {
		f[[2]string{s.System, s.Name}] = s
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ratio\tmeasured\ttarget\treached")
	for _, r := range targets() {
		value, reached, ok := r.value(f)
		if !ok {
			continue
		}
		verdict := "yes"
		switch {
		case r.target == "":
			verdict = ""
		case !reached:
			verdict = "no"
		}
		fmt.Fprintf(t, "%s\t%.2f\t%s\t%s\n", r.what, value, r.target, verdict)
	}
	return t.Flush()
}

// describeMachine says where, with what and when the figures were taken.
func describeMachine(postgres string) string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	versions := []string{"PostgreSQL " + postgres, runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			switch m.Path {
			case "github.com/riverqueue/river", "github.com/jackc/pgx/v5":
				versions = append(versions, m.Path+" "+m.Version)
			}
		}
	}
	return fmt.Sprintf("%s: %s, %d cores, %s/%s; %s", time.Now().Format(time.DateOnly), model, runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, strings.Join(versions, ", "))
}
