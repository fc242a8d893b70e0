package mcp

import (
	"context"
	"encoding/json"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// maxEdited is the most bytes of an input that decide_approval takes: as many as a step may show.
const maxEdited = 64 << 10

// decideApprovalArgs is the input of decide_approval.
type decideApprovalArgs struct {
	ApprovalID     string          `json:"approval_id"`
	Decision       string          `json:"decision"`
	Note           string          `json:"note,omitempty"`
	Input          json.RawMessage `json:"input,omitempty"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
}

// decideApprovalAnswer is the output of decide_approval.
type decideApprovalAnswer struct {
	Approval approvalView `json:"approval"`
	Next     string       `json:"next"`
}

func (a decideApprovalAnswer) text() string { return a.Approval.text() + "\n" + a.Next }

func (s *Server) decideApproval(ctx context.Context, c *call, in decideApprovalArgs) (decideApprovalAnswer, error) {
	id, err := approvalID(in.ApprovalID)
	if err != nil {
		return decideApprovalAnswer{}, err
	}
	if n := len(in.Input); n > maxEdited {
		return decideApprovalAnswer{}, ordinaut.Invalid("/input", "the input has %d bytes, at most %d are allowed", n, maxEdited)
	}
	ruling := store.Ruling{Decision: ordinaut.DecisionApproved, Note: in.Note, Edited: in.Input}
	if in.Decision == "deny" {
		ruling.Decision = ordinaut.DecisionDenied
	}
	a, err := s.cfg.Store.DecideApproval(ctx, c.mutation(in.IdempotencyKey), id, ruling)
	if err != nil {
		return decideApprovalAnswer{}, err
	}
	return decideApprovalAnswer{
		Approval: viewApproval(a, s.now()),
		Next:     "Its run goes on at once: get_run with run_id follows it.",
	}, nil
}
