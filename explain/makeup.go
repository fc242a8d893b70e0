package explain

import (
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
)

// maxBackfill is how many nominal times backfill_task takes in one call.
const maxBackfill = 1000

// makeUp proposes what starts runs for a finding that got none: backfill_task for its exact stretch when
// it stands for several nominal times, run_now when one run is enough. It is nil when all of them have
// been made up for.
func makeUp(j *judge, f finding) *Fix { return j.startOnce(f, "") }

// startOnce is makeUp, which says why of run_now when that is enough.
func (j *judge) startOnce(f finding, why string) *Fix {
	if j.Task.State == ordinaut.TaskDeleted {
		return recreate(j, f)
	}
	switch times, known := j.lost(f); {
	case !known || len(times) == 1 && f.count == 1:
		return j.runNow(why)
	case len(times) == 0:
		return nil
	default:
		return j.backfill(f, times)
	}
}

// standInFor proposes a run for each of several times that one run has stood in for.
func (j *judge) standInFor(f finding) *Fix {
	times, known := j.lost(f)
	if !known || f.count == 1 || len(times) == 0 {
		return nil
	}
	return j.backfill(f, times)
}

// backfill proposes backfill_task for the times, which are those of f that have no run.
func (j *judge) backfill(f finding, times []time.Time) *Fix {
	first, until := times[0], earlier(f.last.Add(time.Second), j.Now)
	what := fmt.Sprintf("counts the runs that would make up for them, which are %d; without dry_run it makes them", len(times))
	if len(times) > maxBackfill {
		until = times[maxBackfill]
		what = fmt.Sprintf("counts the first %d runs that would make up for them; without dry_run it makes those, and the rest takes more calls", maxBackfill)
	}
	return j.call("backfill_task", what, map[string]any{
		"from": first.UTC().Format(time.RFC3339Nano), "until": until.UTC().Format(time.RFC3339Nano), "dry_run": true,
	})
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// lost returns those nominal times of a finding that have passed without a run, as far as the present
// schedule still has them and policy lets them start: the first of them, one more than a backfill takes.
// It is false when the finding is about nothing of that kind: no nominal times, or none that can be made up
// for by them.
func (j *judge) lost(f finding) (times []time.Time, known bool) {
	if f.run != nil || f.kind != ordinaut.RunScheduled || f.count == 0 || !f.last.Before(j.Now) || len(j.spans) == 0 {
		return nil, false
	}
	present := j.spans[len(j.spans)-1]
	if !present.to.IsZero() {
		return nil, false
	}
	made := j.madeUp()
	for _, fire := range present.line.Between(f.first.Add(-1), f.last, maxSteps) {
		if fire.Fate != ordinaut.FateStarted {
			continue
		}
		known = true
		if !made[fire.UTC.UnixMicro()] {
			times = append(times, fire.UTC)
		}
		if len(times) > maxBackfill {
			break
		}
	}
	return times, known
}

// madeUp returns the nominal times, in microseconds, that were made up for already.
func (j *judge) madeUp() map[int64]bool {
	made := map[int64]bool{}
	for i := range j.Occurrences {
		if o := &j.Occurrences[i]; o.Kind == ordinaut.RunBackfill {
			made[o.NominalAt.UnixMicro()] = true
		}
	}
	return made
}
