package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// finishEnded finishes event tasks whose ends_at has passed, $1 at most. Those for which an event is held, or
// may still be in the queue, have not ended: the oldest event of all is looked at, and publishers have a while
// to commit. Served by task_event_end_idx, event_queue_order_idx and the primary keys of the others.
const finishEnded = `UPDATE task SET state = 'finished'
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM task t
    WHERE schedule_kind = 'event' AND state = 'active' AND ends_at < statement_timestamp() - interval '10 seconds'
        AND ends_at <= coalesce((
            SELECT (SELECT at FROM event e WHERE e.namespace_id = oldest.namespace_id AND e.id = oldest.event_id)
            FROM (SELECT namespace_id, event_id FROM event_queue ORDER BY event_id LIMIT 1) AS oldest), 'infinity')
        AND NOT EXISTS (SELECT FROM debounce d WHERE d.namespace_id = t.namespace_id AND d.task_id = t.id)
    ORDER BY ends_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED))
RETURNING namespace_id, id`

// endedTask is an event task that no event can start any more.
type endedTask struct {
	NamespaceID ordinaut.NamespaceID `db:"namespace_id"`
	ID          ordinaut.TaskID      `db:"id"`
}

// finish finishes the event tasks that have ended, and audits that.
func (d *dispatch) finish(ctx context.Context) error {
	ended, err := query[endedTask](ctx, d.tx, finishEnded, d.limit)
	if err != nil {
		return err
	}
	details := map[ordinaut.NamespaceID]*dispatchDetail{}
	for _, task := range ended {
		if details[task.NamespaceID] == nil {
			details[task.NamespaceID] = &dispatchDetail{Occurrences: []metEvent{}}
		}
		details[task.NamespaceID].Finished = append(details[task.NamespaceID].Finished, task.ID)
	}
	return insertDispatchAudit(ctx, d.tx, details)
}

func insertDispatchAudit(ctx context.Context, tx pgx.Tx, details map[ordinaut.NamespaceID]*dispatchDetail) error {
	for ns, detail := range details {
		row := auditRow{namespaceID: ns, actor: schedulerActor, action: "dispatch", source: "scheduler", detail: detail}
		if err := insertAudit(ctx, tx, row); err != nil {
			return err
		}
	}
	return nil
}
