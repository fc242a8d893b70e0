package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// ApprovalFilter selects approvals for [Store.ListApprovals]. Zero fields select those that are open.
type ApprovalFilter struct {
	// Decision is what became of them; empty means that they are open.
	Decision ordinaut.ApprovalDecision
	// After is the last id of the page before.
	After ordinaut.ApprovalID
	// Limit is the most approvals to return; default 50, at most 1000.
	Limit int
}

// approvalColumns are the columns of an [ordinaut.Approval], from approval a.
const approvalColumns = `a.namespace_id, a.id, a.run_id, a.task_id, t.title AS task_title, coalesce(o.name, '') AS owner, a.step_id, a.message,
    a.input, a.editable, a.on_timeout, a.requested_at, a.expires_at, coalesce(a.decision, '') AS decision,
    coalesce(d.name, '') AS decided_by, a.decided_at, a.note, a.edited`

// approvalJoins find the task that asks, its owner and who decided. Served by task_pkey and agent_pkey.
const approvalJoins = `
JOIN task t ON t.namespace_id = a.namespace_id AND t.id = a.task_id
LEFT JOIN agent o ON o.namespace_id = t.namespace_id AND o.id = t.owner_id
LEFT JOIN agent d ON d.namespace_id = a.namespace_id AND d.id = a.decided_by`

// ListApprovals returns approvals of the namespace, newest first. Served by approval_open_idx and approval_pkey.
func (s *Store) ListApprovals(ctx context.Context, ns ordinaut.NamespaceID, f ApprovalFilter) ([]ordinaut.Approval, error) {
	which := `a.decision = @decision`
	if f.Decision == "" {
		which = `a.decision IS NULL`
	}
	if !f.After.IsZero() {
		which += ` AND a.id < @after`
	}
	args := pgx.StrictNamedArgs{"ns": [16]byte(ns), "limit": pageSize(f.Limit)}
	if f.Decision != "" {
		args["decision"] = string(f.Decision)
	}
	if !f.After.IsZero() {
		args["after"] = [16]byte(f.After)
	}
	return list[ordinaut.Approval](ctx, s, `SELECT `+approvalColumns+`
FROM approval a`+approvalJoins+`
WHERE a.namespace_id = @ns AND `+which+`
ORDER BY a.namespace_id DESC, a.id DESC LIMIT @limit`, args)
}

const approvalByID = `SELECT ` + approvalColumns + `
FROM approval a` + approvalJoins + `
WHERE a.namespace_id = $1 AND a.id = $2`

func getApproval(ctx context.Context, q querier, ns ordinaut.NamespaceID, id ordinaut.ApprovalID) (ordinaut.Approval, error) {
	a, err := queryOne[ordinaut.Approval](ctx, q, approvalByID, [16]byte(ns), [16]byte(id))
	return a, missing(err, "approval", id)
}

// GetApproval returns an approval, or not_found.
func (s *Store) GetApproval(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.ApprovalID) (ordinaut.Approval, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	a, err := getApproval(ctx, s.pool, ns, id)
	return a, translate(err)
}

// approvalsOfRun gives what runs have asked, in their order. Served by approval_namespace_id_run_id_step_id_key.
const approvalsOfRun = `SELECT ` + approvalColumns + `
FROM approval a` + approvalJoins + `
WHERE a.namespace_id = $1 AND a.run_id = ANY ($2)
ORDER BY a.id`

// RunApprovals returns what a run has asked people, in the order of asking.
func (s *Store) RunApprovals(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID) ([]ordinaut.Approval, error) {
	return list[ordinaut.Approval](ctx, s, approvalsOfRun, [16]byte(ns), [][16]byte{run})
}

// expireApprovals lets those approvals of a run expire whose time is over and that nobody has decided. Served by
// approval_namespace_id_run_id_step_id_key.
const expireApprovals = `UPDATE approval SET decision = 'expired', decided_at = clock_timestamp()
WHERE namespace_id = $1 AND run_id = $2 AND decision IS NULL AND expires_at <= clock_timestamp()
RETURNING id`

// SettleApprovals returns what a run has asked people. What nobody has decided in time expires, which is told
// as any decision is.
func (s *Store) SettleApprovals(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID) ([]ordinaut.Approval, error) {
	var all []ordinaut.Approval
	var events []ordinaut.Event
	err := s.tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, expireApprovals, [16]byte(ns), [16]byte(run))
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
		if err != nil {
			return err
		}
		if all, err = query[ordinaut.Approval](ctx, tx, approvalsOfRun, [16]byte(ns), [][16]byte{run}); err != nil || len(ids) == 0 {
			return err
		}
		expired := make(map[ordinaut.ApprovalID]bool, len(ids))
		for _, id := range ids {
			expired[id] = true
		}
		events = events[:0]
		for i := range all {
			if !expired[all[i].ID] {
				continue
			}
			event, err := all[i].Decided()
			if err != nil {
				return fmt.Errorf("event of %s: %w", all[i].ID, err)
			}
			events = append(events, event)
		}
		return publishEvents(ctx, tx, ns, ordinaut.EventFromSystem, events)
	})
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		s.metrics.approvals.WithLabelValues(string(ordinaut.DecisionExpired)).Add(float64(len(events)))
		s.log.InfoContext(ctx, "approvals expired", "run_id", run, "count", len(events))
		s.announceEvents(ctx, events)
	}
	return all, nil
}
