package mcp

import (
	"context"
	"fmt"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

// setCalendarArgs is the input of set_calendar.
type setCalendarArgs struct {
	Name           string                   `json:"name"`
	ICS            string                   `json:"ics,omitempty"`
	Entries        []ordinaut.CalendarEntry `json:"entries,omitempty"`
	Timezone       string                   `json:"timezone,omitempty"`
	IdempotencyKey string                   `json:"idempotency_key,omitempty"`
}

// setCalendarAnswer is the output of set_calendar.
type setCalendarAnswer struct {
	Calendar  calendarRow    `json:"calendar"`
	Observers int            `json:"observers"`
	Tasks     []observerView `json:"tasks"`
	Warnings  []string       `json:"warnings,omitempty"`
	Next      string         `json:"next"`
}

// observerView is a task that observes a calendar.
type observerView struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

func (a setCalendarAnswer) text() string {
	var b strings.Builder
	b.WriteString("Calendar " + a.Calendar.line() + ".")
	fmt.Fprintf(&b, "\nTasks that observe it: %d.", a.Observers)
	for _, t := range a.Tasks {
		fmt.Fprintf(&b, "\n%s %q", t.ID, t.Title)
	}
	for _, w := range a.Warnings {
		b.WriteString("\nWarning: " + w)
	}
	return b.String() + "\n" + a.Next
}

func (s *Server) setCalendar(ctx context.Context, c *call, in setCalendarArgs) (setCalendarAnswer, error) {
	entries, warnings, err := s.readCalendar(in)
	if err != nil {
		return setCalendarAnswer{}, err
	}
	state, err := s.cfg.Store.SetCalendar(ctx, c.mutation(in.IdempotencyKey), in.Name, entries)
	if err != nil {
		return setCalendarAnswer{}, err
	}
	answer := setCalendarAnswer{
		Calendar: viewCalendar(state.CalendarSummary), Observers: state.Observers, Tasks: make([]observerView, len(state.Tasks)),
		Warnings: warnings, Next: "Schedules observe it by calendars: [\"" + in.Name + "\"] in create_task or update_task.",
	}
	for i, t := range state.Tasks {
		answer.Tasks[i] = observerView{ID: t.ID.String(), Title: t.Title}
	}
	if state.Observers > 0 {
		answer.Next = "Their next times are computed anew now; get_task shows them."
	}
	if state.Next == nil {
		answer.Warnings = append(answer.Warnings, "the calendar excludes nothing that is still to come")
	}
	return answer, nil
}

// readCalendar returns the entries that a call gives, one way or the other.
func (s *Server) readCalendar(in setCalendarArgs) ([]ordinaut.CalendarEntry, []string, error) {
	switch {
	case in.ICS != "" && in.Entries != nil:
		return nil, nil, ordinaut.Invalid("/entries", "give either ics or entries, not both")
	case in.ICS != "":
		return scheduler.ReadICS(in.ICS, in.Timezone, s.now())
	case in.Entries == nil:
		return nil, nil, ordinaut.Invalid("/entries", "give ics or entries; [] empties the calendar")
	default:
		entries, err := scheduler.CheckEntries(in.Entries, in.Timezone)
		return entries, nil, err
	}
}
