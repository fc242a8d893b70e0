package scheduler

import (
	"fmt"
	"math"
	"time"

	"github.com/ordinaut/ordinaut"
)

// walk goes through the rows of one task side by side with its plan.
type walk struct {
	plan *Plan
	task *ordinaut.AuditedTask
	// from is the nominal time from which on rows count. exact says that it is the first of the version.
	from  time.Time
	exact bool
	// begun reports whether a row has come, last is the end of the latest.
	begun bool
	last  time.Time
	// want is the time that has its row next; there is none when more is false.
	want time.Time
	more bool
	// faults hold the first fault of each law.
	faults map[string]string
}

func newWalk(plan *Plan, t *ordinaut.AuditedTask) *walk {
	w := &walk{plan: plan, task: t}
	// Rows later than the version are its own. Earlier ones may be those of the version before.
	w.from = latestOf(t.VersionAt.Add(time.Microsecond), t.History.KeptSince)
	if zoned(&t.Schedule) {
		w.from = latestOf(w.from, t.History.ZoneAt.Add(time.Microsecond))
	}
	if first := t.FirstAt; first != nil && !first.Before(w.from) && !w.renewed() {
		w.from, w.exact = first.UTC(), true
		w.want, w.more = w.rowNext(w.from, true)
	}
	return w
}

// renewed reports whether the first time may have been computed anew by other rules of time zones.
func (w *walk) renewed() bool {
	return w.task.History.ZoneAt.After(w.task.VersionAt) && (calendric(&w.task.Schedule) || w.task.Rules != nil)
}

// rowNext returns the time that has its row next when at is to come: a snoozed one has its own when it starts.
func (w *walk) rowNext(at time.Time, ok bool) (time.Time, bool) {
	if s := w.task.SnoozedAt; ok && s != nil && at.Equal(*s) {
		return w.plan.Next(at)
	}
	return at, ok
}

// begins reports whether at is what the version begins with. Times that were computed anew begin where the
// version was made by the database's clock; the first time was told by that of the node which made it.
func (w *walk) begins(at time.Time) bool {
	if w.more && at.Equal(w.want) {
		return true
	}
	anew, ok := w.rowNext(w.plan.Next(w.task.VersionAt))
	return ok && at.Equal(anew)
}

// meet looks at the next row.
func (w *walk) meet(row *ordinaut.Occurrence) {
	if row.NominalAt.Before(w.from) {
		return
	}
	switch {
	case !w.begun && w.exact:
		if !w.begins(row.NominalAt) {
			w.fault(lawFirst, "its first time is %s, its first row that of %s", w.wanted(), stamp(row.NominalAt))
		}
	case !w.begun:
		if !w.holds(row.NominalAt) {
			w.fault(lawUnbroken, "%s is no time of its schedule", stamp(row.NominalAt))
		}
	case !w.more || !row.NominalAt.Equal(w.want):
		w.fault(lawUnbroken, "after %s its schedule has %s, its ledger %s", stamp(w.last), w.wanted(), stamp(row.NominalAt))
	}
	if row.Count != 1 || !row.LastAt.Equal(row.NominalAt) {
		w.tally(row)
	}
	w.begun, w.last = true, row.LastAt
	w.want, w.more = w.rowNext(w.plan.Next(row.LastAt))
}

// tally counts what a row of several times stands for.
func (w *walk) tally(row *ordinaut.Occurrence) {
	count := min(1+w.plan.count(row.NominalAt, row.LastAt), math.MaxInt32)
	switch {
	case count != row.Count:
		w.fault(lawUnbroken, "the row of %s counts %d, its schedule has %d", stamp(row.NominalAt), row.Count, count)
	case !w.holds(row.LastAt):
		w.fault(lawUnbroken, "%s, where the row of %s ends, is no time of its schedule", stamp(row.LastAt), stamp(row.NominalAt))
	}
}

// holds reports whether at is a time of the plan.
func (w *walk) holds(at time.Time) bool {
	is, ok := w.plan.Next(at.Add(-time.Microsecond))
	return ok && is.Equal(at)
}

func (w *walk) wanted() string {
	if !w.more {
		return "nothing"
	}
	return stamp(w.want)
}

func (w *walk) fault(law, format string, args ...any) {
	if w.faults == nil {
		w.faults = map[string]string{}
	}
	if _, known := w.faults[law]; !known {
		w.faults[law] = fmt.Sprintf(format, args...)
	}
}

// end holds where the rows end against where the task stands, and returns what was found.
func (w *walk) end() []ordinaut.Audited {
	var laws []string
	if w.begun {
		laws = append(laws, lawUnbroken)
		if w.exact {
			laws = append(laws, lawFirst)
		}
	}
	switch next := w.task.NextAt; {
	case w.task.State == ordinaut.TaskFinished:
		laws = append(laws, lawFinished)
		w.endFinished()
	case next == nil:
	case w.begun:
		if !w.more || !next.Equal(w.want) {
			w.fault(lawUnbroken, "after %s its schedule has %s, it waits for %s", stamp(w.last), w.wanted(), stamp(*next))
		}
	case w.exact:
		laws = append(laws, lawOutset)
		if !w.begins(*next) {
			w.fault(lawOutset, "its first time is %s, it waits for %s", w.wanted(), stamp(*next))
		}
	}
	all := make([]ordinaut.Audited, len(laws))
	for i, law := range laws {
		all[i] = ordinaut.Audited{Law: law, Fault: w.faults[law]}
	}
	return all
}

// endFinished looks for times that a finished task has left. Without a row to go by these are times to come,
// by a clock that may have been set back by less than a day.
func (w *walk) endFinished() {
	if spent(w.task) {
		return
	}
	at, more := w.want, w.more
	if !w.begun && !w.exact {
		if w.renewed() {
			return
		}
		at, more = w.plan.Next(latestOf(w.from, w.task.History.Now.Add(day)))
	}
	if more {
		w.fault(lawFinished, "it is finished, its schedule has %s", stamp(at))
	}
}
