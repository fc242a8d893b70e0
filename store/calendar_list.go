package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// calendarColumns are the columns of a [CalendarSummary] from calendar c. Times and days of entries sort as
// text; next is the first that is not over.
const calendarColumns = `c.name, c.version, jsonb_array_length(c.entries) AS entries, c.entries -> 0 AS first, c.entries -> -1 AS last,
    (SELECT e FROM jsonb_array_elements(c.entries) WITH ORDINALITY AS listed (e, n)
        WHERE coalesce(e ->> 'to', (e ->> 'from') || 'T24') COLLATE "C"
            > to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        ORDER BY n LIMIT 1) AS next,
    c.updated_at`

// CalendarSummary is a calendar without its entries.
type CalendarSummary struct {
	Name    string `db:"name"`
	Version int    `db:"version"`
	Entries int    `db:"entries"`
	// First and Last are by when they begin, Next is the first that is not over; nil where there is none.
	First     *ordinaut.CalendarEntry `db:"first"`
	Last      *ordinaut.CalendarEntry `db:"last"`
	Next      *ordinaut.CalendarEntry `db:"next"`
	UpdatedAt time.Time               `db:"updated_at"`
}

// CalendarState is a calendar and who observes it.
type CalendarState struct {
	CalendarSummary
	// Tasks are the first 20 of the Observers: tasks, active or paused, whose schedule names it.
	Tasks     []Observer
	Observers int
}

// Observer is a task that observes a calendar.
type Observer struct {
	ID    ordinaut.TaskID `db:"id"`
	Title string          `db:"title"`
}

// calendarState returns pgx.ErrNoRows when there is no such calendar.
func calendarState(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, name string) (CalendarState, error) {
	const lookup = `SELECT ` + calendarColumns + ` FROM calendar c WHERE c.namespace_id = $1 AND c.name = $2`
	summary, err := queryOne[CalendarSummary](ctx, tx, lookup, [16]byte(ns), name)
	if err != nil {
		return CalendarState{}, err
	}
	tasks, count, err := observersOf(ctx, tx, ns, name)
	return CalendarState{CalendarSummary: summary, Tasks: tasks, Observers: count}, err
}

// observersOf returns the first of the tasks that observe a calendar, and how many there are. Served by
// task_calendar_idx.
func observersOf(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, name string) ([]Observer, int, error) {
	if err := findByRules(ctx, tx); err != nil {
		return nil, 0, err
	}
	const observing = ` FROM task WHERE rules -> 'calendars' ? $2 AND namespace_id = $1 AND state IN ('active', 'paused')`
	var count int
	if err := tx.QueryRow(ctx, `SELECT count(*)`+observing, [16]byte(ns), name).Scan(&count); err != nil {
		return nil, 0, err
	}
	tasks, err := query[Observer](ctx, tx, `SELECT id, title`+observing+` ORDER BY id LIMIT $3`, [16]byte(ns), name, maxObservers)
	return tasks, count, err
}

// GetCalendar returns a calendar and its entries, else not_found.
func (s *Store) GetCalendar(ctx context.Context, ns ordinaut.NamespaceID, name string) (CalendarSummary, []ordinaut.CalendarEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	const lookup = `SELECT ` + calendarColumns + `, c.entries AS listed FROM calendar c WHERE c.namespace_id = $1 AND c.name = $2`
	type whole struct {
		CalendarSummary
		Listed []ordinaut.CalendarEntry `db:"listed"`
	}
	calendar, err := queryOne[whole](ctx, s.pool, lookup, [16]byte(ns), name)
	return calendar.CalendarSummary, calendar.Listed, translate(missing(err, "calendar", plain(name)))
}

// ListCalendars returns the namespace's calendars by name.
func (s *Store) ListCalendars(ctx context.Context, ns ordinaut.NamespaceID) ([]CalendarSummary, error) {
	const all = `SELECT ` + calendarColumns + ` FROM calendar c WHERE c.namespace_id = $1 ORDER BY c.name`
	return list[CalendarSummary](ctx, s, all, [16]byte(ns))
}
