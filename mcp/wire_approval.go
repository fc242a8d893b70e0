package mcp

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// maxQuestionChars and maxInputChars bound what a list shows of each message and of all inputs.
	maxQuestionChars = 500
	maxInputChars    = 4000
)

// approvalView is an approval. State is open or the decision.
type approvalView struct {
	ID          string          `json:"id"`
	State       string          `json:"state"`
	Message     string          `json:"message"`
	Input       json.RawMessage `json:"input,omitempty"`
	CutBytes    int             `json:"cut_bytes,omitempty"`
	Editable    bool            `json:"editable,omitempty"`
	TaskID      string          `json:"task_id"`
	TaskTitle   string          `json:"task_title"`
	Owner       string          `json:"owner,omitempty"`
	RunID       string          `json:"run_id"`
	Step        string          `json:"step"`
	RequestedAt string          `json:"requested_at"`
	ExpiresAt   string          `json:"expires_at"`
	OnTimeout   string          `json:"on_timeout"`
	DecidedBy   string          `json:"decided_by,omitempty"`
	DecidedAt   string          `json:"decided_at,omitempty"`
	Note        string          `json:"note,omitempty"`
	Edited      json.RawMessage `json:"edited,omitempty"`
}

// viewApproval returns the whole approval.
func viewApproval(a ordinaut.Approval, now time.Time) approvalView {
	return approvalView{
		ID: a.ID.String(), State: approvalState(a, now), Message: a.Message, Input: a.Input, Editable: a.Editable,
		TaskID: a.TaskID.String(), TaskTitle: a.TaskTitle, Owner: a.Owner, RunID: a.RunID.String(), Step: a.StepID,
		RequestedAt: stamp(a.RequestedAt), ExpiresAt: stamp(a.ExpiresAt), OnTimeout: string(a.OnTimeout),
		DecidedBy: a.DecidedBy, DecidedAt: stampOf(a.DecidedAt), Note: a.Note, Edited: a.Edited,
	}
}

// approvalState says how an approval stands. One whose time is over is open no longer, though a worker may
// still have to note it.
func approvalState(a ordinaut.Approval, now time.Time) string {
	switch {
	case a.Decision != "":
		return string(a.Decision)
	case !now.Before(a.ExpiresAt):
		return string(ordinaut.DecisionExpired)
	default:
		return stateOpen
	}
}

// text returns the approval as lines of text: the question first, then what exactly it is about.
func (v approvalView) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %q, step %s of %s", v.ID, v.State, v.TaskTitle, v.Step, v.RunID)
	if v.Owner != "" {
		b.WriteString(", asked by " + v.Owner)
	}
	switch {
	case v.State == stateOpen:
		fmt.Fprintf(&b, ", expires %s, then %s", v.ExpiresAt, v.OnTimeout)
	case v.DecidedBy != "":
		fmt.Fprintf(&b, " by %s at %s", v.DecidedBy, v.DecidedAt)
	}
	if v.Note != "" {
		fmt.Fprintf(&b, " (%q)", v.Note)
	}
	b.WriteString("\n  " + strings.ReplaceAll(v.Message, "\n", "\n  "))
	label := "\n  input: "
	if v.Editable {
		label = "\n  input, may be edited: "
	}
	writeValue(&b, label, v.Input)
	if v.CutBytes > 0 {
		fmt.Fprintf(&b, " (%d bytes more: list_approvals with approval_id)", v.CutBytes)
	}
	writeValue(&b, "\n  edited: ", v.Edited)
	return b.String()
}

// approvalID reads the argument approval_id.
func approvalID(text string) (ordinaut.ApprovalID, error) {
	id, err := ordinaut.ParseApprovalID(text)
	if err != nil || id.IsZero() {
		return id, badID("/approval_id", text, "approval", "list_approvals shows ids")
	}
	return id, nil
}
