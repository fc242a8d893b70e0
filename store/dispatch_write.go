package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// seenKeys tells which values of dedupe_by count still: $1 namespaces, $2 tasks, $3 keys. The tasks are held
// locked. Served by event_dedupe_pkey.
const seenKeys = `SELECT w.task_id, w.key
FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS w (namespace_id, task_id, key)
CROSS JOIN LATERAL (
    SELECT FROM event_dedupe d WHERE d.namespace_id = w.namespace_id AND d.task_id = w.task_id AND d.key = w.key
        AND d.expires_at > statement_timestamp() OFFSET 0
) AS seen`

const rememberEventKeys = `INSERT INTO event_dedupe AS d (namespace_id, task_id, key, event_id, expires_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::uuid[], $5::timestamptz[])
ON CONFLICT (namespace_id, task_id, key) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at`

// holdEvents writes what tasks wait with; releaseHeld takes it away.
const (
	holdEvents = `INSERT INTO debounce (namespace_id, task_id, event_id, event_at, first_at, due_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
ON CONFLICT (namespace_id, task_id) DO UPDATE
SET event_id = excluded.event_id, event_at = excluded.event_at, first_at = excluded.first_at, due_at = excluded.due_at`
	releaseHeld = `DELETE FROM debounce WHERE ctid = ANY (ARRAY(
    SELECT d.ctid FROM unnest($1::uuid[], $2::uuid[]) AS w (namespace_id, task_id)
    CROSS JOIN LATERAL (SELECT ctid FROM debounce WHERE namespace_id = w.namespace_id AND task_id = w.task_id OFFSET 0) AS d))`
)

// countStarts adds the runs that events have started, and finishes the tasks that no event can start any
// more: $1 namespaces, $2 tasks, $3 runs, $4 whether it is finished.
const countStarts = `UPDATE task SET runs_started = runs_started + d.started,
    state = CASE WHEN d.finished AND state = 'active' THEN 'finished' ELSE state END
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::boolean[]) AS d (namespace_id, id, started, finished)
WHERE task.namespace_id = d.namespace_id AND task.id = d.id`

type taskKey struct {
	task ordinaut.TaskID
	key  string
}

// lookUpKeys tells each match whether its task has started for the same value of dedupe_by.
func (d *dispatch) lookUpKeys(ctx context.Context) error {
	var namespaces, tasks [][16]byte
	var keys [][]byte
	for i := range d.tasks {
		for _, m := range d.tasks[i].Matches {
			if len(m.Key) > 0 && !m.Void && m.Reason == "" {
				namespaces, tasks, keys = append(namespaces, d.tasks[i].NamespaceID), append(tasks, d.tasks[i].TaskID), append(keys, m.Key)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := d.tx.Query(ctx, seenKeys, namespaces, tasks, keys)
	if err != nil {
		return err
	}
	seen := map[taskKey]bool{}
	var task [16]byte
	var key []byte
	if _, err := pgx.ForEachRow(rows, []any{&task, &key}, func() error {
		seen[taskKey{task, string(key)}] = true
		return nil
	}); err != nil {
		return err
	}
	for i := range d.tasks {
		t := &d.tasks[i]
		for n := range t.Matches {
			t.Matches[n].Seen = seen[taskKey{t.TaskID, string(t.Matches[n].Key)}]
		}
	}
	return nil
}

// write writes what was decided.
func (d *dispatch) write(ctx context.Context, decisions []ordinaut.EventDecision) error {
	var batch pgx.Batch
	var rows []ledgerRow
	held := map[ordinaut.TaskID]bool{}
	for i := range d.tasks {
		held[d.tasks[i].TaskID] = d.tasks[i].Held != nil
	}
	var counts startColumns
	var holds heldColumns
	var keys keyColumns
	canceling := taskSet{}
	for i := range decisions {
		e := &decisions[i]
		if e.CancelRunning {
			canceling.add(e.TaskID)
		}
		for _, o := range e.Occurrences {
			rows = append(rows, ledgerRow{ns: e.NamespaceID, task: e.TaskID, Occurrence: o})
			if o.Buffered {
				d.did.buffered.add(e.TaskID)
			}
		}
		counts.add(e)
		holds.add(e, held[e.TaskID])
		keys.add(e)
	}
	holds.queue(&batch)
	keys.queue(&batch)
	var err error
	if d.did.superseded, err = supersede(ctx, d.tx, canceling.keys()); err != nil {
		return err
	}
	if d.did.made, err = writeLedger(ctx, d.tx, rows); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	counts.queue(&batch)
	if batch.Len() > 0 {
		if err := d.tx.SendBatch(ctx, &batch).Close(); err != nil {
			return fmt.Errorf("write what events did: %w", err)
		}
	}
	return auditDispatch(ctx, d.tx, decisions)
}

// startColumns are the columns of countStarts.
type startColumns struct {
	namespaces, tasks [][16]byte
	started           []int32
	finished          []bool
}

func (c *startColumns) add(e *ordinaut.EventDecision) {
	n := int32(0)
	for i := range e.Occurrences {
		if e.Occurrences[i].Fate == ordinaut.FateStarted {
			n++
		}
	}
	if n > 0 || e.Finished {
		c.namespaces, c.tasks = append(c.namespaces, e.NamespaceID), append(c.tasks, e.TaskID)
		c.started, c.finished = append(c.started, n), append(c.finished, e.Finished)
	}
}

func (c *startColumns) queue(batch *pgx.Batch) {
	if len(c.tasks) > 0 {
		batch.Queue(countStarts, c.namespaces, c.tasks, c.started, c.finished)
	}
}

// heldColumns are the columns of holdEvents and releaseHeld.
type heldColumns struct {
	namespaces, tasks, events [][16]byte
	eventAts, firsts, dues    []time.Time
	freedIn, freed            [][16]byte
}

func (c *heldColumns) add(e *ordinaut.EventDecision, before bool) {
	switch {
	case e.Held != nil:
		c.namespaces, c.tasks, c.events = append(c.namespaces, e.NamespaceID), append(c.tasks, e.TaskID), append(c.events, e.Held.EventID)
		c.eventAts, c.firsts, c.dues = append(c.eventAts, e.Held.EventAt), append(c.firsts, e.Held.FirstAt), append(c.dues, e.Held.DueAt)
	case before:
		c.freedIn, c.freed = append(c.freedIn, e.NamespaceID), append(c.freed, e.TaskID)
	}
}

func (c *heldColumns) queue(batch *pgx.Batch) {
	if len(c.tasks) > 0 {
		batch.Queue(holdEvents, c.namespaces, c.tasks, c.events, c.eventAts, c.firsts, c.dues)
	}
	if len(c.freed) > 0 {
		batch.Queue(releaseHeld, c.freedIn, c.freed)
	}
}

// keyColumns are the columns of rememberEventKeys.
type keyColumns struct {
	namespaces, tasks, events [][16]byte
	keys                      [][]byte
	until                     []time.Time
}

func (c *keyColumns) add(e *ordinaut.EventDecision) {
	for _, k := range e.Keys {
		c.namespaces, c.tasks, c.events = append(c.namespaces, e.NamespaceID), append(c.tasks, e.TaskID), append(c.events, k.EventID)
		c.keys, c.until = append(c.keys, k.Key), append(c.until, k.Until)
	}
}

func (c *keyColumns) queue(batch *pgx.Batch) {
	if len(c.keys) > 0 {
		batch.Queue(rememberEventKeys, c.namespaces, c.tasks, c.keys, c.events, c.until)
	}
}

// dispatchDetail is the detail of a dispatch's audit row.
type dispatchDetail struct {
	Occurrences []metEvent `json:"occurrences"`
	// Finished are the tasks that have ended.
	Finished []ordinaut.TaskID `json:"finished,omitempty"`
}

type metEvent struct {
	Task  ordinaut.TaskID  `json:"task"`
	Event ordinaut.EventID `json:"event"`
	Fate  ordinaut.Fate    `json:"fate"`
}

// auditDispatch writes one row for each namespace in which events met tasks.
func auditDispatch(ctx context.Context, tx pgx.Tx, decisions []ordinaut.EventDecision) error {
	details := map[ordinaut.NamespaceID]*dispatchDetail{}
	for i := range decisions {
		e := &decisions[i]
		for _, o := range e.Occurrences {
			if details[e.NamespaceID] == nil {
				details[e.NamespaceID] = &dispatchDetail{}
			}
			details[e.NamespaceID].Occurrences = append(details[e.NamespaceID].Occurrences, metEvent{Task: e.TaskID, Event: o.EventID, Fate: o.Fate})
		}
	}
	return insertDispatchAudit(ctx, tx, details)
}
