package scheduler

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
)

// DecideCondition says what a verdict makes of a condition, at now: what is known of it afterwards, and
// whether a run starts.
//
//   - A probe that failed says nothing: what was known stays, with the error.
//   - A condition that is met counts once it has been met by every verdict for hold_seconds.
//   - Mode edge then asks for one start until a verdict finds it not met; mode level asks at every verdict.
//   - Within cooldown_seconds of a start none follows. A level start is skipped; an edge start waits: one
//     row says so, and the first verdict after the cooldown that still finds it met starts it.
//   - While the task is paused a start is skipped and an edge start waits likewise.
//   - Overlap decides on a start as on any other. One that it has skipped has been had: an edge does not ask
//     for it again.
//
// After max_runs starts the watch is over.
func DecideCondition(now time.Time, f ordinaut.Finding) ordinaut.Judgement {
	if f.TaskVersion != f.Verdict.TaskVersion || f.Task.Rules == nil || f.Task.Rules.Condition == nil ||
		f.Task.State != ordinaut.TaskActive && f.Task.State != ordinaut.TaskPaused {
		return ordinaut.Judgement{Dropped: true}
	}
	c := f.Task.Rules.Condition
	j := ordinaut.Judgement{After: observed(f)}
	if f.Met == nil || !j.After.Met || f.At.Sub(*j.After.MetSince) < time.Duration(c.HoldSeconds)*time.Second {
		return j
	}
	edge := c.Mode != ordinaut.ConditionLevel
	state := &j.After
	switch {
	case edge && state.Fired: // had already
	case f.Task.State == ordinaut.TaskPaused:
		j.Occurrence = askedFor(now, f, ordinaut.FateSkipped, ordinaut.ReasonPaused)
	case state.CooldownUntil != nil && f.At.Before(*state.CooldownUntil):
		if !edge || !state.Suppressed {
			j.Occurrence = askedFor(now, f, ordinaut.FateSkipped, ordinaut.ReasonCooldown)
		}
		state.Suppressed = edge
	default:
		state.Fired, state.Suppressed = edge, false
		admitted := newLive(&f.Task)
		if o := admitted.collide(); o.started() {
			ask(now, f, &j, o)
		} else {
			j.Occurrence = askedFor(now, f, o.fate, o.reason)
		}
		j.CancelRunning = admitted.cancels
	}
	return j
}

// observed returns what is known after a verdict, before anything starts.
func observed(f ordinaut.Finding) ordinaut.ConditionState {
	s, at := f.Before, f.At
	s.ProbedAt = &at
	if f.Met == nil {
		s.Error = f.Error
		return s
	}
	s.Error, s.Value, s.Cursor = "", f.Value, f.Cursor
	switch {
	case !*f.Met:
		s.Met, s.MetSince, s.Fired, s.Suppressed = false, nil, false, false
	case !s.Met:
		s.Met, s.MetSince = true, &at
	}
	return s
}

// askedFor is the ledger's row of a start that a condition asked for.
func askedFor(now time.Time, f ordinaut.Finding, fate ordinaut.Fate, reason ordinaut.Reason) *ordinaut.Occurrence {
	return &ordinaut.Occurrence{
		NamespaceID: f.Task.NamespaceID, TaskID: f.Task.TaskID, Kind: ordinaut.RunCondition,
		NominalAt: f.At, LastAt: f.At, Count: 1, Fate: fate, Reason: reason, DecidedAt: now,
	}
}

// ask makes the run that a condition starts, and the event that it is about.
func ask(now time.Time, f ordinaut.Finding, j *ordinaut.Judgement, o outcome) {
	c, state := f.Task.Rules.Condition, &j.After
	if c.CooldownSeconds > 0 {
		until := f.At.Add(time.Duration(c.CooldownSeconds) * time.Second)
		state.CooldownUntil = &until
	}
	j.Event = &ordinaut.Event{
		NamespaceID: f.Task.NamespaceID, ID: ordinaut.NewEventID(), Topic: ordinaut.TopicConditionMet,
		Payload: payload(state), RunID: f.RunID, At: f.At,
	}
	j.Occurrence = askedFor(now, f, o.fate, o.reason)
	j.Occurrence.Buffered, j.Occurrence.RunID, j.Occurrence.EventID = o.buffered, ordinaut.NewRunID(), j.Event.ID
	if limit := f.Task.MaxRuns; limit > 0 && f.Task.RunsStarted+1 >= limit {
		j.Exhausted = true
		j.Note = fmt.Sprintf("The watch ended after %s, its max_runs.", plural(limit, "run"))
	}
}

// payload is what the started run reaches as event.payload.
func payload(s *ordinaut.ConditionState) json.RawMessage {
	raw, err := json.Marshal(struct {
		Value    json.RawMessage `json:"value"`
		Cursor   json.RawMessage `json:"cursor"`
		MetSince time.Time       `json:"met_since"`
	}{orJSONNull(s.Value), orJSONNull(s.Cursor), s.MetSince.UTC()})
	if err != nil {
		return nil // the parts were read as JSON from the database
	}
	return raw
}

func orJSONNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}
