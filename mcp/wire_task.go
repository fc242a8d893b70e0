package mcp

import (
	"fmt"
	"strings"

	"github.com/ordinaut/ordinaut"
)

// taskView is a task without the bulk of its definition.
type taskView struct {
	ID          string       `json:"id"`
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	State       string       `json:"state"`
	Note        string       `json:"note,omitempty"`
	Version     int          `json:"version"`
	Schedule    scheduleView `json:"schedule"`
	taskTimes
	RunsLeft           *int            `json:"runs_left,omitempty"`
	PauseAfterFailures int             `json:"pause_after_failures,omitempty"`
	Steps              []string        `json:"steps"`
	Priority           int             `json:"priority"`
	TimeoutSeconds     int             `json:"timeout_seconds"`
	Retry              *ordinaut.Retry `json:"retry,omitempty"`
	CreatedAt          string          `json:"created_at"`
	UpdatedAt          string          `json:"updated_at"`
}

func viewTask(t ordinaut.Task) taskView {
	v := taskView{
		ID: t.ID.String(), Title: t.Spec.Title, Description: t.Spec.Description,
		State: string(t.State), Note: t.Note, Version: t.Version,
		Schedule: viewSchedule(t.Spec.Schedule), taskTimes: viewTaskTimes(t), PauseAfterFailures: t.Spec.PauseAfterFailures,
		Steps:    make([]string, len(t.Spec.Pipeline)),
		Priority: t.Spec.Priority, TimeoutSeconds: t.Spec.TimeoutSeconds, Retry: t.Spec.Retry,
		CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.UpdatedAt),
	}
	if most := t.Spec.Schedule.MaxRuns; most > 0 {
		left := max(0, most-t.RunsStarted)
		v.RunsLeft = &left
	}
	for i, s := range t.Spec.Pipeline {
		v.Steps[i] = outline(&s)
	}
	return v
}

// outline is a step as a line: each: flow.foreach (ask: http.request, say: event.publish).
func outline(s *ordinaut.Step) string {
	line := s.ID + ": " + s.Uses
	var inner []string
	for _, b := range s.Blocks() {
		for i := range b.Steps {
			inner = append(inner, outline(&b.Steps[i]))
		}
	}
	if len(inner) > 0 {
		line += " (" + strings.Join(inner, ", ") + ")"
	}
	return line
}

// taskTimes is when something happens to a task next, as far as it differs from the rule.
type taskTimes struct {
	NextAt       string `json:"next_at,omitempty"`
	DueAt        string `json:"due_at,omitempty"`
	SnoozedAt    string `json:"snoozed_at,omitempty"`
	SnoozedUntil string `json:"snoozed_until,omitempty"`
	ResumesAt    string `json:"resumes_at,omitempty"`
	PausedReason string `json:"paused_reason,omitempty"`
}

func viewTaskTimes(t ordinaut.Task) taskTimes {
	v := taskTimes{NextAt: stampOf(t.NextAt), SnoozedAt: stampOf(t.SnoozedAt), SnoozedUntil: stampOf(t.SnoozedUntil)}
	if t.State == ordinaut.TaskPaused {
		v.ResumesAt = stampOf(t.DueAt)
		if t.PausedReason != ordinaut.ReasonPaused {
			v.PausedReason = string(t.PausedReason)
		}
		return v
	}
	// While one is snoozed, due_at may be its own.
	if due := stampOf(t.DueAt); due != v.NextAt && due != v.SnoozedUntil {
		v.DueAt = due
	}
	return v
}

// times returns what is to be said of v by the clock of a timezone, each with a comma before it.
func (v taskTimes) times(timezone string) string {
	var b strings.Builder
	for _, part := range []struct{ word, at string }{
		{"next", v.NextAt}, {"due", v.DueAt}, {"one snoozed until", v.SnoozedUntil}, {"resumes", v.ResumesAt}, {"because", v.PausedReason},
	} {
		if part.at != "" {
			b.WriteString(", " + part.word + " " + local(part.at, timezone))
		}
	}
	return b.String()
}

// taskRow is a task in a list, and the receipt of a change of its state.
type taskRow struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	State    string `json:"state"`
	Note     string `json:"note,omitempty"`
	Version  int    `json:"version"`
	Kind     string `json:"kind"`
	Expr     string `json:"expr,omitempty"`
	Timezone string `json:"timezone"`
	taskTimes

	calendars []string // that may yet exclude NextAt; the text says so
}

func viewTaskRow(t ordinaut.Task) taskRow {
	return taskRow{
		ID: t.ID.String(), Title: t.Spec.Title, State: string(t.State), Note: t.Note, Version: t.Version,
		Kind: string(t.Spec.Schedule.Kind), Expr: t.Spec.Schedule.Expr, Timezone: t.Spec.Schedule.Timezone,
		taskTimes: viewTaskTimes(t), calendars: calendarsOf(t.Spec.Schedule),
	}
}

func calendarsOf(s ordinaut.Schedule) []string {
	if s.Rules == nil {
		return nil
	}
	return s.Rules.Calendars
}

// line returns the row as one line of text.
func (r taskRow) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %s, %s", r.ID, r.Title, r.State, r.Kind)
	if r.Expr != "" {
		fmt.Fprintf(&b, " %s (%s)", r.Expr, r.Timezone)
	}
	b.WriteString(r.times(r.Timezone))
	if r.NextAt != "" && len(r.calendars) > 0 {
		b.WriteString(", unless excluded by " + strings.Join(r.calendars, ", "))
	}
	if r.Note != "" {
		fmt.Fprintf(&b, ", note %q", r.Note)
	}
	return b.String()
}

// taskChange is the answer of tools that change the state of a task.
type taskChange struct {
	Task taskRow `json:"task"`
	Next string  `json:"next"`
}

func (a taskChange) text() string { return a.Task.line() + "\n" + a.Next }

// taskID reads the argument task_id.
func taskID(text string) (ordinaut.TaskID, error) {
	id, err := ordinaut.ParseTaskID(text)
	if err != nil || id.IsZero() {
		return id, badID("/task_id", text, "task", "list_tasks shows ids")
	}
	return id, nil
}

// runID reads the argument run_id.
func runID(text string) (ordinaut.RunID, error) {
	id, err := ordinaut.ParseRunID(text)
	if err != nil || id.IsZero() {
		return id, badID("/run_id", text, "run", "list_runs shows ids")
	}
	return id, nil
}

// badID says which kind of id is wanted, and which one it got if that is plain.
func badID(pointer, text, want, hint string) error {
	for _, kind := range []string{"task", "run", "agent", "event", "server", "preview", "approval"} {
		if kind != want && strings.HasPrefix(text, kind+"_") {
			return ordinaut.Invalid(pointer, "got the id of %s, want the id of %s: %s_ and 32 hex digits; %s", article(kind), article(want), want, hint)
		}
	}
	return ordinaut.Invalid(pointer, "want the id of %s: %s_ and 32 hex digits; %s", article(want), want, hint)
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
