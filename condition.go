package ordinaut

import (
	"encoding/json"
	"time"
)

// Bounds of what a condition keeps, in bytes of JSON.
const (
	MaxVerdictValue = 4 << 10
	MaxCursor       = 4 << 10
)

// TopicConditionMet is the topic of the event that a run started by a condition is about.
const TopicConditionMet = "condition.met"

// Verdict is what a probe has found out about a condition.
type Verdict struct {
	// TaskVersion is the version of the task whose condition the probe looked at.
	TaskVersion int `db:"task_version"`
	// Met reports whether the condition was met; nil when the probe failed, and then Error says why.
	Met   *bool  `db:"met"`
	Error string `db:"error"`
	// Value is the probe's output or, of a long one, its beginning as text.
	Value json.RawMessage `db:"value"`
	// Cursor is what the next probe reaches as cursor.
	Cursor json.RawMessage `db:"cursor"`
}

// ConditionState is what is known of a condition between its probes.
type ConditionState struct {
	Met bool `db:"met"`
	// MetSince is the first verdict of the present stretch of being met; nil when it is not met.
	MetSince *time.Time `db:"met_since"`
	// Fired reports whether this stretch has had its start, Suppressed whether the ledger says that a
	// cooldown holds it back.
	Fired      bool `db:"fired"`
	Suppressed bool `db:"suppressed"`
	// CooldownUntil is until when no start follows the latest one.
	CooldownUntil *time.Time      `db:"cooldown_until"`
	Cursor        json.RawMessage `db:"cursor"`
	// ProbedAt is when the latest probe gave its verdict, Value what the latest one that did not fail has
	// found, Error why the latest one failed.
	ProbedAt *time.Time      `db:"probed_at"`
	Value    json.RawMessage `db:"value"`
	Error    string          `db:"error"`
}

// Finding is a verdict with all that it is judged by.
type Finding struct {
	// Task is the task as it stands now; what its Busy and Buffered count are runs of its pipeline.
	Task DueTask
	// TaskVersion is its present version. A task that was deleted is in that state.
	TaskVersion int
	// RunID is the probe, At when it gave its verdict.
	RunID RunID
	At    time.Time
	Verdict
	// Before is what was known until then.
	Before ConditionState
}

// Judgement is what becomes of a [Finding].
type Judgement struct {
	// Dropped reports whether the verdict is about a task that is not watched any more, or about a
	// version of it that has gone. Nothing else is set then.
	Dropped bool
	After   ConditionState
	// Occurrence is the start that the condition asked for, with its fate; nil when it asked for none.
	Occurrence *Occurrence
	// Event is what the run of a started occurrence is about.
	Event *Event
	// CancelRunning asks for the task's live runs to be canceled before the new one starts.
	CancelRunning bool
	// Exhausted reports whether the watch is over, Note why.
	Exhausted bool
	Note      string
}
