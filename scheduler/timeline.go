package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// A Timeline is what a task's schedule amounts to: the nominal times of its [Plan], each with what
// policy makes of it. Three things happen to a nominal time t, in this order:
//
//   - a calendar that excludes t has it skipped, or shifts it to the same local time of the next day that
//     no calendar excludes (to the end of an entry that is given by instants), at most 60 days on;
//   - jitter delays it, by less than what is left until the time that follows;
//   - quiet hours and blackouts that hold by then, of task or agent, have it skipped, or defer it to the
//     first instant at which nothing is quiet.
//
// Times that are due at the same instant in the end are one: the latest of them starts, and the others
// are coalesced into it. Due times never fall: a time that would be overtaken by a later one is due
// together with that.
//
// The nominal times themselves depend on the plan alone, so that the ledger of a task stays whole when
// a calendar changes. A Timeline is for one goroutine.
type Timeline struct {
	plan     *Plan
	task     ordinaut.TaskID
	jitter   time.Duration
	excluded exclusions
	shifts   bool
	quiet    quiets
	moved    []movedTime // what the latest search for shifted times found
	hushed   hushed      // what the latest search for the end of quiet found
}

// Fire is what becomes of one nominal time, as a person wants to see it; or, when Count is above one,
// of several of which it is the latest.
type Fire struct {
	UTC   time.Time
	Local time.Time // the same instant, in the schedule's zone
	DST   DST
	// Due is when its run is due, in UTC: the nominal time itself, or later by a calendar's shift, jitter
	// or quiet hours. A time that is skipped has its nominal time.
	Due time.Time
	// Fate is started, skipped or coalesced, as far as policy alone decides; a live run, a pause or an
	// outage may still come between. Reason is that of the ledger row.
	Fate   ordinaut.Fate
	Reason ordinaut.Reason
	// Calendar is the name of the calendar that excludes the time, whether it is skipped or shifted.
	Calendar string
	// First is the earliest of the times that it tells of, and Count how many they are: those that are
	// skipped together, or coalesced into one that starts.
	First time.Time
	Count int
}

// NewTimeline returns the timeline of a stored schedule. calendars are those that the schedule names;
// one that does not exist excludes nothing. agentQuiet may be nil. The zero task has jitter too, but
// not that of any task. It returns an invalid_argument [ordinaut.Error] for what it cannot read.
func NewTimeline(s ordinaut.Schedule, task ordinaut.TaskID, calendars []ordinaut.Calendar, agentQuiet *ordinaut.Quiet) (*Timeline, error) {
	line, err := NewDecider(1).timeline(s, task, calendars, agentQuiet)
	if err != nil {
		return nil, err
	}
	line.plan.schedule = &s // nobody shares the plan of that decider
	return line, nil
}

// Plan returns the nominal times.
func (l *Timeline) Plan() *Plan { return l.plan }

// plain reports whether every nominal time is due by itself.
func (l *Timeline) plain() bool { return l.jitter == 0 && len(l.excluded) == 0 && len(l.quiet) == 0 }

// verdict is what policy says about one nominal time.
type verdict struct {
	due      time.Time
	reason   ordinaut.Reason // of the row, were it to start; of the skip
	skipped  bool
	joins    bool // others may be due at the same instant
	calendar string
}

// same reports whether neighbours with these verdicts can be told as one stretch.
func (v verdict) same(o verdict) bool {
	return v.skipped == o.skipped && v.joins == o.joins && v.reason == o.reason && (!v.joins || v.due.Equal(o.due))
}

// verdict says what becomes of the nominal time at, whatever the others.
func (l *Timeline) verdict(at time.Time) verdict {
	if l.plain() {
		return verdict{due: at}
	}
	v, room := verdict{due: at}, l.jitter
	if l.excluded != nil {
		_, _, v.calendar = l.excluded.find(at)
		if v.calendar != "" && !l.shifts {
			return verdict{due: at, reason: ordinaut.ReasonExcludedByCalendar, skipped: true, calendar: v.calendar}
		}
	}
	if v.calendar != "" {
		m := l.shift(at)
		if !m.ok {
			return verdict{due: at, reason: ordinaut.ReasonExcludedByCalendar, skipped: true, calendar: v.calendar}
		}
		v.due, v.reason, v.joins, room = m.to, ordinaut.ReasonShiftedByCalendar, true, m.room
	}
	if l.jitter > 0 {
		if !v.joins {
			room = l.room(at)
		}
		v.due = v.due.Add(delay(l.task, v.due, room))
	}
	return l.hush(at, v)
}

// room returns how far jitter may delay what is due at at: not past the nominal time that follows.
func (l *Timeline) room(at time.Time) time.Duration {
	if next, ok := l.plan.Next(at); ok {
		return min(l.jitter, next.Sub(at))
	}
	return l.jitter
}

// hush applies quiet hours to v.
func (l *Timeline) hush(at time.Time, v verdict) verdict {
	if len(l.quiet) == 0 {
		return v
	}
	_, held, dropped := l.quiet.end(v.due)
	if !held {
		return v
	}
	if dropped {
		return verdict{due: at, reason: ordinaut.ReasonQuietHours, skipped: true, calendar: v.calendar}
	}
	until, ok := l.pass(v.due)
	if !ok {
		return verdict{due: at, reason: ordinaut.ReasonQuietHours, skipped: true, calendar: v.calendar}
	}
	v.due, v.reason, v.joins = until, ordinaut.ReasonQuietHours, true
	return v
}

// pass is that of its quiet. It remembers the latest stretch of quiet, so that a walk in order crosses each
// once.
func (l *Timeline) pass(at time.Time) (time.Time, bool) {
	if k := &l.hushed; !at.Before(k.from) && at.Before(k.to) {
		return k.to, k.ends
	}
	to, ends := l.quiet.pass(at)
	l.hushed = hushed{window: window{from: at, to: to}, ends: ends}
	return to, ends
}

// hushed is a stretch without an instant at which nothing is quiet. One that does not end is known as far
// as it was looked at.
type hushed struct {
	window
	ends bool
}

// edge returns the first instant later than at at which other policies hold.
func (l *Timeline) edge(at time.Time) (time.Time, bool) {
	var first soonest
	first.add(l.excluded.edge(at))
	first.add(l.quiet.edge(at))
	return first.at, first.ok
}
