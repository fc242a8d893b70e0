package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// schedulerActor is the actor of what the program does by itself. Agents appear by their id, which
// no name can imitate.
const schedulerActor = "scheduler"

// auditRow is one row of table audit. It never holds arguments of a call, only their digest and what
// became of the object.
type auditRow struct {
	namespaceID ordinaut.NamespaceID
	actor       string
	action      string
	object      string
	outcome     string // ok, unless it is set
	requestID   string
	source      string
	digest      []byte
	detail      any
}

// auditOf returns the row of a call that changed object.
func auditOf(call ordinaut.Call, object fmt.Stringer, detail any) auditRow {
	return auditRow{
		namespaceID: call.Agent.NamespaceID, actor: call.Agent.ID.String(), action: call.Tool, object: object.String(),
		requestID: call.RequestID, source: call.Source, digest: call.Digest, detail: detail,
	}
}

const insertAuditRow = `INSERT INTO audit (namespace_id, id, actor, action, object, outcome, request_id, source, digest, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// insertAudit writes row in the transaction that did what it tells.
func insertAudit(ctx context.Context, tx pgx.Tx, row auditRow) error {
	args, err := row.args()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, insertAuditRow, args...)
	return err
}

// queue adds the row to a batch.
func (row auditRow) queue(batch *pgx.Batch) error {
	args, err := row.args()
	if err != nil {
		return err
	}
	batch.Queue(insertAuditRow, args...)
	return nil
}

func (row auditRow) args() ([]any, error) {
	var detail []byte
	if row.detail != nil {
		var err error
		if detail, err = json.Marshal(row.detail); err != nil {
			return nil, fmt.Errorf("audit detail: %w", err)
		}
	}
	return []any{
		row.namespaceID, ordinaut.NewEventID(), row.actor, row.action, row.object,
		cmp.Or(row.outcome, "ok"), clean(row.requestID), clean(row.source), row.digest, json.RawMessage(detail),
	}, nil
}

// Deny writes the audit row of a call that its agent may not make for want of the scope need.
func (s *Store) Deny(ctx context.Context, call ordinaut.Call, need ordinaut.Scope) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		return insertAudit(ctx, tx, auditRow{
			namespaceID: call.Agent.NamespaceID, actor: call.Agent.ID.String(), action: call.Tool, outcome: "denied",
			requestID: call.RequestID, source: call.Source, detail: map[string]any{"needs": need},
		})
	})
}
