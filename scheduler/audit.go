package scheduler

import (
	"cmp"
	"iter"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Laws that an [Auditor] holds tasks against; the store has their words.
const (
	lawUnbroken = "L6" // between the first row and what the task waits for no time is without one
	lawFirst    = "L7" // the first row is that of the first time
	lawDecided  = "T2" // what the task waits for has no fate yet
	lawFinished = "T5" // a finished task has nothing left
	lawOutset   = "T6" // a task without rows waits for its first time
)

// An Auditor holds ledgers against schedules. It knows plans alone, and neither calendars nor policies: those
// give a time its fate, and take none away. It is for one goroutine.
type Auditor struct {
	plans   *plans
	release string
}

// NewAuditor returns an auditor for a process that reads this release of the time zone rules.
func NewAuditor(release string) *Auditor {
	return &Auditor{plans: newPlans(defaultPlans), release: release}
}

// Audit says of each law that concerns a task how it was found. rows are those of its schedule or, of a
// condition, its probes, earliest first, from its version on.
//
// Looked at is what the task's present schedule decided, by the rules of time zones that hold now, and only as
// far back as history is kept. A task whose schedule this process cannot read, or whose zone it may read by
// other rules than those that computed its times, is left out.
func (a *Auditor) Audit(t ordinaut.AuditedTask, rows iter.Seq[ordinaut.Occurrence]) []ordinaut.Audited {
	if t.Kind == ordinaut.ScheduleEvent {
		if t.State != ordinaut.TaskFinished {
			return nil
		}
		return []ordinaut.Audited{{Law: lawFinished, Fault: endedEarly(&t)}}
	}
	var w *walk
	plan, err := a.plans.get(t.Schedule)
	if err == nil && (!zoned(&t.Schedule) || t.History.ZoneRelease != "" && t.History.ZoneRelease == a.release) {
		w = newWalk(plan, &t)
	}
	fault := ""
	for row := range rows {
		if at := t.NextAt; at != nil && !row.LastAt.Before(*at) && row.DecidedAt.After(t.VersionAt) {
			fault = cmp.Or(fault, "it waits for "+stamp(*at)+", which is told of in the row of "+stamp(row.NominalAt))
		}
		if w != nil {
			w.meet(&row)
		}
	}
	var all []ordinaut.Audited
	if t.NextAt != nil {
		all = append(all, ordinaut.Audited{Law: lawDecided, Fault: fault})
	}
	if w == nil {
		return append(all, ordinaut.Audited{Law: lawUnbroken, Left: true})
	}
	return append(all, w.end()...)
}

// zoned reports whether the nominal times of s depend on the rules of a time zone.
func zoned(s *ordinaut.Schedule) bool {
	return calendric(s) && (cmp.Or(s.Timezone, "UTC") != "UTC" || strings.Contains(strings.ToUpper(s.Expr), "TZID"))
}

// calendric reports whether the nominal times of s are readings of a clock.
func calendric(s *ordinaut.Schedule) bool {
	return s.Kind != ordinaut.ScheduleInterval && s.Kind != ordinaut.ScheduleCondition
}

// endedEarly says that a task which events start should not be finished, or nothing. Its end may be that of a
// clock which has been set back since.
func endedEarly(t *ordinaut.AuditedTask) string {
	if spent(t) || t.EndsAt != nil && t.EndsAt.Before(t.History.Now.Add(day)) {
		return ""
	}
	return "it is finished, though it has neither come to its end nor started max_runs runs"
}

// spent reports whether the task has started all the runs that it may.
func spent(t *ordinaut.AuditedTask) bool { return t.MaxRuns > 0 && t.RunsStarted >= t.MaxRuns }

// stamp shows a time in a finding.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
