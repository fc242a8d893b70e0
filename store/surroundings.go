package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

const (
	// maxNeighbours is how many tasks of an agent are looked at for what else is due.
	maxNeighbours = 200
	// newestTasks is among how many of a namespace's tasks they are looked for.
	newestTasks = 5000
)

// CalendarsOf returns the calendars that a schedule names, as far as they exist.
func (s *Store) CalendarsOf(ctx context.Context, ns ordinaut.NamespaceID, schedule ordinaut.Schedule) ([]ordinaut.Calendar, error) {
	if schedule.Rules == nil || len(schedule.Rules.Calendars) == 0 {
		return nil, nil
	}
	due := []ordinaut.DueTask{{NamespaceID: ns, Schedule: schedule}}
	err := s.tx(ctx, func(tx pgx.Tx) error { return loadCalendars(ctx, tx, due) })
	return due[0].Calendars, err
}

// Neighbour is a task of an agent that may be due at the same time as another.
type Neighbour struct {
	ID    ordinaut.TaskID `db:"id"`
	Title string          `db:"title"`
	ordinaut.Schedule
}

// neighbours finds active tasks of agent $2 in namespace $1 that are due by $3, soonest first. Among $4 of
// the namespace's latest tasks, so that the work is bounded. Served by the primary key of task.
const neighbours = `WITH newest AS MATERIALIZED (
    SELECT id, owner_id, title, ` + scheduleColumns + `, state, due_at
    FROM task
    WHERE namespace_id = $1
    ORDER BY id DESC
    LIMIT $4
)
SELECT id, title, ` + scheduleColumns + `
FROM newest
WHERE owner_id = $2 AND state = 'active' AND due_at <= $3
ORDER BY due_at, id
LIMIT $5`

// Neighbours returns active tasks of the agent that are due by through, at most 200 among the latest 5000
// of the namespace, soonest first.
func (s *Store) Neighbours(ctx context.Context, agent *ordinaut.Agent, through time.Time) ([]Neighbour, error) {
	return list[Neighbour](ctx, s, neighbours, [16]byte(agent.NamespaceID), [16]byte(agent.ID), through, newestTasks, maxNeighbours)
}

// AgentQuiet returns the quiet hours that an agent has; nil when it has none. An unknown agent is
// not_found.
func (s *Store) AgentQuiet(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.AgentID) (*ordinaut.Quiet, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var quiet *ordinaut.Quiet
	const lookup = `SELECT quiet FROM agent WHERE namespace_id = $1 AND id = $2`
	err := s.pool.QueryRow(ctx, lookup, [16]byte(ns), [16]byte(id)).Scan(&quiet)
	return quiet, translate(missing(err, "agent", id))
}

// CalendarNames returns the names of the namespace's calendars in their order.
func (s *Store) CalendarNames(ctx context.Context, ns ordinaut.NamespaceID) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, `SELECT name FROM calendar WHERE namespace_id = $1 ORDER BY name`, [16]byte(ns))
	if err != nil {
		return nil, translate(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, translate(err)
}
