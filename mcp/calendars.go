package mcp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
	"github.com/ordinaut/ordinaut/store"
)

// checkCalendars refuses a schedule that names a calendar which the caller's namespace does not have.
func (s *Server) checkCalendars(ctx context.Context, c *call, schedule ordinaut.Schedule) error {
	if schedule.Rules == nil || len(schedule.Rules.Calendars) == 0 {
		return nil
	}
	known, err := s.cfg.Store.CalendarNames(ctx, c.agent.NamespaceID)
	if err != nil {
		return err
	}
	for i, name := range schedule.Rules.Calendars {
		if slices.Contains(known, name) {
			continue
		}
		public := ordinaut.Invalid(fmt.Sprintf("/schedule/calendars/%d", i), "there is no calendar %q; %s", tidy(name, maxPointerChars), calendarHint(name, known))
		public.Example = `["` + nearestCalendar(name, known) + `"]`
		return &argumentError{public: public, allowed: known}
	}
	return nil
}

func calendarHint(name string, known []string) string {
	switch near := schemas.Nearest(name, known); {
	case len(known) == 0:
		return "the namespace has none yet: set_calendar makes one"
	case near != "":
		return "did you mean " + near + "? There are " + strings.Join(known, ", ")
	default:
		return "there are " + strings.Join(known, ", ") + "; set_calendar makes another"
	}
}

func nearestCalendar(name string, known []string) string {
	if near := schemas.Nearest(name, known); near != "" {
		return near
	}
	if len(known) > 0 {
		return known[0]
	}
	return "holidays"
}

// calendarRow is a calendar in a list.
type calendarRow struct {
	Name      string         `json:"name"`
	Version   int            `json:"version"`
	Entries   int            `json:"entries"`
	First     *calendarEntry `json:"first,omitempty"`
	Last      *calendarEntry `json:"last,omitempty"`
	Upcoming  *calendarEntry `json:"upcoming,omitempty"`
	UpdatedAt string         `json:"updated_at"`
}

// calendarEntry is an entry as it is shown.
type calendarEntry struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Title string `json:"title,omitempty"`
}

func viewCalendar(c store.CalendarSummary) calendarRow {
	return calendarRow{
		Name: c.Name, Version: c.Version, Entries: c.Entries, First: (*calendarEntry)(c.First), Last: (*calendarEntry)(c.Last),
		Upcoming: (*calendarEntry)(c.Next), UpdatedAt: stamp(c.UpdatedAt),
	}
}

// line returns the entry as one line of text.
func (e calendarEntry) line() string {
	line := e.From + " to " + e.To
	if e.Title != "" {
		line += ", " + e.Title
	}
	return line
}

// line returns the row as one line of text.
func (r calendarRow) line() string {
	line := fmt.Sprintf("%s, version %d: entries %d", r.Name, r.Version, r.Entries)
	switch {
	case r.Upcoming != nil:
		line += "; next " + r.Upcoming.line()
	case r.Last != nil:
		line += "; all are over, the last was " + r.Last.line()
	}
	return line
}
