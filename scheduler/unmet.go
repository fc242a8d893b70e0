package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// Unmet returns the rows of the nominal times that a task has had by now and that have met no fate, when
// its schedule goes: they were put off, or no scheduler has come to them. They are skipped for why, those
// of a paused task for the pause. Times from next on, with which the schedule that follows begins, are that
// one's; nil when it has none.
func Unmet(now time.Time, task ordinaut.DueTask, next *time.Time, why ordinaut.Reason) []ordinaut.Occurrence {
	plan, err := Compile(task.Schedule)
	if err != nil {
		return nil // of a newer program, or its zone has gone: nobody here knows its times
	}
	s := settling{
		task: &task, ledger: ledger{namespace: task.NamespaceID, task: task.TaskID, now: now.UTC(), plan: plan},
	}
	if task.State == ordinaut.TaskPaused {
		why = s.pausedReason()
	}
	through := now.UTC()
	if next != nil {
		through = earlierOf(through, next.UTC().Add(-1))
	}
	if at := task.SnoozedAt; at != nil && !at.After(through) {
		s.ledger.add(at.UTC(), at.UTC(), 1, ordinaut.FateSkipped, why)
		s.ledger.closed = len(s.ledger.rows)
	}
	if at := task.NextAt; at != nil && !at.After(through) {
		passed := plan.phase(at.UTC(), through)
		s.ledger.add(passed.first, passed.last, passed.count, ordinaut.FateSkipped, why)
	}
	if task.Kind == ordinaut.ScheduleCondition {
		for i := range s.ledger.rows {
			s.ledger.rows[i].Kind = ordinaut.RunProbe
		}
	}
	return s.ledger.rows
}
