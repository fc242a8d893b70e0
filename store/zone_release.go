package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// ZonedTask is an active task whose times depend on the rules of time zones.
type ZonedTask struct {
	NamespaceID ordinaut.NamespaceID `db:"namespace_id"`
	TaskID      ordinaut.TaskID      `db:"id"`
	ordinaut.Schedule
	NextAt time.Time `db:"next_at"`
	// After is the last nominal time that has its fate; when there is none, when the task got its present
	// version. NextAt is the first nominal time later than it.
	After time.Time `db:"after"`
}

// zonedTasks locks the tasks that follow $1, $2 in the order of their keys, $3 at most. Served by task_pkey
// and occurrence_pkey.
const zonedTasks = `WITH zoned AS MATERIALIZED (
    SELECT namespace_id, id, ` + scheduleColumns + `, next_at, version
    FROM task
    WHERE (namespace_id, id) > ($1, $2) AND state = 'active' AND next_at IS NOT NULL
        AND (schedule_kind IN ('cron', 'rrule', 'once') OR rules IS NOT NULL)
    ORDER BY namespace_id, id
    LIMIT $3
    FOR NO KEY UPDATE
)
SELECT namespace_id, id, ` + scheduleColumns + `, next_at, coalesce(
    (SELECT last_at FROM occurrence o
        WHERE o.namespace_id = zoned.namespace_id AND o.task_id = zoned.id AND o.kind = 'schedule' AND o.nominal_at < zoned.next_at
        ORDER BY nominal_at DESC LIMIT 1),
    (SELECT created_at FROM task_version v
        WHERE v.namespace_id = zoned.namespace_id AND v.task_id = zoned.id AND v.version = zoned.version)) AS after
FROM zoned
ORDER BY namespace_id, id`

// renewTimes gives tasks other next times, and has a scheduler look at them: what calendars and quiet hours
// make of a time depends on zones too.
const renewTimes = `UPDATE task SET next_at = d.next_at, due_at = clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS d (namespace_id, id, next_at)
WHERE task.namespace_id = d.namespace_id AND task.id = d.id`

// ZoneRelease returns the release of the time zone rules by which stored times were computed; empty when
// none is on record.
func (s *Store) ZoneRelease(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var release string
	err := s.pool.QueryRow(ctx, `SELECT value FROM fact WHERE name = 'zone_release'`).Scan(&release)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return release, translate(err)
}

// SetZoneRelease puts release on record, with the time, unless a newer one is there: an older process never
// turns it back.
func (s *Store) SetZoneRelease(ctx context.Context, release string) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	const set = `INSERT INTO fact AS f (name, value) VALUES ('zone_release', $1)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at WHERE f.value COLLATE "C" < excluded.value COLLATE "C"`
	_, err := s.pool.Exec(ctx, set, release)
	return translate(err)
}

// RenewTimes asks next for the next nominal time of up to limit of the tasks that follow last, and has a
// scheduler look at each. A task of which next knows no time, as when it cannot be read, keeps the one that
// it has. It returns the last task that it looked at and how many they were; fewer than limit are the last.
func (s *Store) RenewTimes(ctx context.Context, last ZonedTask, limit int, next func(ZonedTask) (time.Time, bool)) (ZonedTask, int, error) {
	var tasks []ZonedTask
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var err error
		tasks, err = query[ZonedTask](ctx, tx, zonedTasks, [16]byte(last.NamespaceID), [16]byte(last.TaskID), limit)
		if err != nil || len(tasks) == 0 {
			return err
		}
		namespaces, ids, times := make([][16]byte, len(tasks)), make([][16]byte, len(tasks)), make([]time.Time, len(tasks))
		for i, t := range tasks {
			namespaces[i], ids[i], times[i] = t.NamespaceID, t.TaskID, t.NextAt
			if at, ok := next(t); ok {
				times[i] = at
			}
		}
		_, err = tx.Exec(ctx, renewTimes, namespaces, ids, times)
		return err
	})
	if err != nil || len(tasks) == 0 {
		return last, 0, err
	}
	s.wake(WakeSchedule)
	return tasks[len(tasks)-1], len(tasks), nil
}
