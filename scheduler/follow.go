package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// Follow returns the nominal time that comes after the occurrence which a snooze of task moves, and when
// that is due; nil when there is none, or when no run is left for it as long as the snooze lasts. The occurrence is the one that is snoozed already, else the next.
func Follow(task ordinaut.DueTask) (nextAt, dueAt *time.Time, err error) {
	line, err := NewTimeline(task.Schedule, task.TaskID, task.Calendars, task.AgentQuiet)
	if err != nil || task.NextAt == nil {
		return nil, nil, err
	}
	next := task.NextAt.UTC()
	if task.SnoozedAt == nil {
		var ok bool
		if next, ok = line.plan.Next(next); !ok {
			return nil, nil, nil
		}
	}
	if task.MaxRuns > 0 && task.MaxRuns-task.RunsStarted == 1 {
		return &next, nil, nil // the last run is kept for the snoozed occurrence
	}
	due := line.Verdict(next).Due
	return &next, &due, nil
}
