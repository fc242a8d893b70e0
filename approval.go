package ordinaut

import (
	"encoding/json"
	"time"
)

// ApprovalRequest is the action that asks a person.
const ApprovalRequest = "approval.request"

// Topics of the events that tell of approvals.
const (
	TopicApprovalRequested = "approval.requested"
	TopicApprovalDecided   = "approval.decided"
)

// ApprovalDecision is what became of an approval.
type ApprovalDecision string

// Decisions. The first that is made stands.
const (
	DecisionApproved ApprovalDecision = "approved"
	DecisionDenied   ApprovalDecision = "denied"
	DecisionExpired  ApprovalDecision = "expired" // nobody decided in time; the step's on_timeout says what that means
	DecisionClosed   ApprovalDecision = "closed"  // the run ended, or went on without it
)

// Approval is a question to a person that a step of a run waits on. All times are UTC.
type Approval struct {
	NamespaceID NamespaceID `json:"-" db:"namespace_id"`
	ID          ApprovalID  `json:"id" db:"id"`
	RunID       RunID       `json:"run_id" db:"run_id"`
	TaskID      TaskID      `json:"task_id" db:"task_id"`
	TaskTitle   string      `json:"task_title" db:"task_title"`
	// Owner is the name of the agent whose task asks.
	Owner   string `json:"owner,omitempty" db:"owner"`
	StepID  string `json:"step" db:"step_id"`
	Message string `json:"message" db:"message"`
	// Input is what is to be approved, exactly as it will be used; nil if the step shows nothing.
	Input       json.RawMessage `json:"input,omitempty" db:"input"`
	Editable    bool            `json:"editable,omitempty" db:"editable"`
	OnTimeout   OnTimeout       `json:"on_timeout" db:"on_timeout"`
	RequestedAt time.Time       `json:"requested_at" db:"requested_at"`
	ExpiresAt   time.Time       `json:"expires_at" db:"expires_at"`
	// Decision is empty while the approval is open.
	Decision ApprovalDecision `json:"decision,omitempty" db:"decision"`
	// DecidedBy is the name of the agent that decided; empty if none did.
	DecidedBy string     `json:"decided_by,omitempty" db:"decided_by"`
	DecidedAt *time.Time `json:"decided_at,omitempty" db:"decided_at"`
	Note      string     `json:"note,omitempty" db:"note"`
	// Edited is what whoever approved made of Input; nil if it was left as it was.
	Edited json.RawMessage `json:"edited,omitempty" db:"edited"`
}

// Approved reports whether the run may do what it asked for.
func (a *Approval) Approved() bool {
	return a.Decision == DecisionApproved || a.Decision == DecisionExpired && a.OnTimeout == OnTimeoutApprove
}

// Value returns the input as it was approved: as it was shown, or as it was edited.
func (a *Approval) Value() json.RawMessage {
	if len(a.Edited) > 0 {
		return a.Edited
	}
	return a.Input
}

// Waited returns from when to when the run waited, or will at the latest, for the decision.
func (a *Approval) Waited() (from, to time.Time) {
	if a.DecidedAt != nil {
		return a.RequestedAt, *a.DecidedAt
	}
	return a.RequestedAt, a.ExpiresAt
}

// event tells others of the approval.
func (a *Approval) event(topic string, about map[string]any) (Event, error) {
	payload, err := json.Marshal(about)
	return Event{NamespaceID: a.NamespaceID, ID: NewEventID(), Topic: topic, Payload: payload}, err
}

// Requested returns the event that tells that a person is asked. It holds no input: that is for those who may
// read runs.
func (a *Approval) Requested() (Event, error) {
	return a.event(TopicApprovalRequested, map[string]any{
		"approval_id": a.ID, "run_id": a.RunID, "task_id": a.TaskID, "task_title": a.TaskTitle, "step": a.StepID,
		"message": a.Message, "expires_at": a.ExpiresAt.UTC(), "on_timeout": a.OnTimeout,
	})
}

// Decided returns the event that tells what became of the approval.
func (a *Approval) Decided() (Event, error) {
	return a.event(TopicApprovalDecided, map[string]any{
		"approval_id": a.ID, "run_id": a.RunID, "task_id": a.TaskID, "task_title": a.TaskTitle, "step": a.StepID,
		"decision": a.Decision, "approved": a.Approved(), "by": a.DecidedBy,
	})
}
