package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// PastTimes is what a task's schedule amounted to in a stretch of time.
type PastTimes struct {
	// Starts are the nominal times that policy would have started.
	Starts []time.Time
	// Excluded counts those that calendars or quiet hours would have skipped or drawn together.
	Excluded int
	// More is the first nominal time beyond the limit; nil when the stretch was read to its end.
	More *time.Time
}

// Past returns the nominal times of task from from on and before until, the first limit of them. It
// returns an invalid_argument [ordinaut.Error] for a schedule that it cannot read.
func Past(task ordinaut.DueTask, from, until time.Time, limit int) (PastTimes, error) {
	line, err := NewTimeline(task.Schedule, task.TaskID, task.Calendars, task.AgentQuiet)
	if err != nil {
		return PastTimes{}, err
	}
	var past PastTimes
	for i, fire := range line.Between(from.Add(-1), until.Add(-1), limit+1) {
		switch {
		case i == limit:
			past.More = &fire.UTC
		case fire.Fate == ordinaut.FateStarted:
			past.Starts = append(past.Starts, fire.UTC)
		default:
			past.Excluded++
		}
	}
	return past, nil
}
