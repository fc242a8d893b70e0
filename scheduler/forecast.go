package scheduler

import (
	"slices"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// maxForecast bounds how many phases one question walks over: ten days on which a task and its agent
	// have as many quiet hours as they may, over two years of days with one quiet night.
	maxForecast = 800
	// farAhead is through when a question has no end.
	farAhead = horizonYears * 366 * day
)

// Next returns the first instant strictly later than after at which a nominal time later than after is
// due, in UTC, after all policies; false when there is none.
func (l *Timeline) Next(after time.Time) (time.Time, bool) {
	for _, f := range l.Preview(after, 1) {
		if f.Fate == ordinaut.FateStarted {
			return f.Due, true
		}
	}
	return time.Time{}, false
}

// Preview returns what becomes of the nominal times strictly later than after, in order, up to and
// including the nth that starts: one [Fire] for each that starts, which counts those that are coalesced
// into it, and one for each stretch of them that is skipped. There are fewer that start when there are
// no more within 40 years, or when policies leave very few.
func (l *Timeline) Preview(after time.Time, n int) []Fire {
	var fires []Fire
	at, ok := l.plan.Next(after)
	for walked, started := 0, 0; ok && started < n && walked < maxForecast; walked++ {
		through := at // times that are due by themselves are told one by one
		if v := l.verdict(at); v.skipped || v.joins {
			through = after.Add(farAhead)
		}
		s := l.phase(at, through)
		fires = l.append(fires, s)
		at, ok = s.next, s.hasNext
		if !s.skipped && l.Verdict(s.last).Fate == ordinaut.FateStarted {
			started++ // else the one that starts is yet to come
		}
	}
	return fires
}

// append adds s to fires: to an earlier one when it continues that.
func (l *Timeline) append(fires []Fire, s phase) []Fire {
	f := l.fire(s.last, s.verdict)
	f.First, f.Count = s.first, s.count
	i := len(fires) - 1
	for !s.skipped && i >= 0 && fires[i].Fate == ordinaut.FateSkipped {
		i--
	}
	if i < 0 || !continues(fires[i], f) {
		return append(fires, f)
	}
	f.First, f.Count = fires[i].First, fires[i].Count+f.Count
	return append(slices.Delete(fires, i, i+1), f)
}

// continues reports whether f tells of more of what last tells of.
func continues(last, f Fire) bool {
	if last.Fate == ordinaut.FateSkipped {
		return f.Fate == last.Fate && f.Reason == last.Reason && f.Calendar == last.Calendar
	}
	return f.Fate == last.Fate && f.Due.Equal(last.Due)
}

func (l *Timeline) fire(at time.Time, v verdict) Fire {
	f := Fire{
		UTC: at.UTC(), Local: at.In(l.plan.zone), DST: l.plan.rule.flag(at), Due: v.due.UTC(), Fate: ordinaut.FateStarted,
		Reason: v.reason, Calendar: v.calendar, First: at, Count: 1,
	}
	switch {
	case v.skipped:
		f.Fate, f.Due = ordinaut.FateSkipped, f.UTC
	case f.DST == DSTGapShifted && f.Reason == "":
		f.Reason = ordinaut.ReasonDSTGapShifted
	}
	return f
}

// Verdict says what policy makes of the nominal time at, which must be one: it starts, is skipped, or is
// coalesced into a later one that is due at the same instant.
func (l *Timeline) Verdict(at time.Time) Fire {
	v := l.verdict(at)
	f := l.fire(at, v)
	if v.skipped {
		return f
	}
	next, ok := l.plan.Next(at)
	for walked := 0; ok && !next.After(v.due) && walked < maxForecast; walked++ {
		s := l.phase(next, v.due)
		if !s.skipped && s.due.Equal(v.due) {
			f.Fate = ordinaut.FateCoalesced
			return f
		}
		if !s.skipped {
			return f // due times never fall
		}
		next, ok = s.next, s.hasNext
	}
	return f
}

// Count returns how many nominal times are later than after and not later than through, whatever policy
// makes of them.
func (l *Timeline) Count(after, through time.Time) int { return l.plan.count(after, through) }

// Between returns the nominal times that are later than after and not later than through, each with its
// [Timeline.Verdict], the earliest limit of them.
func (l *Timeline) Between(after, through time.Time, limit int) []Fire {
	var fires []Fire
	for at, ok := l.plan.Next(after); ok && !at.After(through) && len(fires) < limit; at, ok = l.plan.Next(at) {
		fires = append(fires, l.Verdict(at))
	}
	return fires
}
