package mcp

import (
	"cmp"
	"context"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// stateOpen is the state of an approval that waits for a person.
const stateOpen = "open"

// listApprovalsArgs is the input of list_approvals.
type listApprovalsArgs struct {
	State      string `json:"state,omitempty"`
	ApprovalID string `json:"approval_id,omitempty"`
	Limit      int    `json:"limit,omitempty"`
	Cursor     string `json:"cursor,omitempty"`
}

// listApprovalsAnswer is the output of list_approvals.
type listApprovalsAnswer struct {
	Approvals  []approvalView `json:"approvals"`
	NextCursor string         `json:"next_cursor,omitempty"`
}

func (a listApprovalsAnswer) text() string {
	if len(a.Approvals) == 0 {
		return "No approval."
	}
	lines := make([]string, len(a.Approvals))
	for i, v := range a.Approvals {
		lines[i] = v.text()
	}
	return strings.Join(lines, "\n") + moreText(a.NextCursor)
}

func (s *Server) listApprovals(ctx context.Context, c *call, in listApprovalsArgs) (listApprovalsAnswer, error) {
	if in.ApprovalID != "" {
		return s.oneApproval(ctx, c, in)
	}
	bound := []any{in.State}
	after, err := c.after(in.Cursor, bound)
	if err != nil {
		return listApprovalsAnswer{}, err
	}
	limit := cmp.Or(in.Limit, defaultLimit)
	filter := store.ApprovalFilter{After: after, Limit: limit + 1} // one more tells whether there is another page
	if in.State != stateOpen {
		filter.Decision = ordinaut.ApprovalDecision(in.State)
	}
	all, err := s.cfg.Store.ListApprovals(ctx, c.agent.NamespaceID, filter)
	if err != nil {
		return listApprovalsAnswer{}, err
	}
	answer := listApprovalsAnswer{Approvals: make([]approvalView, min(len(all), limit))}
	now := s.now()
	var slots []slot
	for i := range answer.Approvals {
		v := &answer.Approvals[i]
		*v = viewApproval(all[i], now)
		v.Message, v.Note = shorten(v.Message, maxQuestionChars), shorten(v.Note, maxQuestionChars)
		if len(v.Input) > 0 {
			slots = append(slots, slot{&v.Input, &v.CutBytes})
		}
		if len(v.Edited) > 0 {
			slots = append(slots, slot{&v.Edited, &v.CutBytes})
		}
	}
	fit(slots, maxInputChars)
	if len(all) > limit {
		answer.NextCursor, err = c.cursor(all[limit-1].ID, bound)
	}
	return answer, err
}

// oneApproval answers with one approval, whole.
func (s *Server) oneApproval(ctx context.Context, c *call, in listApprovalsArgs) (listApprovalsAnswer, error) {
	if in.State != "" || in.Cursor != "" {
		return listApprovalsAnswer{}, ordinaut.Invalid("/approval_id", "approval_id stands alone: leave state and cursor out")
	}
	id, err := approvalID(in.ApprovalID)
	if err != nil {
		return listApprovalsAnswer{}, err
	}
	a, err := s.cfg.Store.GetApproval(ctx, c.agent.NamespaceID, id)
	if err != nil {
		return listApprovalsAnswer{}, err
	}
	return listApprovalsAnswer{Approvals: []approvalView{viewApproval(a, s.now())}}, nil
}
