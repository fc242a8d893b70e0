package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// DecideResume says how a task that was paused goes on at now: what its schedule passed over is one
// row, skipped(paused), and the next time is the first after now. Pausing is a decision not to run, so
// nothing is caught up, with one exception: a once whose instant passed while the task was paused
// becomes due at once, if it is within its max_lateness and catch_up is latest. There is no later
// time for it, and who resumes it still wants it. Its row is then written by the tick that starts it.
//
// task.NextAt is the nominal time at which the task was paused; nil means that none was left. A
// schedule that cannot be read is left as it stands, as in a tick.
func DecideResume(now time.Time, task ordinaut.Task) ordinaut.Decision {
	decision := ordinaut.Decision{TaskID: task.ID, NextAt: task.NextAt, DueAt: task.NextAt}
	now = now.UTC()
	if task.NextAt == nil || task.NextAt.After(now) {
		return decision
	}
	plan, err := Compile(task.Spec.Schedule)
	if err != nil {
		return decision
	}
	decision.NextAt, decision.DueAt = nil, nil
	b := plan.backlog(task.NextAt.UTC(), now)
	if b.hasNext {
		decision.NextAt, decision.DueAt = &b.next, &b.next
	}
	if b.startsLate(now, task.Spec.Schedule) {
		decision.NextAt, decision.DueAt = &b.last, &b.last
		return decision
	}
	ledger := ledger{namespace: task.NamespaceID, task: task.ID, now: now}
	ledger.add(b.first, b.last, b.count, ordinaut.FateSkipped, ordinaut.ReasonPaused)
	decision.Occurrences = ledger.rows
	return decision
}

// startsLate reports whether b is a once that a resumed task still starts.
func (b backlog) startsLate(now time.Time, s ordinaut.Schedule) bool {
	return s.Kind == ordinaut.ScheduleOnce && s.CatchUp != ordinaut.CatchUpNone && now.Sub(b.last) <= maxLateness(s, b)
}
