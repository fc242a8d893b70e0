package mcp

import (
	"cmp"
	"context"
	"encoding/binary"
	"strconv"
	"strings"
)

// listCalendarsArgs is the input of list_calendars.
type listCalendarsArgs struct {
	Name   string `json:"name,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// listCalendarsAnswer is the output of list_calendars.
type listCalendarsAnswer struct {
	Calendars []calendarRow `json:"calendars"`
	// Entries are there whenever a name was given, so that none is told from not asked.
	Entries    []calendarEntry `json:"entries,omitzero"`
	NextCursor string          `json:"next_cursor,omitempty"`
}

func (a listCalendarsAnswer) text() string {
	if len(a.Calendars) == 0 {
		return "No calendar."
	}
	var lines []string
	for _, c := range a.Calendars {
		lines = append(lines, c.line())
	}
	for _, e := range a.Entries {
		lines = append(lines, e.line())
	}
	return strings.Join(lines, "\n") + moreText(a.NextCursor)
}

func (s *Server) listCalendars(ctx context.Context, c *call, in listCalendarsArgs) (listCalendarsAnswer, error) {
	limit := cmp.Or(in.Limit, defaultLimit)
	if in.Name != "" {
		return s.listEntries(ctx, c, in, limit)
	}
	from, err := c.afterPlace(in.Cursor, []string{})
	if err != nil {
		return listCalendarsAnswer{}, err
	}
	all, err := s.cfg.Store.ListCalendars(ctx, c.agent.NamespaceID)
	if err != nil {
		return listCalendarsAnswer{}, err
	}
	answer := listCalendarsAnswer{Calendars: []calendarRow{}}
	from = min(from, len(all))
	to := min(from+limit, len(all))
	for _, calendar := range all[from:to] {
		answer.Calendars = append(answer.Calendars, viewCalendar(calendar))
	}
	if to < len(all) {
		answer.NextCursor, err = c.cursor(place(to), []string{})
	}
	return answer, err
}

// listEntries returns a page of one calendar. Its version is part of what a cursor belongs to: places mean
// nothing in another.
func (s *Server) listEntries(ctx context.Context, c *call, in listCalendarsArgs, limit int) (listCalendarsAnswer, error) {
	state, entries, err := s.cfg.Store.GetCalendar(ctx, c.agent.NamespaceID, in.Name)
	if err != nil {
		return listCalendarsAnswer{}, err
	}
	filters := []string{in.Name, strconv.Itoa(state.Version)}
	from, err := c.afterPlace(in.Cursor, filters)
	if err != nil {
		return listCalendarsAnswer{}, err
	}
	answer := listCalendarsAnswer{Calendars: []calendarRow{viewCalendar(state)}, Entries: []calendarEntry{}}
	from = min(from, len(entries))
	to := min(from+limit, len(entries))
	for _, e := range entries[from:to] {
		answer.Entries = append(answer.Entries, calendarEntry(e))
	}
	if to < len(entries) {
		answer.NextCursor, err = c.cursor(place(to), filters)
	}
	return answer, err
}

// place stands for a place in a list where a cursor has an id.
func place(n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// afterPlace is after for a cursor that place made.
func (c *call) afterPlace(text string, filters any) (int, error) {
	id, err := c.after(text, filters)
	return int(min(binary.BigEndian.Uint64(id[8:]), 1<<31)), err
}
