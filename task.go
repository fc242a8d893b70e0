package ordinaut

import (
	"encoding/json"
	"time"
)

// TaskState says whether a task's schedule is obeyed.
type TaskState string

// States of tasks.
const (
	TaskActive   TaskState = "active"
	TaskPaused   TaskState = "paused"   // by pause_task, with a note
	TaskFinished TaskState = "finished" // its schedule has no further occurrence; run_now still works
	TaskDeleted  TaskState = "deleted"  // kept for its history, shown to nobody
)

// TaskSpec is a task's definition: what a version of it keeps. A run keeps the version it ran.
type TaskSpec struct {
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Schedule    Schedule `json:"schedule"`
	// Params are values that templates reach as params; run_now may override them key by key.
	Params   map[string]any `json:"params,omitempty"`
	Pipeline []Step         `json:"pipeline"`
	Ends
	// Priority orders queued runs: 1 goes first, 9 last; 5 is the default. A step of priority is
	// worth ten seconds of waiting, so nothing starves.
	Priority int `json:"priority"`
	// TimeoutSeconds bounds a run from its first start to its end. Waits count, but for those for a person. Default 900.
	TimeoutSeconds int `json:"timeout_seconds"`
	// Retry is how often a failed run is tried again, from its failed step on.
	Retry *Retry `json:"retry,omitempty"`
	// PauseAfterFailures pauses the task, with a note and an event, when so many of its runs in a row
	// have failed. Zero means never.
	PauseAfterFailures int `json:"pause_after_failures,omitempty"`
}

// Task is a task as it stands now.
type Task struct {
	NamespaceID NamespaceID `json:"-" db:"namespace_id"`
	ID          TaskID      `json:"id" db:"id"`
	OwnerID     AgentID     `json:"owner_id" db:"owner_id"`
	Version     int         `json:"version" db:"version"`
	State       TaskState   `json:"state" db:"state"`
	Note        string      `json:"note,omitempty" db:"note"`
	Spec        TaskSpec    `json:"spec" db:"spec"`
	// NextAt is the next nominal time, UTC; nil when there is none or the task is paused.
	NextAt *time.Time `json:"next_at,omitempty" db:"next_at"`
	// DueAt is when that is due by jitter, quiet hours or a snooze, or when a pause ends by itself.
	DueAt *time.Time `json:"due_at,omitempty" db:"due_at"`
	// SnoozedAt is the nominal time of an occurrence that was snoozed, SnoozedUntil when it is due.
	SnoozedAt    *time.Time `json:"snoozed_at,omitempty" db:"snoozed_at"`
	SnoozedUntil *time.Time `json:"snoozed_until,omitempty" db:"snoozed_until"`
	// PausedReason is paused, or paused_after_failures; empty unless the task is paused.
	PausedReason Reason `json:"paused_reason,omitempty" db:"paused_reason"`
	// RunsStarted counts the runs that the schedule has started, for max_runs.
	RunsStarted int       `json:"runs_started" db:"runs_started"`
	CreatedAt   time.Time `json:"created_at" db:"created_at"`
	UpdatedAt   time.Time `json:"updated_at" db:"updated_at"`
}

// Backoff names how the delay between attempts grows.
type Backoff string

// Back-off strategies.
const (
	BackoffExponentialJitter Backoff = "exponential_jitter" // initial · 2ⁿ, capped, then a random share of it between half and all; the default
	BackoffLinear            Backoff = "linear"             // initial · n, capped
	BackoffFixed             Backoff = "fixed"              // initial
)

// Backoffs lists every [Backoff].
func Backoffs() []Backoff { return []Backoff{BackoffExponentialJitter, BackoffLinear, BackoffFixed} }

// Retry says how often something is tried and how long to wait in between.
type Retry struct {
	// MaxAttempts counts the first try too; 1 means no retry.
	MaxAttempts int     `json:"max_attempts"`
	Backoff     Backoff `json:"backoff,omitempty"`
	// InitialSeconds is the delay before the first retry. Default 1.
	InitialSeconds float64 `json:"initial_seconds,omitempty"`
	// MaxSeconds caps the delay. Default 300.
	MaxSeconds float64 `json:"max_seconds,omitempty"`
}

// Action is something a step can use: built in, or a tool of a downstream server.
type Action struct {
	// Name is what uses names: http.request, or <server>.<tool>.
	Name         string          `json:"name" db:"name"`
	Title        string          `json:"title,omitempty" db:"title"`
	Description  string          `json:"description" db:"description"`
	InputSchema  json.RawMessage `json:"input_schema,omitempty" db:"input_schema"`
	OutputSchema json.RawMessage `json:"output_schema,omitempty" db:"output_schema"`
	ReadOnly     bool            `json:"read_only" db:"read_only"`
	Idempotent   bool            `json:"idempotent" db:"idempotent"`
	Destructive  bool            `json:"destructive" db:"destructive"`
}
