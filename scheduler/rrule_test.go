package scheduler

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// Law: a recurrence rule is due exactly when one who looks at every day and every time of day would
// say so, from wherever one asks; counting agrees.
func TestRRuleEqualsTheWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		w, length := drawRule(t, zone)
		r, err := compileRRule(w.text(), zone, time.Time{})
		if err != nil {
			if all := w.occurrences(w.start.Add(length), zone); len(all) > 0 && !strings.Contains(err.Error(), "settled") {
				t.Fatalf("%q in %s: refused although it is due at %s: %v", w.text(), zone, all[0], err)
			}
			return
		}
		plan := &Plan{rule: r, zone: zone}
		// A reading lies within 30 hours of its instant.
		all, through := w.occurrences(w.start.Add(length+30*time.Hour), zone), w.start.Add(length)
		from := w.start.Add(time.Duration(rapid.Int64Range(-100_000, int64(length/time.Second)).Draw(t, "from")) * time.Second)
		var want []time.Time
		for _, at := range all {
			if at.After(from) && !at.After(through) {
				want = append(want, at)
			}
		}
		if n := plan.count(from, through); n != len(want) && from.Before(through) {
			t.Fatalf("%q in %s after %s: counted %d, want %d", w.text(), zone, from, n, len(want))
		}
		want = want[:min(len(want), 300)]
		var got []time.Time
		for at, ok := plan.Next(from); ok && !at.After(through) && len(got) < len(want)+1; at, ok = plan.Next(at) {
			got = append(got, at)
		}
		got = got[:min(len(got), 300)]
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q in %s after %s (-want +got)\n%s", w.text(), zone, from, diff)
		}
	})
}
