package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// insertApprovals writes what steps ask, under leases that the transaction holds locked. A step asks once. Served
// by lease_pkey.
const insertApprovals = `INSERT INTO approval (namespace_id, id, run_id, task_id, step_id, message, input, editable, on_timeout, requested_at, expires_at)
SELECT n.namespace_id, n.id, n.run_id, l.task_id, n.step_id, n.message, n.input, n.editable, n.on_timeout, n.requested_at, n.expires_at
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::boolean[], $9::text[],
    $10::timestamptz[], $11::timestamptz[])
    AS n (namespace_id, run_id, epoch, id, step_id, message, input, editable, on_timeout, requested_at, expires_at)
CROSS JOIN LATERAL (
    SELECT task_id FROM lease WHERE namespace_id = n.namespace_id AND run_id = n.run_id AND epoch = n.epoch OFFSET 0
) AS l
ON CONFLICT DO NOTHING`

// closeAnswered closes what steps have asked that have ended without a decision, under leases that the transaction
// holds locked. Served by lease_pkey and approval_namespace_id_run_id_step_id_key.
const closeAnswered = `UPDATE approval a SET decision = 'closed', decided_at = clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[]) AS n (namespace_id, run_id, epoch, step_id)
CROSS JOIN LATERAL (
    SELECT FROM lease l WHERE l.namespace_id = n.namespace_id AND l.run_id = n.run_id AND l.epoch = n.epoch OFFSET 0
) AS held
WHERE a.namespace_id = n.namespace_id AND a.run_id = n.run_id AND a.step_id = n.step_id AND a.decision IS NULL`

// closeEnded closes the open approvals of those runs in $1, $2 that have ended. Served by run_pkey and
// approval_namespace_id_run_id_step_id_key.
const closeEnded = `UPDATE approval a SET decision = 'closed', decided_at = clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[]) AS n (namespace_id, run_id)
CROSS JOIN LATERAL (
    SELECT FROM run WHERE namespace_id = n.namespace_id AND id = n.run_id AND finished_at IS NOT NULL OFFSET 0
) AS r
WHERE a.namespace_id = n.namespace_id AND a.run_id = n.run_id AND a.decision IS NULL`

// closeApprovals closes what runs have asked that the transaction has ended, and returns how many that were.
func closeApprovals(ctx context.Context, tx pgx.Tx, namespaces, runs [][16]byte) (int64, error) {
	if len(runs) == 0 {
		return 0, nil
	}
	tag, err := tx.Exec(ctx, closeEnded, namespaces, runs)
	return tag.RowsAffected(), err
}

// askColumns are the columns of insertApprovals.
type askColumns struct {
	leaseColumns
	ids                     [][16]byte
	steps, messages, onTime []string
	inputs                  []json.RawMessage
	editable                []bool
	from, until             []time.Time
}

func (c *askColumns) add(r *ordinaut.Record) {
	for i := range r.Steps {
		a := r.Steps[i].Approval
		if a == nil {
			continue
		}
		c.leaseColumns.add(r.Lease)
		c.ids, c.steps, c.messages = append(c.ids, a.ID), append(c.steps, clean(a.StepID)), append(c.messages, clean(a.Message))
		c.inputs, c.editable, c.onTime = append(c.inputs, cleanJSON(a.Input)), append(c.editable, a.Editable), append(c.onTime, string(a.OnTimeout))
		c.from, c.until = append(c.from, a.RequestedAt), append(c.until, a.ExpiresAt)
	}
}

func (c *askColumns) args() []any {
	return []any{c.namespaces, c.runs, c.epochs, c.ids, c.steps, c.messages, c.inputs, c.editable, c.onTime, c.from, c.until}
}

// closeColumns are the columns of closeAnswered, and the runs of closeEnded.
type closeColumns struct {
	leaseColumns
	steps []string

	endedNamespaces, ended [][16]byte
}

func (c *closeColumns) add(r *ordinaut.Record) {
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Uses == ordinaut.ApprovalRequest && s.State.Final() {
			c.leaseColumns.add(r.Lease)
			c.steps = append(c.steps, clean(s.StepID))
		}
	}
	if o := r.Outcome; o != nil && o.Asked {
		c.endedNamespaces, c.ended = append(c.endedNamespaces, r.Lease.NamespaceID), append(c.ended, r.Lease.RunID)
	}
}
