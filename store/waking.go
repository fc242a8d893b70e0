package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

const (
	// wakingPage is how many tasks one statement looks at.
	wakingPage = 2000
	// wakingLeft is how long nobody has gone on with a waking that somebody else may take up.
	wakingLeft = 10 * time.Second
)

// waking names tasks that are to become due, so that a scheduler computes their times anew: those that
// observe a calendar or, without one, those that an agent owns.
type waking struct {
	NamespaceID ordinaut.NamespaceID `db:"namespace_id"`
	Calendar    string               `db:"calendar"`
	AgentID     ordinaut.AgentID     `db:"agent_id"`
}

// beginWaking notes in the transaction of a change that it has tasks to wake. [Store.finishWaking] does so
// once that has committed. A change that comes while the tasks of the one before are being woken begins anew.
func beginWaking(ctx context.Context, tx pgx.Tx, w waking) error {
	const begin = `INSERT INTO waking (namespace_id, calendar, agent_id) VALUES ($1, $2, $3)
ON CONFLICT (namespace_id, calendar, agent_id) DO UPDATE
SET after_id = '00000000-0000-0000-0000-000000000000', touched_at = clock_timestamp()`
	_, err := tx.Exec(ctx, begin, [16]byte(w.NamespaceID), w.Calendar, [16]byte(w.AgentID))
	return err
}

// finishWaking wakes tasks after a change has committed and returns how many. What it does not come to, it
// leaves to [Store.resumeWaking]: the change itself is made.
func (s *Store) finishWaking(ctx context.Context, w waking) int {
	woken, err := s.wakeTasks(ctx, w)
	if err != nil {
		s.log.WarnContext(ctx, "not all tasks woken after a change, will be gone on with", "calendar", w.Calendar, "agent_id", w.AgentID, "err", err)
	}
	return woken
}

// wakeTasks wakes the tasks of w page by page and returns how many it woke.
func (s *Store) wakeTasks(ctx context.Context, w waking) (woken int, err error) {
	for more := true; more; {
		var n int
		err := s.tx(ctx, func(tx pgx.Tx) error {
			var err error
			n, more, err = wakePage(ctx, tx, w)
			return err
		})
		if err != nil {
			return woken, err
		}
		woken += n
		s.wake(WakeSchedule)
	}
	return woken, nil
}

// wakeConcerned makes those of the next $5 tasks of the namespace $1 after $2 due that are active and observe
// the calendar $3 or, when that is empty, belong to the agent $4. It tells how many tasks it looked at, the last
// of them, and how many it woke. They are locked in their order, for two changes may have tasks in common.
// Served by task_pkey.
const wakeConcerned = `WITH page AS MATERIALIZED (
    SELECT id FROM task WHERE namespace_id = $1 AND id > $2 ORDER BY id LIMIT $5
), concerned AS MATERIALIZED (
    SELECT t.id FROM page CROSS JOIN LATERAL (
        SELECT id, state, next_at, owner_id, rules FROM task WHERE namespace_id = $1 AND id = page.id OFFSET 0
    ) AS t
    WHERE t.state = 'active' AND t.next_at IS NOT NULL
        AND CASE WHEN $3::text <> '' THEN t.rules -> 'calendars' ? $3 ELSE t.owner_id = $4 END
    ORDER BY t.id
), locked AS MATERIALIZED (
    SELECT t.id FROM concerned CROSS JOIN LATERAL (
        SELECT id FROM task WHERE namespace_id = $1 AND id = concerned.id AND state = 'active' FOR NO KEY UPDATE
    ) AS t
), woken AS (
    UPDATE task SET due_at = clock_timestamp() FROM locked l WHERE task.namespace_id = $1 AND task.id = l.id RETURNING task.id
)
SELECT (SELECT count(*) FROM page) AS looked, (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM woken) AS woken`

// wakePage wakes the next page of w, and reports whether there is more. Nothing is left of a waking that is done.
func wakePage(ctx context.Context, tx pgx.Tx, w waking) (woken int, more bool, err error) {
	key := []any{[16]byte(w.NamespaceID), w.Calendar, [16]byte(w.AgentID)}
	const take = `SELECT after_id FROM waking WHERE namespace_id = $1 AND calendar = $2 AND agent_id = $3 FOR UPDATE`
	var after, last [16]byte
	if err := tx.QueryRow(ctx, take, key...).Scan(&after); errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, err
	}
	var looked int
	var to *[16]byte
	if err := tx.QueryRow(ctx, wakeConcerned, key[0], after, key[1], key[2], wakingPage).Scan(&looked, &to, &woken); err != nil {
		return 0, false, err
	}
	if looked < wakingPage || to == nil {
		const end = `DELETE FROM waking WHERE namespace_id = $1 AND calendar = $2 AND agent_id = $3`
		_, err := tx.Exec(ctx, end, key...)
		return woken, false, err
	}
	last = *to
	const goOn = `UPDATE waking SET after_id = $4, touched_at = clock_timestamp() WHERE namespace_id = $1 AND calendar = $2 AND agent_id = $3`
	_, err = tx.Exec(ctx, goOn, append(key, last)...)
	return woken, true, err
}

// resumeWaking goes on with what others have left undone, until ctx ends.
func (s *Store) resumeWaking(ctx context.Context) error {
	ticker := time.NewTicker(wakingLeft)
	defer ticker.Stop()
	for {
		if err := s.resumeWakings(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "tasks not woken after a change of calendar or quiet hours, will be retried", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (s *Store) resumeWakings(ctx context.Context) error {
	const left = `SELECT namespace_id, calendar, agent_id FROM waking WHERE touched_at < clock_timestamp() - $1::interval LIMIT 100`
	all, err := list[waking](ctx, s, left, wakingLeft)
	if err != nil {
		return err
	}
	for _, w := range all {
		woken, err := s.wakeTasks(ctx, w)
		if err != nil {
			return err
		}
		s.log.InfoContext(ctx, "waking resumed", "calendar", w.Calendar, "agent_id", w.AgentID, "tasks", woken)
	}
	return nil
}
