package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// maxResumed bounds how often a resumption looks at as much as a tick does.
const maxResumed = 100

// Resume says how a task that was paused goes on at now. Its catch_up, or catchUp when that is not empty,
// is applied to what its schedule passed over, as if no scheduler had been there: latest starts the
// latest of them that is not later than max_lateness, all the latest max_catch_up of those, none does
// not. What does not start is skipped(paused), unless overlap had it skipped. So a once whose instant
// passed meanwhile starts at once, if it is within its max_lateness.
//
// task.NextAt is the nominal time at which the task was paused; nil means that none was left. A
// schedule that cannot be read is left as it stands, as in a tick. The decision's Resumed is set.
func (d *Decider) Resume(now time.Time, task ordinaut.DueTask, catchUp ordinaut.CatchUp) ordinaut.Decision {
	var line Timeline
	if err := d.lay(&line, &task); err != nil {
		return ordinaut.Decision{TaskID: task.TaskID, NextAt: task.NextAt, DueAt: task.NextAt, Resumed: true}
	}
	if catchUp == "" {
		catchUp = task.CatchUp
	}
	if task.Kind == ordinaut.ScheduleCondition {
		return resumeProbe(now.UTC(), &task, &line, catchUp)
	}
	return resume(now.UTC(), &task, &line, catchUp)
}

func resume(now time.Time, task *ordinaut.DueTask, l *Timeline, catchUp ordinaut.CatchUp) ordinaut.Decision {
	var s settling
	s.begin(now, task, l)
	s.paused = true
	p := l.passed(nil, task.NextAt, now, maxPhases)
	for range maxResumed {
		if !p.unfinished {
			break
		}
		s.fallBehind(p.phases, catchUp)
		p = l.passed(nil, p.next, now, maxPhases)
	}
	if p.unfinished {
		s.startSnoozed(catchUp, false)
		s.fallBehind(p.phases, catchUp)
	} else {
		s.settle(p.phases, catchUp)
	}
	decision := s.decision(p)
	decision.Resumed = true
	return decision
}

// DecideResume is [Decider.Resume] for one task alone.
func DecideResume(now time.Time, task ordinaut.DueTask, catchUp ordinaut.CatchUp) ordinaut.Decision {
	return NewDecider(1).Resume(now, task, catchUp)
}
