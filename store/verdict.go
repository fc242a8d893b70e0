package store

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// insertVerdicts writes what probes found, under leases that the transaction holds locked. One that is
// there already is left: the batch was sent again because the answer to its commit was lost.
const insertVerdicts = `INSERT INTO verdict (namespace_id, run_id, task_id, task_version, met, value, cursor, error)
SELECT n.namespace_id, n.run_id, l.task_id, n.task_version, n.met, n.value, n.cursor, n.error
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::boolean[], $6::jsonb[], $7::jsonb[], $8::text[])
    AS n (namespace_id, run_id, epoch, task_version, met, value, cursor, error)
CROSS JOIN LATERAL (
    SELECT task_id FROM lease WHERE namespace_id = n.namespace_id AND run_id = n.run_id AND epoch = n.epoch OFFSET 0
) AS l
ON CONFLICT DO NOTHING`

// verdictColumns are the columns of insertVerdicts.
type verdictColumns struct {
	leaseColumns
	versions        []int32
	met             []*bool
	values, cursors []json.RawMessage
	errors          []string
}

func (c *verdictColumns) add(r *ordinaut.Record) {
	v := r.Verdict
	if v == nil {
		return
	}
	c.leaseColumns.add(r.Lease)
	c.versions, c.met, c.errors = append(c.versions, int32(v.TaskVersion)), append(c.met, v.Met), append(c.errors, clean(v.Error))
	c.values, c.cursors = append(c.values, cleanJSON(v.Value)), append(c.cursors, cleanJSON(v.Cursor))
}

func (c *verdictColumns) args() []any {
	return []any{c.namespaces, c.runs, c.epochs, c.versions, c.met, c.values, c.cursors, c.errors}
}

// GetCursor returns what the latest judged probe of a version of a task has left; nil if there is
// nothing. The next probe starts only when that verdict has been judged, so it never misses one.
func (s *Store) GetCursor(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.TaskID, version int) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var cursor json.RawMessage
	const lookup = `SELECT cursor FROM condition WHERE namespace_id = $1 AND task_id = $2 AND task_version = $3`
	err := s.pool.QueryRow(ctx, lookup, [16]byte(ns), [16]byte(id), version).Scan(&cursor)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return cursor, translate(err)
}

// GetCondition returns what is known of the task's condition; nothing yet is the zero state.
func (s *Store) GetCondition(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.TaskID) (ordinaut.ConditionState, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	const lookup = `SELECT ` + conditionColumns + ` FROM condition c WHERE namespace_id = $1 AND task_id = $2`
	state, err := queryOne[ordinaut.ConditionState](ctx, s.pool, lookup, [16]byte(ns), [16]byte(id))
	if errors.Is(err, pgx.ErrNoRows) {
		return ordinaut.ConditionState{}, nil
	}
	return state, translate(err)
}

// conditionColumns are the columns of an [ordinaut.ConditionState], from condition c.
const conditionColumns = `c.met, c.met_since, c.fired, c.suppressed, c.cooldown_until, c.cursor, c.probed_at, c.value, c.error`

// keepCondition lets what is known of a task's condition go on under the task's next version, or forgets
// it when that has another condition. The caller holds the task locked.
func keepCondition(ctx context.Context, tx pgx.Tx, task ordinaut.Task, spec ordinaut.TaskSpec) error {
	before, after := conditionOf(task.Spec.Schedule), conditionOf(spec.Schedule)
	if before == nil {
		return nil
	}
	statement := `DELETE FROM condition WHERE namespace_id = $1 AND task_id = $2 AND task_version < $3`
	if reflect.DeepEqual(before, after) {
		statement = `UPDATE condition SET task_version = $3 WHERE namespace_id = $1 AND task_id = $2`
	}
	_, err := tx.Exec(ctx, statement, [16]byte(task.NamespaceID), [16]byte(task.ID), task.Version+1)
	return err
}

func conditionOf(s ordinaut.Schedule) *ordinaut.Condition {
	if s.Rules == nil {
		return nil
	}
	return s.Rules.Condition
}
