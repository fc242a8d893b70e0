package scheduler

import (
	"math"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// defaultLateness caps how late an occurrence starts when its schedule does not say.
	defaultLateness = time.Hour
	// onTime is the lateness that catch_up none still takes for punctual.
	onTime = 10 * time.Second
)

// A Decider turns due tasks into fates. It remembers plans, so that a tick does not read the same
// expressions again. It is safe for concurrent use.
type Decider struct{ plans *plans }

// NewDecider returns a Decider that remembers up to size plans.
func NewDecider(size int) *Decider { return &Decider{plans: newPlans(size)} }

// Undecided is a due task whose schedule this process cannot read: its kind is newer than the
// program, or its zone has gone. Its decision leaves it due as it stands, for a process that can.
type Undecided struct {
	TaskID ordinaut.TaskID
	Err    error
}

// Decide gives every nominal time of the due tasks up to now its one fate, and each task its next
// nominal time, which is later than now. Times that are due together have one start at most:
//
//   - the latest starts when it is not later than max_lateness, and the others are coalesced into it
//     (catch_up latest) or missed (none, which without a max_lateness also takes no latest that is
//     over ten seconds late);
//   - when the latest is too late, all are missed;
//   - when a run of the task is live and overlap is skip, all are skipped.
//
// Times that share a fate and lie side by side are one row with a count. There is a decision for each
// task; those of the undecided change nothing.
func (d *Decider) Decide(now time.Time, due []ordinaut.DueTask) ([]ordinaut.Decision, []Undecided) {
	decisions := make([]ordinaut.Decision, 0, len(due))
	var undecided []Undecided
	for i := range due {
		plan, err := d.plans.get(due[i].Schedule)
		if err != nil {
			undecided = append(undecided, Undecided{TaskID: due[i].TaskID, Err: err})
			decisions = append(decisions, unchanged(&due[i]))
			continue
		}
		decisions = append(decisions, decide(now.UTC(), &due[i], plan))
	}
	return decisions, undecided
}

// unchanged leaves a task due as it stands.
func unchanged(task *ordinaut.DueTask) ordinaut.Decision {
	return ordinaut.Decision{TaskID: task.TaskID, NextAt: task.NextAt, DueAt: &task.DueAt}
}

func decide(now time.Time, task *ordinaut.DueTask, plan *Plan) ordinaut.Decision {
	decision := ordinaut.Decision{TaskID: task.TaskID}
	if task.NextAt == nil || task.NextAt.After(now) {
		decision.NextAt, decision.DueAt = task.NextAt, task.NextAt
		return decision
	}
	b := plan.backlog(task.NextAt.UTC(), now)
	if b.hasNext {
		decision.NextAt, decision.DueAt = &b.next, &b.next
	}
	ledger := ledger{namespace: task.NamespaceID, task: task.TaskID, now: now}
	tooLate := now.Sub(b.last) > maxLateness(task.Schedule, b)
	switch {
	case tooLate && task.CatchUp == ordinaut.CatchUpNone:
		ledger.add(b.first, b.last, b.count, ordinaut.FateMissed, ordinaut.ReasonSchedulerDown)
	case tooLate:
		ledger.add(b.first, b.last, b.count, ordinaut.FateMissed, ordinaut.ReasonTooLate)
	case task.Busy && task.Overlap != ordinaut.OverlapAllow:
		ledger.add(b.first, b.last, b.count, ordinaut.FateSkipped, ordinaut.ReasonOverlap)
	case task.CatchUp == ordinaut.CatchUpNone:
		ledger.add(b.first, b.before, b.count-1, ordinaut.FateMissed, ordinaut.ReasonSchedulerDown)
		ledger.start(b.last, plan.rule.flag(b.last))
	default:
		ledger.add(b.first, b.before, b.count-1, ordinaut.FateCoalesced, ordinaut.ReasonCaughtUp)
		ledger.start(b.last, plan.rule.flag(b.last))
	}
	decision.Occurrences = ledger.rows
	return decision
}

// backlog is the nominal times from first to now, and the one that follows.
type backlog struct {
	first, before, last time.Time // before is the last but one, when count is above one
	count               int
	next                time.Time
	hasNext             bool
}

func (p *Plan) backlog(first, now time.Time) backlog {
	b := backlog{first: first, last: first, count: 1}
	b.next, b.hasNext = p.Next(first)
	if !b.hasNext || b.next.After(now) {
		return b
	}
	b.last, b.before = p.latest(first, now)
	b.count = min(1+p.count(first, b.last), math.MaxInt32)
	b.next, b.hasNext = p.Next(b.last)
	return b
}

// maxLateness returns how late the last of a backlog may start: as the schedule says, else the
// smaller of its period and an hour. A once has a day.
func maxLateness(s ordinaut.Schedule, b backlog) time.Duration {
	if s.MaxLatenessSeconds > 0 {
		return time.Duration(s.MaxLatenessSeconds) * time.Second
	}
	limit := defaultLateness
	switch {
	case s.Kind == ordinaut.ScheduleOnce:
		limit = oncePast
	case b.hasNext:
		limit = min(limit, b.next.Sub(b.last))
	}
	if s.CatchUp == ordinaut.CatchUpNone {
		return min(limit, onTime)
	}
	return limit
}

// ledger collects the rows of one task.
type ledger struct {
	namespace ordinaut.NamespaceID
	task      ordinaut.TaskID
	now       time.Time
	rows      []ordinaut.Occurrence
}

// add appends one row for count occurrences from first to last; none for none.
func (l *ledger) add(first, last time.Time, count int, fate ordinaut.Fate, reason ordinaut.Reason) {
	if count == 0 {
		return
	}
	l.rows = append(l.rows, ordinaut.Occurrence{
		NamespaceID: l.namespace, TaskID: l.task, Kind: ordinaut.RunScheduled,
		NominalAt: first, LastAt: last, Count: count,
		Fate: fate, Reason: reason, DecidedAt: l.now,
	})
}

func (l *ledger) start(at time.Time, dst DST) {
	reason := ordinaut.Reason("")
	if dst == DSTGapShifted {
		reason = ordinaut.ReasonDSTGapShifted
	}
	l.add(at, at, 1, ordinaut.FateStarted, reason)
	l.rows[len(l.rows)-1].RunID = ordinaut.NewRunID()
}
