package scheduler

import (
	"bytes"
	"time"

	"github.com/ordinaut/ordinaut"
)

// maxEventBuffer is how many runs of one task wait their turn at most when its overlap is buffer_all.
const maxEventBuffer = 1000

// decideEvents gives each judged event of each task its one fate. Several schedulers may do so for other
// events at once, each task being held by one of them.
func decideEvents(now time.Time, tasks []ordinaut.EventTask) []ordinaut.EventDecision {
	decisions := make([]ordinaut.EventDecision, len(tasks))
	for i := range tasks {
		e := eventful{now: now, task: &tasks[i]}
		e.decision = ordinaut.EventDecision{NamespaceID: tasks[i].NamespaceID, TaskID: tasks[i].TaskID, Held: tasks[i].Held}
		e.decide()
		decisions[i] = e.decision
	}
	return decisions
}

// eventful is one task with its events.
type eventful struct {
	now      time.Time
	task     *ordinaut.EventTask
	decision ordinaut.EventDecision
}

func (e *eventful) decide() {
	if held := e.decision.Held; held != nil && !held.DueAt.After(e.now) {
		e.decision.Held = nil
		e.release(held)
	}
	for i := range e.task.Matches {
		if m := &e.task.Matches[i]; !m.Void {
			e.meet(m)
		}
	}
	ended := e.task.EndsAt != nil && !e.now.Before(*e.task.EndsAt)
	e.decision.Finished = e.decision.Finished || ended && e.decision.Held == nil
}

// meet decides on one event.
func (e *eventful) meet(m *ordinaut.EventMatch) {
	switch {
	case e.exhausted():
		e.decision.Finished = true
	case m.Reason == ordinaut.ReasonTooLate:
		e.add(m.Event.ID, m.Event.At, ordinaut.FateMissed, m.Reason)
	case m.Reason != "":
		e.add(m.Event.ID, m.Event.At, ordinaut.FateSkipped, m.Reason)
	case m.Seen || e.repeated(m.Key):
		e.add(m.Event.ID, m.Event.At, ordinaut.FateSkipped, ordinaut.ReasonDeduplicated)
	default:
		if e.hold(m.Event) || e.start(m.Event.ID, m.Event.At, time.Time{}) {
			e.remember(m)
		}
	}
}

// hold puts the event off if the schedule debounces, and reports whether it did. Of two, the later is
// held, and the other is coalesced into it.
func (e *eventful) hold(event *ordinaut.Event) bool {
	if e.task.Rules == nil || e.task.Rules.Event == nil || e.task.Rules.Event.DebounceSeconds == 0 {
		return false
	}
	quiet := time.Duration(e.task.Rules.Event.DebounceSeconds) * time.Second
	fresh := &ordinaut.HeldEvent{TaskID: e.task.TaskID, EventID: event.ID, EventAt: event.At, FirstAt: e.now}
	if held := e.decision.Held; held != nil {
		fresh.FirstAt = held.FirstAt
		if event.At.Before(held.EventAt) {
			e.add(event.ID, event.At, ordinaut.FateCoalesced, ordinaut.ReasonDebounced)
			fresh.EventID, fresh.EventAt = held.EventID, held.EventAt
		} else {
			e.add(held.EventID, held.EventAt, ordinaut.FateCoalesced, ordinaut.ReasonDebounced)
		}
	}
	fresh.DueAt = e.now.Add(quiet)
	if latest := fresh.FirstAt.Add(debounceCap * quiet); fresh.DueAt.After(latest) {
		fresh.DueAt = latest
	}
	e.decision.Held = fresh
	return true
}

// release decides on an event whose burst is over.
func (e *eventful) release(held *ordinaut.HeldEvent) {
	switch {
	case e.task.State == ordinaut.TaskDeleted:
		e.add(held.EventID, held.EventAt, ordinaut.FateSkipped, ordinaut.ReasonTaskDeleted)
	case e.task.State == ordinaut.TaskPaused:
		e.add(held.EventID, held.EventAt, ordinaut.FateSkipped, pausedReason(e.task))
	case e.task.State == ordinaut.TaskFinished, e.exhausted():
	default:
		e.start(held.EventID, held.EventAt, held.DueAt)
	}
}

// start applies the overlap policy and reports whether a run is made.
func (e *eventful) start(event ordinaut.EventID, at, due time.Time) bool {
	t := e.task
	buffered := false
	if t.Busy {
		switch t.Overlap {
		case ordinaut.OverlapBufferOne:
			buffered = t.Buffered == 0
		case ordinaut.OverlapBufferAll:
			buffered = t.Buffered < maxEventBuffer
		case ordinaut.OverlapCancelRunning:
			buffered = e.supersede()
		case ordinaut.OverlapAllow, ordinaut.OverlapSkip:
		}
		if !buffered && t.Busy && t.Overlap != ordinaut.OverlapAllow {
			e.add(event, at, ordinaut.FateSkipped, ordinaut.ReasonOverlap)
			return false
		}
	}
	e.add(event, at, ordinaut.FateStarted, "")
	row := &e.decision.Occurrences[len(e.decision.Occurrences)-1]
	row.RunID, row.DueAt, row.Buffered = ordinaut.NewRunID(), due, buffered
	t.Busy = t.Overlap != ordinaut.OverlapAllow
	if buffered {
		t.Buffered++
	}
	t.RunsStarted++
	e.decision.Finished = e.exhausted()
	return true
}

// supersede makes way for a run: the one that this decision was to start is not made, live ones are
// canceled. It reports whether the new run must wait for those to end.
func (e *eventful) supersede() (wait bool) {
	for i := range e.decision.Occurrences {
		o := &e.decision.Occurrences[i]
		if o.Fate != ordinaut.FateStarted {
			continue
		}
		wait = o.Buffered
		o.Fate, o.Reason, o.RunID, o.Buffered = ordinaut.FateCoalesced, ordinaut.ReasonOverlap, ordinaut.RunID{}, false
		e.task.RunsStarted--
		e.task.Busy = wait
		return wait
	}
	e.decision.CancelRunning = true
	return true
}

func (e *eventful) exhausted() bool {
	return e.task.MaxRuns > 0 && e.task.RunsStarted >= e.task.MaxRuns
}

func (e *eventful) repeated(key []byte) bool {
	for i := range e.decision.Keys {
		if len(key) > 0 && bytes.Equal(e.decision.Keys[i].Key, key) {
			return true
		}
	}
	return false
}

func (e *eventful) remember(m *ordinaut.EventMatch) {
	if len(m.Key) == 0 {
		return
	}
	e.decision.Keys = append(e.decision.Keys, ordinaut.EventKey{
		Key: m.Key, EventID: m.Event.ID, Until: e.now.Add(dedupeWindow(e.task.Rules.Event)),
	})
}

func (e *eventful) add(event ordinaut.EventID, at time.Time, fate ordinaut.Fate, reason ordinaut.Reason) {
	e.decision.Occurrences = append(e.decision.Occurrences, ordinaut.Occurrence{
		NamespaceID: e.task.NamespaceID, TaskID: e.task.TaskID, Kind: ordinaut.RunEvent, NominalAt: at, LastAt: at, Count: 1,
		Fate: fate, Reason: reason, EventID: event, DecidedAt: e.now,
	})
}
