package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// runRow is a run in a list.
type runRow struct {
	ID         string `json:"id"`
	TaskID     string `json:"task_id"`
	TaskTitle  string `json:"task_title"`
	Kind       string `json:"kind"`
	State      string `json:"state"`
	Reason     string `json:"reason,omitempty"`
	NominalAt  string `json:"nominal_at,omitempty"`
	EventID    string `json:"event_id,omitempty"`
	RetryOf    string `json:"retry_of,omitempty"`
	StartedAt  string `json:"started_at,omitempty"`
	DurationMS *int64 `json:"duration_ms,omitempty"`
}

func viewRunRow(r ordinaut.Run, now time.Time) runRow {
	return runRow{
		ID: r.ID.String(), TaskID: r.TaskID.String(), TaskTitle: r.TaskTitle, Kind: string(r.Kind),
		State: string(r.State), Reason: string(r.Reason),
		NominalAt: stampOf(r.NominalAt), EventID: shownID(r.EventID), RetryOf: shownID(r.RetryOf),
		StartedAt: stampOf(r.StartedAt), DurationMS: duration(r, now),
	}
}

// shownID is an id, or "" for none.
func shownID[T interface {
	IsZero() bool
	String() string
}](id T) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// line returns the row as one line of text.
func (r runRow) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %s", r.ID, r.TaskTitle, r.State)
	if r.Reason != "" {
		b.WriteString(" (" + r.Reason + ")")
	}
	b.WriteString(", " + r.Kind)
	if r.NominalAt != "" {
		b.WriteString(" due " + r.NominalAt)
	}
	if r.EventID != "" {
		b.WriteString(" about " + r.EventID)
	}
	if r.RetryOf != "" {
		b.WriteString(" of " + r.RetryOf)
	}
	if r.StartedAt != "" {
		b.WriteString(", started " + r.StartedAt)
	}
	if r.DurationMS != nil {
		fmt.Fprintf(&b, ", %d ms", *r.DurationMS)
	}
	return b.String()
}

// duration returns the milliseconds from a run's start to its end, or to now while it lives; nil if it
// has not started.
func duration(r ordinaut.Run, now time.Time) *int64 {
	if r.StartedAt == nil {
		return nil
	}
	end := now
	if r.FinishedAt != nil {
		end = *r.FinishedAt
	}
	ms := max(0, end.Sub(*r.StartedAt).Milliseconds())
	return &ms
}

// runView is a run with its steps.
type runView struct {
	ID          string          `json:"id"`
	TaskID      string          `json:"task_id"`
	TaskTitle   string          `json:"task_title"`
	TaskVersion int             `json:"task_version"`
	Kind        string          `json:"kind"`
	State       string          `json:"state"`
	Reason      string          `json:"reason,omitempty"`
	Error       string          `json:"error,omitempty"`
	Attempt     int             `json:"attempt"`
	NominalAt   string          `json:"nominal_at,omitempty"`
	EventID     string          `json:"event_id,omitempty"`
	RetryOf     string          `json:"retry_of,omitempty"`
	DueAt       string          `json:"due_at"`
	QueuedAt    string          `json:"queued_at"`
	StartedAt   string          `json:"started_at,omitempty"`
	FinishedAt  string          `json:"finished_at,omitempty"`
	WakesAt     string          `json:"wakes_at,omitempty"`
	DurationMS  *int64          `json:"duration_ms,omitempty"`
	Steps       []stepView      `json:"steps"`
	Params      json.RawMessage `json:"params,omitempty"`
	Output      json.RawMessage `json:"output,omitempty"`
	CutBytes    int             `json:"cut_bytes,omitempty"`
}

// stepView is a step's recorded result.
type stepView struct {
	ID       string          `json:"id"`
	Uses     string          `json:"uses"`
	State    string          `json:"state"`
	Reason   string          `json:"reason,omitempty"`
	Error    string          `json:"error,omitempty"`
	Tries    int             `json:"tries"`
	Kept     bool            `json:"kept,omitempty"`
	TookMS   *int64          `json:"took_ms,omitempty"`
	Input    json.RawMessage `json:"input,omitempty"`
	Output   json.RawMessage `json:"output,omitempty"`
	CutBytes int             `json:"cut_bytes,omitempty"`
}

// viewRun returns a run and its steps without params, inputs and outputs.
func viewRun(r ordinaut.Run, steps []ordinaut.StepResult, now time.Time) runView {
	v := runView{
		ID: r.ID.String(), TaskID: r.TaskID.String(), TaskTitle: r.TaskTitle, TaskVersion: r.TaskVersion,
		Kind: string(r.Kind), State: string(r.State), Reason: string(r.Reason), Error: shorten(r.Error, maxErrorChars),
		Attempt: r.Attempt, NominalAt: stampOf(r.NominalAt), EventID: shownID(r.EventID), RetryOf: shownID(r.RetryOf), DueAt: stamp(r.DueAt), QueuedAt: stamp(r.QueuedAt),
		StartedAt: stampOf(r.StartedAt), FinishedAt: stampOf(r.FinishedAt), WakesAt: stampOf(r.WakesAt),
		DurationMS: duration(r, now), Steps: make([]stepView, len(steps)),
	}
	for i, s := range steps {
		v.Steps[i] = stepView{
			ID: s.StepID, Uses: s.Uses, State: string(s.State), Reason: string(s.Reason),
			Error: shorten(s.Error, maxErrorChars), Tries: s.Tries, Kept: s.Epoch == 0,
		}
		if s.FinishedAt != nil {
			took := max(0, s.FinishedAt.Sub(s.StartedAt).Milliseconds())
			v.Steps[i].TookMS = &took
		}
	}
	return v
}

// line returns the run as text: itself, then each of its steps.
func (v runView) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s %q: %s", v.ID, v.TaskID, v.TaskTitle, v.State)
	if v.Reason != "" {
		b.WriteString(" (" + v.Reason + ")")
	}
	if v.EventID != "" {
		b.WriteString(", about " + v.EventID)
	}
	if v.RetryOf != "" {
		b.WriteString(", retry of " + v.RetryOf)
	}
	if v.DurationMS != nil {
		fmt.Fprintf(&b, ", %d ms", *v.DurationMS)
	}
	if v.Attempt > 1 {
		fmt.Fprintf(&b, ", attempt %d", v.Attempt)
	}
	if v.Error != "" {
		b.WriteString("\nerror: " + v.Error)
	}
	for _, s := range v.Steps {
		b.WriteString("\n- " + s.line())
	}
	if n := len(v.Steps); n == 0 || !bytes.Equal(v.Output, v.Steps[n-1].Output) { // most often it is the last step's
		writeValue(&b, "\noutput: ", v.Output)
	}
	return b.String()
}

func (s stepView) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", s.ID, s.Uses, s.State)
	if s.Reason != "" {
		b.WriteString(" (" + s.Reason + ")")
	}
	if s.Kept {
		b.WriteString(", kept from the run before")
	}
	if s.TookMS != nil {
		fmt.Fprintf(&b, ", %d ms", *s.TookMS)
	}
	if s.Tries > 1 {
		fmt.Fprintf(&b, ", %d tries", s.Tries)
	}
	if s.Error != "" {
		b.WriteString(": " + s.Error)
	}
	writeValue(&b, "\n  output: ", s.Output)
	return b.String()
}

// writeValue writes a JSON value on one line after its label; nothing for no value.
func writeValue(b *strings.Builder, label string, value json.RawMessage) {
	var line bytes.Buffer
	if value == nil || json.Compact(&line, value) != nil {
		return
	}
	b.WriteString(label)
	b.Write(line.Bytes())
}
