package scheduler

import (
	"sort"
	"time"
)

const (
	// maxShiftDays is how many days a calendar moves a time at most. One that would go further is skipped.
	maxShiftDays = 60
	// maxShiftHops bounds how many windows a time is moved out of.
	maxShiftHops = 100
	// maxMoved bounds one search for shifted times: 24 a day for the days that a shift can span, and ample
	// room for windows that follow on one another.
	maxMoved = 4 * maxShiftedPerDay * maxShiftDays
)

// movedTime says where a nominal time goes when calendars shift.
type movedTime struct {
	at, to time.Time
	// room is how far to is from the time that follows it.
	room time.Duration
	ok   bool // false: it would go too far, and is skipped
}

// shift returns where the nominal time at goes. It remembers what it finds on the way, so that a walk
// in order costs one search for each stretch.
func (l *Timeline) shift(at time.Time) movedTime {
	i := sort.Search(len(l.moved), func(i int) bool { return !l.moved[i].at.Before(at) })
	if i == len(l.moved) || !l.moved[i].at.Equal(at) {
		l.moved, i = l.findMoved(at), 0
	}
	return l.moved[i]
}

// findMoved follows the nominal times from at on until none that follows can meet those before it. A time
// goes where the calendars put it, or where a later one goes, when that is earlier.
func (l *Timeline) findMoved(at time.Time) []movedTime {
	var moved []movedTime
	var farthest time.Time
	next, more := at, true
	for more && len(moved) < maxMoved && (len(moved) == 0 || !next.After(farthest)) {
		to, ok := l.target(next)
		if ok {
			farthest = latestOf(farthest, to)
		}
		moved = append(moved, movedTime{at: next, to: to, ok: ok})
		next, more = l.plan.next(next)
	}
	var earliest, following time.Time // of those behind; zero: none
	if more {
		following = next
	}
	for i := len(moved) - 1; i >= 0; i-- {
		m := &moved[i]
		switch {
		case !m.ok:
			continue
		case earliest.IsZero():
			earliest = m.to
		case m.to.Before(earliest):
			earliest, following = m.to, earliest
		default:
			m.to = earliest
		}
		m.room = l.roomAt(m.to, following)
	}
	return moved
}

// roomAt returns how far jitter may delay what is due at to, when the next shifted time goes to following,
// or to nowhere when that is zero. It is the same for a nominal time at to that was not shifted.
func (l *Timeline) roomAt(to, following time.Time) time.Duration {
	if l.jitter == 0 {
		return 0
	}
	room := l.room(to)
	if !following.IsZero() {
		room = min(room, following.Sub(to))
	}
	return room
}

// target returns where the calendars put at, whatever the other times.
func (l *Timeline) target(at time.Time) (to time.Time, ok bool) {
	to = at
	for range maxShiftHops {
		w, days, calendar := l.excluded.find(to)
		switch {
		case calendar == "":
			return to, true
		case days:
			to = l.sameTimeOn(w.to, to)
		default:
			to = w.to
		}
		if l.dayOf(to).Sub(l.dayOf(at)) > maxShiftDays*day {
			return at, false
		}
	}
	return at, false
}

// sameTimeOn returns the instant at which, on the day that begins at midnight, the clock shows what it
// shows at at.
func (l *Timeline) sameTimeOn(midnight, at time.Time) time.Time {
	reading := periodAt(at, l.plan.zone).reading(at)
	return resolve(l.dayOf(midnight).Add(reading.Sub(reading.Truncate(day))), l.plan.zone).at
}

// dayOf returns the local day of at, as the reading of its midnight.
func (l *Timeline) dayOf(at time.Time) time.Time {
	return periodAt(at, l.plan.zone).reading(at).Truncate(day)
}

// tooFar returns until when the times from at on, which are excluded and skipped, would go too far: they
// lie more than sixty days before the end of a window that holds them.
func (l *Timeline) tooFar(at time.Time) time.Time {
	w, _, _ := l.excluded.find(at)
	return resolve(l.dayOf(w.to).AddDate(0, 0, -maxShiftDays), l.plan.zone).at
}
