package store

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// dropVerdicts forgets verdicts that are judged: $1 namespaces, $2 probes. Served by verdict_pkey.
const dropVerdicts = `DELETE FROM verdict v USING unnest($1::uuid[], $2::uuid[]) AS d (namespace_id, run_id)
WHERE v.namespace_id = d.namespace_id AND v.run_id = d.run_id`

// saveConditions writes what is known of conditions, whose tasks the caller holds locked.
const saveConditions = `INSERT INTO condition (namespace_id, task_id, task_version, met, met_since, fired, suppressed,
    cooldown_until, cursor, probed_at, value, error)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::boolean[], $5::timestamptz[], $6::boolean[], $7::boolean[],
    $8::timestamptz[], $9::jsonb[], $10::timestamptz[], $11::jsonb[], $12::text[])
ON CONFLICT (namespace_id, task_id) DO UPDATE
SET task_version = excluded.task_version, met = excluded.met, met_since = excluded.met_since, fired = excluded.fired,
    suppressed = excluded.suppressed, cooldown_until = excluded.cooldown_until, cursor = excluded.cursor,
    probed_at = excluded.probed_at, value = excluded.value, error = excluded.error`

// insertMet writes the events that the started runs are about. They are not queued for dispatch: they have
// found their task.
const insertMet = `INSERT INTO event (namespace_id, id, topic, payload, run_id, at, source)
SELECT namespace_id, id, topic, payload, run_id, at, 'system'
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::uuid[], $6::timestamptz[])
    AS n (namespace_id, id, topic, payload, run_id, at)`

// countMet counts what conditions have started, $3, and ends the watches, $4, that are exhausted, with
// their notes, $5. Each task, $2, comes once.
const countMet = `UPDATE task
SET runs_started = runs_started + d.started,
    state = CASE WHEN d.exhausted THEN 'finished' ELSE state END,
    note = CASE WHEN d.exhausted THEN d.note ELSE task.note END,
    next_at = CASE WHEN NOT d.exhausted THEN next_at END,
    due_at = CASE WHEN NOT d.exhausted THEN due_at END
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::boolean[], $5::text[]) AS d (namespace_id, id, started, exhausted, note)
WHERE task.namespace_id = d.namespace_id AND task.id = d.id`

// judged is what a judging writes.
type judged struct {
	probes [2][][16]byte // namespaces and runs of the verdicts
	// conditions holds the latest state of each task.
	conditions map[ordinaut.TaskID]savedCondition
	starts     map[ordinaut.TaskID]countedStarts
	events     []ordinaut.Event
	ledger     []ledgerRow
	decisions  []ordinaut.Decision
	// canceling are the tasks whose live runs end, buffered those with runs that wait for others to end.
	canceling, buffered taskSet
	namespaceOf         map[ordinaut.TaskID]ordinaut.NamespaceID
}

type savedCondition struct {
	version int
	ordinaut.ConditionState
}

type countedStarts struct {
	runs      int
	exhausted bool
	note      string
}

func newJudged(all []ordinaut.Finding, judgements []ordinaut.Judgement) *judged {
	w := &judged{
		conditions: map[ordinaut.TaskID]savedCondition{}, starts: map[ordinaut.TaskID]countedStarts{},
		namespaceOf: map[ordinaut.TaskID]ordinaut.NamespaceID{}, canceling: taskSet{}, buffered: taskSet{},
	}
	for i, j := range judgements {
		f := &all[i]
		ns, task := f.Task.NamespaceID, f.Task.TaskID
		w.namespaceOf[task] = ns
		w.probes[0], w.probes[1] = append(w.probes[0], ns), append(w.probes[1], f.RunID)
		if j.Dropped {
			continue
		}
		w.conditions[task] = savedCondition{f.TaskVersion, j.After}
		if j.CancelRunning {
			w.canceling.add(task)
		}
		if o := j.Occurrence; o != nil {
			if o.Buffered {
				w.buffered.add(task)
			}
			w.ledger = append(w.ledger, ledgerRow{ns: ns, task: task, Occurrence: *o})
			w.decisions = append(w.decisions, ordinaut.Decision{TaskID: task, Occurrences: []ordinaut.Occurrence{*o}})
		}
		if j.Event != nil {
			event := *j.Event
			event.NamespaceID, event.At = ns, event.At.UTC().Truncate(time.Microsecond)
			w.events = append(w.events, event)
			counted := w.starts[task]
			w.starts[task] = countedStarts{counted.runs + 1, counted.exhausted || j.Exhausted, j.Note}
		}
	}
	return w
}

// queue adds the statements, save for the ledger's.
func (w *judged) queue(batch *pgx.Batch) {
	batch.Queue(dropVerdicts, w.probes[0], w.probes[1])
	if len(w.conditions) > 0 {
		w.queueConditions(batch)
	}
	if len(w.events) > 0 {
		w.queueEvents(batch)
		w.queueStarts(batch)
	}
}

func (w *judged) queueConditions(batch *pgx.Batch) {
	n := len(w.conditions)
	namespaces, tasks, versions := make([][16]byte, 0, n), make([][16]byte, 0, n), make([]int32, 0, n)
	met, fired, suppressed := make([]bool, 0, n), make([]bool, 0, n), make([]bool, 0, n)
	since, cooldowns, probed := make([]*time.Time, 0, n), make([]*time.Time, 0, n), make([]*time.Time, 0, n)
	cursors, values, errs := make([]json.RawMessage, 0, n), make([]json.RawMessage, 0, n), make([]string, 0, n)
	for task, c := range w.conditions {
		namespaces, tasks, versions = append(namespaces, w.namespaceOf[task]), append(tasks, task), append(versions, int32(c.version))
		met, fired, suppressed = append(met, c.Met), append(fired, c.Fired), append(suppressed, c.Suppressed)
		since, cooldowns, probed = append(since, c.MetSince), append(cooldowns, c.CooldownUntil), append(probed, c.ProbedAt)
		cursors, values, errs = append(cursors, c.Cursor), append(values, c.Value), append(errs, c.Error)
	}
	batch.Queue(saveConditions, namespaces, tasks, versions, met, since, fired, suppressed, cooldowns, cursors, probed, values, errs)
}

func (w *judged) queueEvents(batch *pgx.Batch) {
	n := len(w.events)
	namespaces, ids, topics := make([][16]byte, n), make([][16]byte, n), make([]string, n)
	payloads, runs, ats := make([]json.RawMessage, n), make([][16]byte, n), make([]time.Time, n)
	for i, e := range w.events {
		namespaces[i], ids[i], topics[i], payloads[i], runs[i], ats[i] = e.NamespaceID, e.ID, e.Topic, e.Payload, e.RunID, e.At
	}
	batch.Queue(insertMet, namespaces, ids, topics, payloads, runs, ats)
}

func (w *judged) queueStarts(batch *pgx.Batch) {
	n := len(w.starts)
	namespaces, tasks, started := make([][16]byte, 0, n), make([][16]byte, 0, n), make([]int32, 0, n)
	exhausted, notes := make([]bool, 0, n), make([]string, 0, n)
	for task, c := range w.starts {
		namespaces, tasks, started = append(namespaces, w.namespaceOf[task]), append(tasks, task), append(started, int32(c.runs))
		exhausted, notes = append(exhausted, c.exhausted), append(notes, c.note)
	}
	batch.Queue(countMet, namespaces, tasks, started, exhausted, notes)
}
