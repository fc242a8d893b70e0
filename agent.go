package ordinaut

import (
	"slices"
	"time"
)

// Scope is one permission. A tool requires exactly one.
type Scope string

// Scopes, in the order of documentation.
const (
	ScopeTasksRead       Scope = "tasks:read"
	ScopeTasksWrite      Scope = "tasks:write"
	ScopeTasksRun        Scope = "tasks:run"
	ScopeRunsRead        Scope = "runs:read"
	ScopeRunsCancel      Scope = "runs:cancel"
	ScopeApprovalsDecide Scope = "approvals:decide"
	ScopeEventsPublish   Scope = "events:publish"
	ScopeServersRead     Scope = "servers:read"
)

// Scopes lists every [Scope].
func Scopes() []Scope {
	return []Scope{
		ScopeTasksRead, ScopeTasksWrite, ScopeTasksRun, ScopeRunsRead, ScopeRunsCancel, ScopeApprovalsDecide,
		ScopeEventsPublish, ScopeServersRead,
	}
}

// Agent is a principal that calls tools and owns tasks.
type Agent struct {
	NamespaceID NamespaceID `json:"-" db:"namespace_id"`
	ID          AgentID     `json:"id" db:"id"`
	Name        string      `json:"name" db:"name"`
	Scopes      []Scope     `json:"scopes" db:"scopes"`
	CreatedAt   time.Time   `json:"created_at" db:"created_at"`
}

// May reports whether the agent has scope s.
func (a *Agent) May(s Scope) bool { return slices.Contains(a.Scopes, s) }

// Call is one mutating call of a tool: who makes it and how it is recorded. A store method that takes
// a Call writes its audit row, and answers a repeated IdempotencyKey with the object of the first.
type Call struct {
	Agent *Agent
	Tool  string
	// RequestID ties the audit row to the log.
	RequestID string
	// Source says where the call came from: stdio, or an address.
	Source string
	// IdempotencyKey, if set, makes the call repeatable for 24 hours; at most 200 bytes.
	IdempotencyKey string
	// Digest is the SHA-256 of the call's arguments, key excluded. The same key with another digest
	// is refused with [CodeConflict].
	Digest []byte
}
