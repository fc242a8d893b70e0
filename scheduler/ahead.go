package scheduler

import (
	"slices"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Ahead returns what lies ahead of task at now, as [Timeline.Preview] does, up to and including the nth
// that starts; for a condition, the nth probe. It begins with the task's next nominal time if that is
// still to come, although it may be earlier than now: one that quiet hours put off, or a once that is
// late. max_runs cuts it short, and an occurrence that was snoozed stands where it is due. A task that is
// not active has nothing ahead.
//
// For a task that does not exist yet, as in a preview, NextAt is [Plan.First].
func (l *Timeline) Ahead(task *ordinaut.Task, now time.Time, n int) []Fire {
	if task.State != ordinaut.TaskActive {
		return nil
	}
	if s := &task.Spec.Schedule; s.MaxRuns > 0 && s.Kind != ordinaut.ScheduleCondition {
		n = min(n, max(0, s.MaxRuns-task.RunsStarted))
	}
	var fires []Fire
	if task.NextAt != nil {
		fires = l.Preview(l.before(*task.NextAt, now), n)
	}
	if task.SnoozedAt != nil && task.SnoozedUntil != nil {
		fires = l.insertSnoozed(fires, *task.SnoozedAt, *task.SnoozedUntil)
	}
	return cutStarts(fires, n)
}

// before returns the instant after which the times ahead are, when next is the first of them.
func (l *Timeline) before(next, now time.Time) time.Time {
	if _, isOnce := l.plan.rule.(once); isOnce || next.After(now) || l.Verdict(next).Due.After(now) {
		return next.Add(-1)
	}
	return now // what is overdue is for the scheduler, which is about to decide on it
}

// insertSnoozed puts the occurrence of the nominal time at, snoozed until until, in its place.
func (l *Timeline) insertSnoozed(fires []Fire, at, until time.Time) []Fire {
	f := l.fire(at, verdict{due: until, reason: ordinaut.ReasonSnoozed})
	i := slices.IndexFunc(fires, func(o Fire) bool { return o.Fate == ordinaut.FateStarted && o.Due.After(until) })
	if i < 0 {
		i = len(fires)
	}
	return slices.Insert(fires, i, f)
}

// cutStarts returns fires through the nth that starts.
func cutStarts(fires []Fire, n int) []Fire {
	for i, f := range fires {
		if f.Fate != ordinaut.FateStarted {
			continue
		}
		if n--; n == 0 {
			return fires[:i+1]
		}
	}
	return fires
}
