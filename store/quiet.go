package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// AgentByName returns the agent of that name in the namespace "default", else not_found.
func (s *Store) AgentByName(ctx context.Context, name string) (ordinaut.Agent, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	agent, err := queryOne[ordinaut.Agent](ctx, s.pool, agentByName, defaultNamespace, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return agent, ordinaut.Errorf(ordinaut.CodeNotFound, "no agent has the name %q", name)
	}
	return agent, translate(err)
}

// SetAgentQuiet gives an agent quiet hours, or takes them away with nil. The agent's active tasks become
// due at once, so that a scheduler computes their times anew; the answer is how many. source tells the
// audit trail where it was done. When ctx ends before all tasks are due, the others become so soon.
func (s *Store) SetAgentQuiet(ctx context.Context, agent ordinaut.Agent, quiet *ordinaut.Quiet, source string) (int, error) {
	w := waking{NamespaceID: agent.NamespaceID, AgentID: agent.ID}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		const set = `UPDATE agent SET quiet = $3 WHERE namespace_id = $1 AND id = $2`
		tag, err := tx.Exec(ctx, set, [16]byte(agent.NamespaceID), [16]byte(agent.ID), quiet)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return missing(pgx.ErrNoRows, "agent", agent.ID)
		}
		if err := beginWaking(ctx, tx, w); err != nil {
			return err
		}
		return insertAudit(ctx, tx, auditRow{
			namespaceID: agent.NamespaceID, actor: "operator", action: "set_quiet", object: agent.ID.String(), source: source,
			detail: map[string]any{"quiet": quiet},
		})
	})
	if err != nil {
		return 0, err
	}
	return s.finishWaking(ctx, w), nil
}
