package executor

import (
	"context"

	"github.com/ordinaut/ordinaut"
)

// closeApproval closes what a step has asked if nobody has decided; the caller holds mu.
func (m *memStore) closeApproval(r *memRun, step string) {
	if a := r.approvals[step]; a != nil && a.Decision == "" {
		m.settle(a, ordinaut.DecisionClosed)
	}
}

func (m *memStore) settle(a *ordinaut.Approval, d ordinaut.ApprovalDecision) {
	now := m.now()
	a.Decision, a.DecidedAt = d, &now
}

func (m *memStore) SettleApprovals(_ context.Context, _ ordinaut.NamespaceID, run ordinaut.RunID) ([]ordinaut.Approval, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errAway
	}
	var all []ordinaut.Approval
	for _, a := range m.runs[run].approvals {
		if a.Decision == "" && !a.ExpiresAt.After(m.now()) {
			m.settle(a, ordinaut.DecisionExpired)
		}
		all = append(all, *a)
	}
	return all, nil
}

// decide is what a person does: it wakes the run if that waits, and reports whether it was the first decision.
func (m *memStore) decide(id ordinaut.RunID, step string, d ordinaut.ApprovalDecision, by, edited string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runs[id]
	a := r.approvals[step]
	if a == nil || a.Decision != "" || !a.ExpiresAt.After(m.now()) {
		return false
	}
	m.settle(a, d)
	a.DecidedBy = by
	if edited != "" {
		a.Edited = []byte(edited)
	}
	if r.place == "wait" {
		r.place = "queue"
		m.order = append(m.order, id)
		poke(m.wakeQueue)
	}
	return true
}
