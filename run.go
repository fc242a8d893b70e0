package ordinaut

import (
	"encoding/json"
	"time"
)

// RunState is where a run stands. A run reaches exactly one terminal state, ever.
type RunState string

// States of runs. The last four are terminal.
const (
	RunQueued    RunState = "queued"
	RunRunning   RunState = "running"
	RunWaiting   RunState = "waiting" // asleep or backing off; no worker holds it
	RunSucceeded RunState = "succeeded"
	RunFailed    RunState = "failed"
	RunCanceled  RunState = "canceled"
	RunTimedOut  RunState = "timed_out"
)

// RunStates lists every [RunState].
func RunStates() []RunState {
	return []RunState{RunQueued, RunRunning, RunWaiting, RunSucceeded, RunFailed, RunCanceled, RunTimedOut}
}

// Terminal reports whether a run in this state has ended.
func (s RunState) Terminal() bool {
	switch s {
	case RunSucceeded, RunFailed, RunCanceled, RunTimedOut:
		return true
	default:
		return false
	}
}

// RunKind says what made a run.
type RunKind string

// Kinds of runs.
const (
	RunScheduled RunKind = "schedule"
	RunManual    RunKind = "manual"    // by run_now
	RunEvent     RunKind = "event"     // by an event
	RunCondition RunKind = "condition" // by a condition that was met
	RunProbe     RunKind = "probe"     // a look at a condition; it runs the probe, not the pipeline
	RunBackfill  RunKind = "backfill"  // by backfill_task, for a time that has passed
	RunRetry     RunKind = "retry"     // by retry_run, of a run that has ended
)

// RunKinds lists every [RunKind].
func RunKinds() []RunKind {
	return []RunKind{RunScheduled, RunManual, RunEvent, RunCondition, RunProbe, RunBackfill, RunRetry}
}

// Run is one execution of a task. All times are UTC.
type Run struct {
	NamespaceID NamespaceID     `json:"-" db:"namespace_id"`
	ID          RunID           `json:"id" db:"id"`
	TaskID      TaskID          `json:"task_id" db:"task_id"`
	TaskVersion int             `json:"task_version" db:"task_version"`
	TaskTitle   string          `json:"task_title" db:"task_title"`
	Kind        RunKind         `json:"kind" db:"kind"`
	State       RunState        `json:"state" db:"state"`
	Reason      Reason          `json:"reason,omitempty" db:"reason"`
	Error       string          `json:"error,omitempty" db:"error"`
	Attempt     int             `json:"attempt" db:"attempt"`
	Params      json.RawMessage `json:"params,omitempty" db:"params"`
	Output      json.RawMessage `json:"output,omitempty" db:"output"`
	NominalAt   *time.Time      `json:"nominal_at,omitempty" db:"nominal_at"`
	// EventID is the event that the run is about, if it is about one.
	EventID EventID `json:"event_id,omitzero" db:"event_id"`
	// RetryOf is the run that this one retries, if it does.
	RetryOf    RunID      `json:"retry_of,omitzero" db:"retry_of"`
	DueAt      time.Time  `json:"due_at" db:"due_at"`
	QueuedAt   time.Time  `json:"queued_at" db:"queued_at"`
	ClaimedAt  *time.Time `json:"claimed_at,omitempty" db:"claimed_at"`
	StartedAt  *time.Time `json:"started_at,omitempty" db:"started_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty" db:"finished_at"`
	// WakesAt is when a waiting run goes on.
	WakesAt *time.Time `json:"wakes_at,omitempty" db:"wakes_at"`
	// Seq is the number of the run's latest progress entry.
	Seq int64 `json:"seq" db:"seq"`
}

// Lease names one attempt of a run and fences its writes: what names an epoch that is no longer current
// is not written, and the writer is told that it lost the lease.
type Lease struct {
	NamespaceID NamespaceID `db:"namespace_id"`
	RunID       RunID       `db:"run_id"`
	Epoch       int         `db:"epoch"`
}

// Attempt is one lease of a run by a worker, with what the worker needs to go on.
type Attempt struct {
	Lease
	TaskID      TaskID          `db:"task_id"`
	TaskVersion int             `db:"task_version"`
	Kind        RunKind         `db:"kind"`
	Params      json.RawMessage `db:"params"`
	NominalAt   *time.Time      `db:"nominal_at"`
	// EventID is the event that the run is about; zero if it is about none.
	EventID   EventID   `db:"event_id"`
	DueAt     time.Time `db:"due_at"`
	QueuedAt  time.Time `db:"queued_at"`
	ClaimedAt time.Time `db:"claimed_at"`
	// StartedAt is when the first attempt started; nil on the first.
	StartedAt *time.Time `db:"started_at"`
	// Failures counts the attempts that failed and were retried by the task's own policy.
	Failures int `db:"failures"`
	// Seq is the number of the last progress entry so far.
	Seq int64 `db:"seq"`
}

// StepState is where a step of a run stands.
type StepState string

// States of steps. A succeeded, failed or skipped result never changes.
const (
	StepSucceeded StepState = "succeeded"
	StepFailed    StepState = "failed"
	StepSkipped   StepState = "skipped"
	StepWaiting   StepState = "waiting" // asleep, or backing off before its next try
	StepRunning   StepState = "running" // a flow whose steps are under way
)

// Final reports whether a result in this state never changes.
func (s StepState) Final() bool { return s != StepWaiting && s != StepRunning }

// StepResult is what a run has recorded of one of its steps.
type StepResult struct {
	// StepID is the step's id in the pipeline; within flow.foreach it is led by that step's and the item's
	// place, as in each[3].send.
	StepID string    `json:"id" db:"step_id"`
	Uses   string    `json:"uses" db:"uses"`
	State  StepState `json:"state" db:"state"`
	Reason Reason    `json:"reason,omitempty" db:"reason"`
	Error  string    `json:"error,omitempty" db:"error"`
	// Tries counts how often the action was called.
	Tries int `json:"tries" db:"tries"`
	// Epoch is the attempt that recorded this; 0 for what a retry took over from the run before it.
	Epoch  int             `json:"attempt" db:"epoch"`
	Input  json.RawMessage `json:"input,omitempty" db:"input"`
	Output json.RawMessage `json:"output,omitempty" db:"output"`
	// OutputBytes is the output's full length; larger than Output when that was cut.
	OutputBytes int        `json:"output_bytes,omitempty" db:"output_bytes"`
	StartedAt   time.Time  `json:"started_at" db:"started_at"`
	FinishedAt  *time.Time `json:"finished_at,omitempty" db:"finished_at"`
	// WakesAt is when a waiting step goes on.
	WakesAt *time.Time `json:"wakes_at,omitempty" db:"wakes_at"`
	// Seq is the number of the step's entry in the run's progress; what was taken over has none, and 0.
	Seq int64 `json:"seq" db:"seq"`
	// Approval is what the step asks a person; it is set when it asks, to be stored with the step.
	Approval *Approval `json:"-" db:"-"`
}

// Record is what an attempt writes at once, in one transaction and fenced by its lease: results of
// steps, progress reports, events it publishes and, last, what becomes of the run.
type Record struct {
	Lease    Lease
	Steps    []StepResult
	Progress []Progress
	Events   []Event
	// Verdict is what a probe found out; it comes with a terminal outcome.
	Verdict *Verdict
	// Outcome ends the attempt; nil means that it goes on.
	Outcome *Outcome
}

// Outcome ends an attempt: with a terminal state, or with [RunQueued] or [RunWaiting] to give the run
// back.
type Outcome struct {
	State  RunState
	Reason Reason
	Error  string
	Output json.RawMessage
	// StartedAt is when the run's first attempt started.
	StartedAt time.Time
	// Delay is how long a waiting run sleeps from now.
	Delay time.Duration
	// Failed reports whether giving back spends one of the task's retries.
	Failed bool
	// Seq is the number of the outcome's own progress entry.
	Seq int64
	// Asked reports whether the run may have asked for approvals: those that are open are closed when it ends.
	Asked bool
}
