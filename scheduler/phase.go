package scheduler

import (
	"math"
	"time"
)

// phase is neighbouring nominal times with the same verdict, and the one that follows them.
type phase struct {
	first, before, last time.Time // before is the last but one, when count is above one
	count               int
	next                time.Time
	hasNext             bool
	verdict             // of last
}

// phase returns the nominal times from first on that share its verdict and are not later than through,
// as far as one glance at the policies tells. first itself is always among them.
func (l *Timeline) phase(first, through time.Time) phase {
	if l.plain() {
		s := l.plan.phase(first, through)
		s.due = s.last
		return s
	}
	v := l.verdict(first)
	through = l.glance(first, through, v)
	s := l.plan.phase(first, through)
	s.verdict = v
	if s.count == 1 {
		return s
	}
	// Between two edges nothing but jitter makes a difference, and that only for the last.
	if last := l.verdict(s.last); last.same(v) {
		s.verdict = last
		return s
	}
	s.next, s.hasNext = s.last, true
	s.last, s.count = s.before, s.count-1
	if s.count > 1 {
		s.before = l.plan.lastIn(first, s.last.Add(-1))
	}
	s.verdict = l.verdict(s.last)
	return s
}

// glance returns until when, at most through, v holds for the nominal times from first on. Shifted times
// are looked at one by one.
func (l *Timeline) glance(first, through time.Time, v verdict) time.Time {
	if v.calendar != "" && l.shifts {
		far := l.tooFar(first)
		if !v.skipped || !far.After(first) {
			return first
		}
		through = earlierOf(through, far.Add(-1))
	}
	if edge, ok := l.edge(first); ok {
		through = earlierOf(through, edge.Add(-1))
	}
	return latestOf(through, first)
}

func earlierOf(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// phase returns the nominal times from first, which is one, through through.
func (p *Plan) phase(first, through time.Time) phase {
	s := phase{first: first, last: first, count: 1}
	s.next, s.hasNext = p.Next(first)
	if !s.hasNext || s.next.After(through) {
		return s
	}
	s.last, s.before = p.latest(first, through)
	s.count = min(1+p.count(first, s.last), math.MaxInt32)
	s.next, s.hasNext = p.Next(s.last)
	return s
}
