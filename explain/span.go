package explain

import (
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

// maxSteps bounds how many nominal times are computed for one explanation.
const maxSteps = 2000

// span is a stretch in which one schedule was in force: from included, to not. A zero to is the future.
type span struct {
	line     *scheduler.Timeline
	from, to time.Time
}

// spansOf returns the spans of a history, oldest first. Versions that are due at the same times share one. A
// schedule that this process cannot read, as its kind or zone is unknown here, has no times.
func spansOf(h ordinaut.TaskHistory) []span {
	var spans []span
	for i, v := range h.Versions {
		if i > 0 && v.Spec.Schedule.SameTimes(h.Versions[i-1].Spec.Schedule) {
			continue
		}
		from := v.CreatedAt
		if v.Spec.Schedule.Kind == ordinaut.ScheduleOnce {
			from = time.Time{} // one whose instant has just passed may still be made
		}
		if n := len(spans); n > 0 {
			spans[n-1].to = v.CreatedAt
		}
		if line, err := scheduler.NewTimeline(v.Spec.Schedule, h.Task.ID, h.Calendars, h.AgentQuiet); err == nil {
			spans = append(spans, span{line: line, from: from})
		}
	}
	return spans
}

// next returns the first nominal time strictly later than after, by the schedule in force then.
func (j *judge) next(after time.Time) (time.Time, bool) {
	for _, s := range j.spans {
		if !s.to.IsZero() && !after.Before(s.to) {
			continue
		}
		start := after
		if start.Before(s.from) {
			start = s.from.Add(-1)
		}
		if t, found := s.line.Plan().Next(start); found && (s.to.IsZero() || t.Before(s.to)) {
			return t, true
		}
	}
	return time.Time{}, false
}

// policy says what the schedule in force makes of its nominal time t, by the calendars and quiet hours of
// today; false when it has no such time.
func (j *judge) policy(t time.Time) (scheduler.Fire, bool) {
	for _, s := range j.spans {
		if t.Before(s.from) || !s.to.IsZero() && !t.Before(s.to) {
			continue
		}
		if at, found := s.line.Plan().Next(t.Add(-1)); found && at.Equal(t) {
			return s.line.Verdict(t), true
		}
	}
	return scheduler.Fire{}, false
}

// before returns the last nominal time earlier than at, looked for ever further back.
func (j *judge) before(at time.Time) (last time.Time, found bool) {
	const day = 24 * time.Hour
	for _, back := range []time.Duration{time.Minute, time.Hour, day, 32 * day, 400 * day} {
		t, ok := j.next(at.Add(-back - 1))
		for range maxSteps {
			if !ok || !t.Before(at) {
				break
			}
			last, found = t, true
			t, ok = j.next(t)
		}
		if found {
			return last, true
		}
	}
	return last, false
}

// nearest returns the nominal time nearest to at, if one is about then.
func (j *judge) nearest(at time.Time) (time.Time, bool) {
	if t, ok := j.next(at.Add(-1)); ok && t.Equal(at) {
		return t, true
	}
	before, hasBefore := j.before(at)
	after, hasAfter := j.next(at)
	hasBefore = hasBefore && at.Sub(before) <= around
	hasAfter = hasAfter && after.Sub(at) <= around
	switch {
	case hasBefore && (!hasAfter || at.Sub(before) <= after.Sub(at)):
		return before, true
	case hasAfter:
		return after, true
	default:
		return time.Time{}, false
	}
}

// unrecorded judges the nominal times of the stretch that have no row, those that share a verdict and lie
// side by side as one.
func (j *judge) unrecorded() []finding {
	var all []finding
	t, ok := j.next(j.Since.Add(-1))
	for range maxSteps {
		if !ok || t.After(j.Until) {
			return all
		}
		if row := j.rowOf(t); row != nil {
			t, ok = j.next(row.LastAt)
			continue
		}
		f := j.ofTime(t)
		if n := len(all); n > 0 && all[n-1].code == f.code && j.sideBySide(all[n-1], t) {
			all[n-1].last = t
			all[n-1].count++
		} else {
			all = append(all, f)
		}
		t, ok = j.next(t)
	}
	j.cut = true
	return all
}

// sideBySide reports whether no row lies between a finding and the time t.
func (j *judge) sideBySide(f finding, t time.Time) bool {
	for i := range j.Occurrences {
		if at := j.Occurrences[i].NominalAt; at.After(f.last) && at.Before(t) {
			return false
		}
	}
	return true
}
