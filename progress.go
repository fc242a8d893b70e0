package ordinaut

import (
	"encoding/json"
	"time"
)

// ProgressType names what a progress entry tells.
type ProgressType string

// Types of progress entries.
const (
	ProgressQueued      ProgressType = "run.queued"
	ProgressStarted     ProgressType = "run.started"   // an attempt began
	ProgressReport      ProgressType = "progress"      // an action reported how far it is
	ProgressStep        ProgressType = "step.finished" // a step's result was recorded
	ProgressStepStarted ProgressType = "step.started"  // a flow began
	ProgressStepWaiting ProgressType = "step.waiting"  // a step within a flow is asleep or backs off
	ProgressWaiting     ProgressType = "run.waiting"   // asleep or backing off
	ProgressRequeued    ProgressType = "run.requeued"  // given back by a worker, or taken from one that stopped renewing
	ProgressFinished    ProgressType = "run.finished"  // the terminal state
)

// Progress is one entry of a run's progress. Seq counts from 1 without a gap, over all attempts.
type Progress struct {
	Seq  int64        `json:"seq" db:"seq"`
	Type ProgressType `json:"type" db:"type"`
	At   time.Time    `json:"at" db:"at"`
	// State is the run's state, or the step's for step.finished.
	State string `json:"state,omitempty" db:"state"`
	Step  string `json:"step,omitempty" db:"step"`
	// Percent is 0 to 100; nil when it is not known.
	Percent *float64 `json:"percent,omitempty" db:"percent"`
	Message string   `json:"message,omitempty" db:"message"`
}

// RunProgress is a progress entry with the run it belongs to, as it goes to the streams.
type RunProgress struct {
	// Namespace is the name, which leads every stream's key.
	Namespace string
	RunID     RunID
	TaskID    TaskID
	Reason    Reason
	Progress
}

// Event is a published fact.
type Event struct {
	NamespaceID NamespaceID     `json:"-" db:"namespace_id"`
	ID          EventID         `json:"id" db:"id"`
	Topic       string          `json:"topic" db:"topic"`
	Payload     json.RawMessage `json:"payload,omitempty" db:"payload"`
	Source      EventSource     `json:"source,omitempty" db:"source"`
	// RunID is the run that published it, if one did.
	RunID RunID `json:"run_id,omitzero" db:"run_id"`
	// Hops counts the runs between this event and one from outside, so that tasks that start each other
	// come to an end.
	Hops int       `json:"hops,omitempty" db:"hops"`
	At   time.Time `json:"at" db:"at"`
}
