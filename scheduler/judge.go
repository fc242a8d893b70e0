package scheduler

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/ordinaut/ordinaut"
)

// maxExpressions bounds the compiled expressions that are remembered; when there are more, it starts anew.
const maxExpressions = 4096

// Expression is a compiled filter or dedupe_by. It returns its value for an event, and whether that
// counts as true. It may be called concurrently.
type Expression func(event map[string]any) (value any, holds bool, err error)

// judge tells what each event is to each task by itself: whether it is an occurrence of the task, and
// whether it starts nothing whatever else there is.
type judge struct {
	compile func(source string) (Expression, error)
	// known holds what was compiled, by source; only used by Run's goroutine.
	known map[string]Expression
}

// events judges the matches of tasks.
func (j *judge) events(now time.Time, tasks []ordinaut.EventTask) {
	views := map[ordinaut.EventID]map[string]any{}
	for i := range tasks {
		for n := range tasks[i].Matches {
			j.event(now, &tasks[i], &tasks[i].Matches[n], views)
		}
	}
}

func (j *judge) event(now time.Time, task *ordinaut.EventTask, m *ordinaut.EventMatch, views map[ordinaut.EventID]map[string]any) {
	if m.Void = outside(task, m.Event); m.Void {
		return
	}
	trigger := ordinaut.EventTrigger{}
	if task.Rules != nil && task.Rules.Event != nil {
		trigger = *task.Rules.Event
	}
	if trigger.Filter != "" {
		_, holds, err := j.eval(trigger.Filter, m.Event, views)
		if err != nil {
			m.Reason = ordinaut.ReasonFilterError
			return
		}
		if m.Void = !holds; m.Void {
			return
		}
	}
	switch {
	case m.Event.Hops > ordinaut.MaxHops:
		m.Reason = ordinaut.ReasonEventLoop
	case task.State == ordinaut.TaskPaused:
		m.Reason = pausedReason(task)
	case task.MaxLatenessSeconds > 0 && now.Sub(m.Event.At) > time.Duration(task.MaxLatenessSeconds)*time.Second:
		m.Reason = ordinaut.ReasonTooLate
	case trigger.DedupeBy != "":
		value, _, err := j.eval(trigger.DedupeBy, m.Event, views)
		if err != nil {
			m.Reason = ordinaut.ReasonFilterError
			return
		}
		m.Key = digest(value)
	}
}

// outside reports whether the schedule is not there for the event: before it starts, after it ends, or
// because the task is younger. Clocks of publishers may differ by a moment.
func outside(task *ordinaut.EventTask, e *ordinaut.Event) bool {
	return task.StartsAt != nil && e.At.Before(*task.StartsAt) || task.EndsAt != nil && !e.At.Before(*task.EndsAt) ||
		e.At.Add(time.Second).Before(task.CreatedAt)
}

func pausedReason(task *ordinaut.EventTask) ordinaut.Reason {
	if task.PausedReason == "" {
		return ordinaut.ReasonPaused
	}
	return task.PausedReason
}

func (j *judge) eval(source string, e *ordinaut.Event, views map[ordinaut.EventID]map[string]any) (any, bool, error) {
	x, ok := j.known[source]
	if !ok {
		var err error
		if x, err = j.compile(source); err != nil {
			return nil, false, err
		}
		if len(j.known) >= maxExpressions || j.known == nil {
			j.known = map[string]Expression{}
		}
		j.known[source] = x
	}
	view, ok := views[e.ID]
	if !ok {
		var err error
		if view, err = e.View(); err != nil {
			return nil, false, err
		}
		views[e.ID] = view
	}
	return x(view)
}

// digest returns what stands for a value of dedupe_by; nothing for null, which no event repeats.
func digest(value any) []byte {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value) // sorts the keys of objects
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(text)
	return sum[:]
}
