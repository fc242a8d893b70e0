package scheduler

import (
	"bytes"
	"cmp"
	"math"
	"time"

	"github.com/ordinaut/ordinaut"
)

// decideEvents gives each judged event of each task its one fate. Several schedulers may do so for other
// events at once, each task being held by one of them. A task whose quiet hours cannot be read has none,
// and is among the undecided.
func (d *Decider) decideEvents(now time.Time, tasks []ordinaut.EventTask) ([]ordinaut.EventDecision, []Undecided) {
	decisions := make([]ordinaut.EventDecision, len(tasks))
	var undecided []Undecided
	for i := range tasks {
		e := newEventful(now, &tasks[i])
		line, err := d.timeline(tasks[i].Schedule, tasks[i].TaskID, nil, tasks[i].AgentQuiet)
		if err != nil {
			undecided = append(undecided, Undecided{TaskID: tasks[i].TaskID, Err: err})
		} else {
			e.quiet = line.quiet
		}
		e.decide()
		decisions[i] = e.decision
	}
	return decisions, undecided
}

// eventful is one task with its events.
type eventful struct {
	now      time.Time
	task     *ordinaut.EventTask
	trigger  ordinaut.EventTrigger
	quiet    quiets
	live     live
	decision ordinaut.EventDecision
}

func newEventful(now time.Time, task *ordinaut.EventTask) *eventful {
	e := &eventful{now: now, task: task}
	e.decision = ordinaut.EventDecision{NamespaceID: task.NamespaceID, TaskID: task.TaskID, Held: task.Held}
	e.live = live{overlap: task.Overlap, busy: task.Busy, buffered: task.Buffered, left: math.MaxInt}
	if task.MaxRuns > 0 {
		e.live.left = task.MaxRuns - task.RunsStarted
	}
	if task.Rules != nil && task.Rules.Event != nil {
		e.trigger = *task.Rules.Event
	}
	return e
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
	e.decision.Finished = e.live.exhausted() && e.task.Kind == ordinaut.ScheduleEvent
	e.decision.CancelRunning = e.live.cancels
}

// meet decides on one event.
func (e *eventful) meet(m *ordinaut.EventMatch) {
	id, at := m.Event.ID, m.Event.At
	switch {
	case e.live.exhausted(): // it is no occurrence any more
	case m.Reason == ordinaut.ReasonTooLate:
		e.add(id, at, ordinaut.FateMissed, m.Reason)
	case m.Reason != "":
		e.add(id, at, ordinaut.FateSkipped, m.Reason)
	case m.Seen || e.repeated(m.Key):
		e.add(id, at, ordinaut.FateSkipped, ordinaut.ReasonDeduplicated)
	case e.trigger.DebounceSeconds > 0:
		e.debounce(id, at)
		e.remember(m)
	case e.pass(id, at, time.Time{}, e.now) || e.start(id, at, time.Time{}, ""):
		e.remember(m)
	}
}

// debounce holds the event until none has come for so long, but not for ever.
func (e *eventful) debounce(id ordinaut.EventID, at time.Time) {
	wait := time.Duration(e.trigger.DebounceSeconds) * time.Second
	first := e.now
	if e.decision.Held != nil {
		first = e.decision.Held.FirstAt
	}
	due := e.now.Add(wait)
	if latest := first.Add(debounceCap * wait); due.After(latest) {
		due = latest
	}
	e.hold(id, at, first, due, ordinaut.ReasonDebounced)
}

// pass obeys quiet hours, and reports whether they keep the event for now: it is skipped, or held until
// they end.
func (e *eventful) pass(id ordinaut.EventID, at, first, when time.Time) (kept bool) {
	_, held, dropped := e.quiet.end(when)
	if !held {
		return false
	}
	until, ok := e.quiet.pass(when)
	if dropped || !ok {
		e.add(id, at, ordinaut.FateSkipped, ordinaut.ReasonQuietHours)
		return true
	}
	if first.IsZero() {
		first = e.now
	}
	e.hold(id, at, first, until, ordinaut.ReasonQuietHours)
	return true
}

// hold puts the event off. Of two, the later is held, and the other is coalesced into it.
func (e *eventful) hold(id ordinaut.EventID, at, first, due time.Time, why ordinaut.Reason) {
	if held := e.decision.Held; held != nil {
		if at.Before(held.EventAt) {
			e.add(id, at, ordinaut.FateCoalesced, why)
			id, at = held.EventID, held.EventAt
		} else {
			e.add(held.EventID, held.EventAt, ordinaut.FateCoalesced, why)
		}
	}
	e.decision.Held = &ordinaut.HeldEvent{TaskID: e.task.TaskID, EventID: id, EventAt: at, FirstAt: first, DueAt: due}
}

// release decides on a held event whose time has come.
func (e *eventful) release(held *ordinaut.HeldEvent) {
	switch {
	case e.task.State == ordinaut.TaskDeleted:
		e.add(held.EventID, held.EventAt, ordinaut.FateSkipped, ordinaut.ReasonTaskDeleted)
	case e.task.State == ordinaut.TaskPaused:
		e.add(held.EventID, held.EventAt, ordinaut.FateSkipped, pausedReason(e.task))
	case e.task.Kind != ordinaut.ScheduleEvent, e.task.State == ordinaut.TaskFinished, e.live.exhausted():
		e.add(held.EventID, held.EventAt, ordinaut.FateSkipped, ordinaut.ReasonScheduleChanged)
	case e.pass(held.EventID, held.EventAt, held.FirstAt, e.now):
	default:
		e.start(held.EventID, held.EventAt, held.DueAt, e.heldBy(held))
	}
}

// heldBy returns the reason of a start that was put off: a burst is part of the schedule and needs none.
func (e *eventful) heldBy(held *ordinaut.HeldEvent) ordinaut.Reason {
	longest := debounceCap * time.Duration(e.trigger.DebounceSeconds) * time.Second
	if held.DueAt.After(held.FirstAt.Add(longest)) {
		return ordinaut.ReasonQuietHours
	}
	return ""
}

// start applies the overlap policy and reports whether a run is made.
func (e *eventful) start(id ordinaut.EventID, at, due time.Time, why ordinaut.Reason) bool {
	if e.task.Overlap == ordinaut.OverlapCancelRunning {
		e.supersede()
	}
	o := e.live.admit()
	if o.fate == "" {
		return false
	}
	e.add(id, at, o.fate, cmp.Or(o.reason, why))
	if !o.started() {
		return false
	}
	row := &e.decision.Occurrences[len(e.decision.Occurrences)-1]
	row.RunID, row.DueAt, row.Buffered = ordinaut.NewRunID(), due, o.buffered
	return true
}

// supersede takes back the run that this decision was to start, so that a later one takes its place.
func (e *eventful) supersede() {
	for i := range e.decision.Occurrences {
		o := &e.decision.Occurrences[i]
		if o.Fate != ordinaut.FateStarted {
			continue
		}
		e.live.busy = o.Buffered
		if e.task.MaxRuns > 0 {
			e.live.left++
		}
		o.Fate, o.Reason, o.RunID, o.Buffered = ordinaut.FateCoalesced, ordinaut.ReasonOverlap, ordinaut.RunID{}, false
	}
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
		Key: m.Key, EventID: m.Event.ID, Until: e.now.Add(dedupeWindow(&e.trigger)),
	})
}

func (e *eventful) add(event ordinaut.EventID, at time.Time, fate ordinaut.Fate, reason ordinaut.Reason) {
	e.decision.Occurrences = append(e.decision.Occurrences, ordinaut.Occurrence{
		NamespaceID: e.task.NamespaceID, TaskID: e.task.TaskID, Kind: ordinaut.RunEvent, NominalAt: at, LastAt: at, Count: 1,
		Fate: fate, Reason: reason, EventID: event, DecidedAt: e.now,
	})
}
