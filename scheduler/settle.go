package scheduler

import (
	"cmp"
	"time"

	"github.com/ordinaut/ordinaut"
)

// settling is the way to the decision on one task.
type settling struct {
	now    time.Time
	task   *ordinaut.DueTask
	line   *Timeline
	ledger ledger
	live   live
	// paused says that what passed did so in a pause: what does not start was skipped for that.
	paused     bool
	snoozeOver bool
	// room and one spare the usual case an allocation.
	room [1]phase
	one  [1]start
}

// begin makes s that of another task.
func (s *settling) begin(now time.Time, task *ordinaut.DueTask, l *Timeline) {
	*s = settling{
		now: now, task: task, line: l, live: newLive(task),
		ledger: ledger{namespace: task.NamespaceID, task: task.TaskID, now: now, plan: l.plan},
	}
}

// settle gives each time of the phases, which are all that is due, its fate.
func (s *settling) settle(phases []phase, catchUp ordinaut.CatchUp) {
	selection := s.choose(phases, catchUp)
	s.startSnoozed(catchUp, len(selection.starts) > 0)
	if s.live.full() {
		return
	}
	for i := range selection.starts {
		selection.starts[i].outcome = s.live.admit()
	}
	if n := len(selection.starts); n == 1 && catchUp != ordinaut.CatchUpAll && selection.starts[0].refused() {
		// The others would have been coalesced into what does not start.
		o := selection.starts[0].outcome
		selection.tooLate, selection.rest, selection.joined = o, o, true
	}
	s.write(phases, &selection)
}

// startSnoozed gives a snoozed occurrence that is due its fate. It comes before what became due by itself:
// followed says that some of that is to start.
func (s *settling) startSnoozed(catchUp ordinaut.CatchUp, followed bool) {
	t := s.task
	if t.SnoozedAt == nil || t.SnoozedUntil == nil || t.SnoozedUntil.After(s.now) {
		return
	}
	followed = followed && !s.live.kept()
	s.snoozeOver, s.live.snoozed = true, false
	defer func() { s.ledger.closed = len(s.ledger.rows) }()
	at := t.SnoozedAt.UTC()
	period := s.line.plan.phase(at, at)
	if s.now.Sub(*t.SnoozedUntil) > maxLateness(&t.Schedule, catchUp, &period) || s.paused && catchUp == ordinaut.CatchUpNone {
		o := s.missed(catchUp)
		s.ledger.add(at, at, 1, o.fate, o.reason)
		return
	}
	if followed && s.live.overlap == ordinaut.OverlapCancelRunning {
		// To cancel what has only just begun would be for nothing.
		s.ledger.add(at, at, 1, ordinaut.FateCoalesced, ordinaut.ReasonCaughtUp)
		return
	}
	o := s.live.admit()
	if !o.started() {
		s.ledger.add(at, at, 1, o.fate, o.reason)
		return
	}
	s.ledger.start(start{at: at, due: t.SnoozedUntil.UTC(), reason: ordinaut.ReasonSnoozed, outcome: o})
}

// fallBehind settles phases of which none starts, because others follow that are due too: a long time
// is told in one row.
func (s *settling) fallBehind(phases []phase, catchUp ordinaut.CatchUp) {
	if s.live.full() {
		return
	}
	count, last := 0, &phases[len(phases)-1]
	for i := range phases {
		count += phases[i].count
	}
	o := outcome{fate: ordinaut.FateCoalesced, reason: ordinaut.ReasonCaughtUp}
	switch {
	case s.paused, catchUp == ordinaut.CatchUpNone, s.now.Sub(last.due) > maxLateness(&s.task.Schedule, catchUp, last):
		o = s.missed(catchUp)
	case catchUp == ordinaut.CatchUpAll:
		o.reason = ordinaut.ReasonCatchUpLimit
	}
	s.ledger.add(phases[0].first, last.last, count, o.fate, o.reason)
}

// missed is the outcome of what passed without a start.
func (s *settling) missed(catchUp ordinaut.CatchUp) outcome {
	switch {
	case s.paused:
		return outcome{fate: ordinaut.FateSkipped, reason: s.pausedReason()}
	case catchUp == ordinaut.CatchUpNone:
		return outcome{fate: ordinaut.FateMissed, reason: ordinaut.ReasonSchedulerDown}
	default:
		return outcome{fate: ordinaut.FateMissed, reason: ordinaut.ReasonTooLate}
	}
}

// pausedReason is why the task was paused.
func (s *settling) pausedReason() ordinaut.Reason {
	return cmp.Or(s.task.PausedReason, ordinaut.ReasonPaused)
}

// decision is what the store is to do.
func (s *settling) decision(p passed) ordinaut.Decision {
	d := ordinaut.Decision{
		TaskID: s.task.TaskID, Occurrences: s.ledger.rows, CancelRunning: s.live.cancels, SnoozeOver: s.snoozeOver,
	}
	if s.live.kept() {
		p = passed{next: s.unwritten()}
	}
	if p.next != nil && !s.live.exhausted() {
		next := s.revised(p.next)
		d.NextAt = next
		switch {
		case s.live.kept():
		case p.unfinished:
			now := s.now
			d.DueAt = &now
		case next != nil && s.line.plain():
			d.DueAt = next
		case next != nil:
			due := s.line.verdict(*next).due
			d.DueAt = &due
		}
	}
	if !s.snoozeOver && s.task.SnoozedUntil != nil && (d.DueAt == nil || s.task.SnoozedUntil.Before(*d.DueAt)) {
		d.DueAt = s.task.SnoozedUntil
	}
	return d
}

// unwritten returns the first nominal time that the rows do not tell of.
func (s *settling) unwritten() *time.Time {
	n := len(s.ledger.rows)
	if n == 0 || s.task.NextAt == nil {
		return s.task.NextAt
	}
	if next, ok := s.line.plan.next(s.ledger.rows[n-1].LastAt); ok {
		return &next
	}
	return nil
}

// revised returns the nominal time to wait for when next was to be that: another one when it lies ahead
// and the plan has changed, as by a release of the time zones.
func (s *settling) revised(next *time.Time) *time.Time {
	if !next.After(s.now) || s.task.NextAt == nil || !next.Equal(*s.task.NextAt) {
		return next
	}
	plan := s.line.plan
	if still, ok := plan.next(next.Add(-time.Microsecond)); ok && still.Equal(*next) {
		return next
	}
	after := s.now
	if s.task.SnoozedAt != nil {
		after = latestOf(after, *s.task.SnoozedAt)
	}
	if at, ok := plan.Next(after); ok {
		return &at
	}
	return nil
}
