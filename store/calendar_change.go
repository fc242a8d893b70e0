package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

const (
	// maxCalendars is how many a namespace may have.
	maxCalendars = 100
	// maxObservers is how many of the tasks that observe a calendar are named.
	maxObservers = 20
)

// calendarName is what the audit trail calls a calendar.
type calendarName string

func (n calendarName) String() string { return "calendar " + string(n) }

// object stands for the calendar in the memory of idempotency keys.
func (n calendarName) object() [16]byte {
	sum := sha256.Sum256([]byte(n.String()))
	return [16]byte(sum[:16])
}

// SetCalendar gives the namespace a calendar, or another content to the one it has. The entries must be
// sorted. Tasks that observe it become due at once, so that a scheduler computes their times anew; when
// there are very many, ctx may end before all are, and the others become so soon. A namespace has at most
// 100 calendars; the next one is refused with resource_exhausted.
func (s *Store) SetCalendar(ctx context.Context, call ordinaut.Call, name string, entries []ordinaut.CalendarEntry) (CalendarState, error) {
	if entries == nil {
		entries = []ordinaut.CalendarEntry{} // none is a list too
	}
	doc, err := json.Marshal(entries)
	if err != nil {
		return CalendarState{}, fmt.Errorf("encode calendar: %w", err)
	}
	many := false
	state, err := s.changeCalendar(ctx, call, name, func(tx pgx.Tx) (any, error) {
		version, err := upsertCalendar(ctx, tx, call, name, doc)
		if err != nil {
			return nil, err
		}
		many, err = wakeObservers(ctx, tx, call.Agent.NamespaceID, name)
		return map[string]any{"version": version, "entries": len(entries)}, err
	})
	if err != nil {
		return state, err
	}
	s.wake(WakeSchedule)
	if many {
		s.finishWaking(ctx, waking{NamespaceID: call.Agent.NamespaceID, Calendar: name})
	}
	return state, nil
}

func upsertCalendar(ctx context.Context, tx pgx.Tx, call ordinaut.Call, name string, doc json.RawMessage) (int, error) {
	const upsert = `INSERT INTO calendar AS c (namespace_id, name, version, entries, updated_by)
VALUES ($1, $2, 1, $3, $4)
ON CONFLICT (namespace_id, name) DO UPDATE
SET version = c.version + 1, entries = excluded.entries, updated_by = excluded.updated_by, updated_at = clock_timestamp()
RETURNING version, (SELECT count(*) FROM calendar WHERE namespace_id = $1)`
	var version, others int
	err := tx.QueryRow(ctx, upsert, call.Agent.NamespaceID, name, doc, call.Agent.ID).Scan(&version, &others)
	if err == nil && version == 1 && others >= maxCalendars {
		return 0, ordinaut.Errorf(ordinaut.CodeResourceExhausted, "a namespace has at most %d calendars: remove_calendar makes room", maxCalendars)
	}
	return version, err
}

// wakeObservers makes active tasks that observe a calendar due. They are locked in their order, for two
// calendars may have tasks in common. When there are more than a page of them it only notes that they are
// to be woken, and returns true. Served by task_calendar_idx.
func wakeObservers(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, name string) (many bool, err error) {
	if err := findByRules(ctx, tx); err != nil {
		return false, err
	}
	const observing = ` FROM task WHERE rules -> 'calendars' ? $2 AND namespace_id = $1 AND state = 'active' AND next_at IS NOT NULL`
	var count int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM (SELECT`+observing+` LIMIT $3) AS few`, [16]byte(ns), name, wakingPage+1).Scan(&count); err != nil {
		return false, err
	}
	if count > wakingPage {
		return true, beginWaking(ctx, tx, waking{NamespaceID: ns, Calendar: name})
	}
	const wake = `WITH observing AS MATERIALIZED (
    SELECT namespace_id, id` + observing + `
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE task SET due_at = clock_timestamp()
FROM observing o
WHERE task.namespace_id = o.namespace_id AND task.id = o.id`
	_, err = tx.Exec(ctx, wake, [16]byte(ns), name)
	return false, err
}

// findByRules lets the transaction use task_calendar_idx, which the planner reads as a bitmap only.
func findByRules(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SET LOCAL enable_bitmapscan = on`)
	return err
}

// RemoveCalendar removes a calendar. While tasks that are active or paused observe it, it stays and the
// answer is a conflict that names them.
func (s *Store) RemoveCalendar(ctx context.Context, call ordinaut.Call, name string) error {
	_, err := s.changeCalendar(ctx, call, name, func(tx pgx.Tx) (any, error) {
		ns := call.Agent.NamespaceID
		// Waits for those who are just giving the calendar to a task.
		const lock = `SELECT version FROM calendar WHERE namespace_id = $1 AND name = $2 FOR UPDATE`
		var version int
		if err := tx.QueryRow(ctx, lock, [16]byte(ns), name).Scan(&version); err != nil {
			return nil, missing(err, "calendar", plain(name))
		}
		tasks, count, err := observersOf(ctx, tx, ns, name)
		if err != nil {
			return nil, err
		}
		if count > 0 {
			return nil, ordinaut.Errorf(ordinaut.CodeConflict,
				"calendar %s is observed by %s: update_task can give them other calendars, set_calendar can empty it", name, namesOf(tasks, count))
		}
		const remove = `DELETE FROM calendar WHERE namespace_id = $1 AND name = $2`
		_, err = tx.Exec(ctx, remove, [16]byte(ns), name)
		return map[string]any{"version": version}, err
	})
	return err
}

// plain is a name that is its own text.
type plain string

func (p plain) String() string { return string(p) }

func namesOf(tasks []Observer, count int) string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = fmt.Sprintf("%s %q", t.ID, t.Title)
	}
	text := strings.Join(names, ", ")
	if more := count - len(tasks); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// changeCalendar is the frame of both: replay, the change, the audit row, what there is then. A calendar
// that is gone gives the zero state.
func (s *Store) changeCalendar(ctx context.Context, call ordinaut.Call, name string, change func(pgx.Tx) (detail any, err error)) (CalendarState, error) {
	var state CalendarState
	err := s.tx(ctx, func(tx pgx.Tx) error {
		_, repeated, err := replay(ctx, tx, call, calendarName(name).object())
		if err != nil {
			return err
		}
		if !repeated {
			detail, err := change(tx)
			if err != nil {
				return err
			}
			if err := insertAudit(ctx, tx, auditOf(call, calendarName(name), detail)); err != nil {
				return err
			}
		}
		state, err = calendarState(ctx, tx, call.Agent.NamespaceID, name)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return state, err
}

// requireCalendars locks the calendars that a task is about to observe against removal. One that is not
// there is a conflict: whoever calls has just looked.
func requireCalendars(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, rules *ordinaut.Rules) error {
	if rules == nil || len(rules.Calendars) == 0 {
		return nil
	}
	const lock = `SELECT name FROM calendar WHERE namespace_id = $1 AND name = $2 FOR KEY SHARE`
	for _, name := range rules.Calendars {
		var found string
		err := tx.QueryRow(ctx, lock, [16]byte(ns), name).Scan(&found)
		if errors.Is(err, pgx.ErrNoRows) {
			return ordinaut.Errorf(ordinaut.CodeConflict, "calendar %s has just been removed: list_calendars shows those that are left", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
