package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/ordinaut/ordinaut"
)

// defaultCatchUp is how many runs catch_up all makes at once when the schedule does not say.
const defaultCatchUp = 10

// start is a nominal time that is to start.
type start struct {
	at, due time.Time
	reason  ordinaut.Reason
	outcome outcome
}

// refused reports whether overlap had the start skipped.
func (s start) refused() bool { return s.outcome.fate == ordinaut.FateSkipped }

// selection is what catch_up makes of what is due.
type selection struct {
	starts []start // in order: the latest of all that may start
	// tooLate is what becomes of a time that does not start and is due before limit, rest of one that is
	// due later.
	tooLate, rest outcome
	limit         time.Time
	// joined says that these also go for times that are due together with a start.
	joined bool
}

// without returns what becomes of a time that is due at due and does not start.
func (c *selection) without(due time.Time) outcome {
	if due.Before(c.limit) {
		return c.tooLate
	}
	return c.rest
}

// choose applies catch_up to the phases that are due.
func (s *settling) choose(phases []phase, catchUp ordinaut.CatchUp) selection {
	missed := s.missed(catchUp)
	c := selection{tooLate: missed, rest: missed, joined: s.paused}
	i := len(phases) - 1
	for i >= 0 && phases[i].skipped {
		i--
	}
	if i < 0 || s.paused && catchUp == ordinaut.CatchUpNone {
		return c
	}
	latest := &phases[i]
	c.limit = s.now.Add(-maxLateness(&s.task.Schedule, catchUp, latest))
	if latest.due.Before(c.limit) {
		return c
	}
	coalesced := outcome{fate: ordinaut.FateCoalesced, reason: ordinaut.ReasonCaughtUp}
	// To cancel what has only just begun would be for nothing: the latest stands in for all.
	if catchUp == ordinaut.CatchUpAll && s.live.overlap != ordinaut.OverlapCancelRunning {
		c.starts = s.line.latestStarts(phases[:i+1], c.limit, cmp.Or(s.task.MaxCatchUp, defaultCatchUp))
		coalesced.reason = ordinaut.ReasonCatchUpLimit
	} else {
		c.starts = append(s.one[:0], start{at: latest.last, due: latest.due, reason: latest.reason})
		missed = coalesced
	}
	if !s.paused && catchUp != ordinaut.CatchUpNone {
		c.tooLate, c.rest = missed, coalesced
	}
	return c
}

// latestStarts returns the latest most starts of the phases that are due at limit or later, in order.
func (l *Timeline) latestStarts(phases []phase, limit time.Time, most int) []start {
	var starts []start
	for i := len(phases) - 1; i >= 0 && len(starts) < most; i-- {
		s := phases[i]
		switch {
		case s.skipped:
			continue
		case s.due.Before(limit):
			return inOrder(starts)
		case len(starts) > 0 && s.due.Equal(starts[len(starts)-1].due):
			if !s.joins {
				starts = l.addTail(starts, s, limit, most, true)
			}
			continue
		case s.joins:
			starts = append(starts, start{at: s.last, due: s.due, reason: s.reason})
			continue
		}
		starts = l.addTail(starts, s, limit, most, false)
	}
	return inOrder(starts)
}

func inOrder(starts []start) []start {
	slices.Reverse(starts)
	return starts
}

// addTail adds the times of s, which are due each by itself, from the last on backwards; all but the last
// one when that is due together with a start that is selection already.
func (l *Timeline) addTail(starts []start, s phase, limit time.Time, most int, butLast bool) []start {
	tail := l.plan.tail(s, most-len(starts)+1)
	if butLast {
		tail = tail[:len(tail)-1]
	}
	for i := len(tail) - 1; i >= 0 && len(starts) < most; i-- {
		due := l.verdict(tail[i]).due
		if due.Before(limit) {
			break
		}
		starts = append(starts, start{at: tail[i], due: due})
	}
	return starts
}

// tail returns at least the last n times of s, in order; all, when it has fewer.
func (p *Plan) tail(s phase, n int) []time.Time {
	from, more := s.first, s.count-1 // how many of s are later than from
	for step := s.last.Sub(s.first); more > 2*n && step > time.Second; step /= 2 {
		probe := from.Add(step / 2)
		if left := p.count(probe, s.last); left >= n {
			from, more = probe, left
		}
	}
	var tail []time.Time
	if from.Equal(s.first) {
		tail = append(tail, from)
	}
	for at, ok := p.next(from); ok && !at.After(s.last); at, ok = p.next(at) {
		tail = append(tail, at)
	}
	return tail
}
