package scheduler

import (
	"cmp"
	"time"

	"github.com/ordinaut/ordinaut"
)

// ledger collects the rows of one task.
type ledger struct {
	namespace ordinaut.NamespaceID
	task      ordinaut.TaskID
	now       time.Time
	plan      *Plan
	rows      []ordinaut.Occurrence
	// closed counts the first rows that must not grow: what follows them does not lie beside them.
	closed int
}

// add appends count occurrences from first to last: to the row before when that says the same, so that a
// gap is one row.
func (l *ledger) add(first, last time.Time, count int, fate ordinaut.Fate, reason ordinaut.Reason) {
	if count == 0 || fate == "" {
		return
	}
	if n := len(l.rows); n > l.closed && fate != ordinaut.FateStarted && !l.rows[n-1].LastAt.After(first) {
		if before := &l.rows[n-1]; before.Fate == fate && before.Reason == reason {
			before.LastAt, before.Count = last, before.Count+count
			return
		}
	}
	l.rows = append(l.rows, ordinaut.Occurrence{
		NamespaceID: l.namespace, TaskID: l.task, Kind: ordinaut.RunScheduled,
		NominalAt: first, LastAt: last, Count: count,
		Fate: fate, Reason: reason, DecidedAt: l.now,
	})
}

// start appends what became of an occurrence that was to start.
func (l *ledger) start(s start) {
	if !s.outcome.started() {
		l.add(s.at, s.at, 1, s.outcome.fate, s.outcome.reason)
		return
	}
	reason := cmp.Or(s.outcome.reason, s.reason)
	if reason == "" && l.plan.rule.flag(s.at) == DSTGapShifted {
		reason = ordinaut.ReasonDSTGapShifted
	}
	l.add(s.at, s.at, 1, ordinaut.FateStarted, reason)
	row := &l.rows[len(l.rows)-1]
	row.RunID, row.DueAt, row.Buffered = ordinaut.NewRunID(), s.due, s.outcome.buffered
}

// write writes the rows of the phases, in order, given what of them starts. It stops at the start with
// which the schedule is exhausted: what follows are no occurrences any more.
func (s *settling) write(phases []phase, c *selection) {
	starts := c.starts
	for i := range phases {
		if len(starts) > 0 && starts[0].outcome.fate == "" || len(starts) == 0 && s.live.full() {
			return
		}
		at := &phases[i]
		switch {
		case s.paused && at.skipped:
			s.ledger.add(at.first, at.last, at.count, ordinaut.FateSkipped, s.pausedReason())
		case at.skipped:
			s.ledger.add(at.first, at.last, at.count, ordinaut.FateSkipped, at.reason)
		case at.joins:
			starts = s.writeJoined(at, starts, c)
		default:
			starts = s.writeOpen(at, starts, c)
		}
	}
}

// writeJoined writes a stretch that is due at one instant, and returns the starts that are left.
func (s *settling) writeJoined(at *phase, starts []start, c *selection) []start {
	together := outcome{fate: ordinaut.FateCoalesced, reason: at.reason}
	if c.joined || len(starts) == 0 || !starts[0].due.Equal(at.due) {
		together = c.without(at.due)
	}
	if len(starts) == 0 || !starts[0].at.Equal(at.last) {
		s.ledger.add(at.first, at.last, at.count, together.fate, together.reason)
		return starts
	}
	s.ledger.add(at.first, at.before, at.count-1, together.fate, together.reason)
	return s.writeStart(starts)
}

// writeOpen writes a stretch whose times are due each by itself, and returns the starts that are left.
func (s *settling) writeOpen(at *phase, starts []start, c *selection) []start {
	plan, first := s.line.plan, at.first
	if len(starts) == 0 || starts[0].at.After(at.last) {
		s.writeRest(first, at.last, at.count, c)
		return starts
	}
	if starts[0].at.After(first) {
		before := at.before
		if !starts[0].at.Equal(at.last) {
			before = plan.lastIn(first, starts[0].at.Add(-1))
		}
		s.writeRest(first, before, 1+plan.count(first, before), c)
	}
	for len(starts) > 0 && !starts[0].at.After(at.last) && starts[0].outcome.fate != "" {
		starts = s.writeStart(starts)
	}
	return starts
}

func (s *settling) writeStart(starts []start) []start {
	if starts[0].outcome.fate == "" {
		return starts
	}
	s.ledger.start(starts[0])
	return starts[1:]
}

// writeRest writes times that do not start: in two rows when only some of them are too late.
func (s *settling) writeRest(first, last time.Time, count int, c *selection) {
	early, late := c.without(s.line.verdict(first).due), c.without(s.line.verdict(last).due)
	if early == late {
		s.ledger.add(first, last, count, late.fate, late.reason)
		return
	}
	// The last that is too late is due before the limit; jitter may have one before the limit due after it.
	split := s.line.plan.lastIn(first, c.limit.Add(-1))
	if !s.line.verdict(split).due.Before(c.limit) {
		split = s.line.plan.lastIn(first, split.Add(-1))
	}
	n := 1 + s.line.plan.count(first, split)
	s.ledger.add(first, split, n, early.fate, early.reason)
	next, _ := s.line.plan.next(split)
	s.ledger.add(next, last, count-n, late.fate, late.reason)
}
