package ordinaut

import (
	"encoding/json"
	"time"
)

// TaskHistory is what is known of a task in a stretch of time, all read at one moment.
type TaskHistory struct {
	// Task is there even when it has been deleted.
	Task Task
	// NextAt is the first nominal time that has no fate yet, also while the task is paused.
	NextAt *time.Time
	// Since and Until are the stretch.
	Since, Until time.Time
	// Now is the database's clock at that moment.
	Now time.Time
	// Versions are the definitions in force in the stretch and since, oldest first.
	Versions []TaskVersion
	// Occurrences are the latest rows of the ledger that touch the stretch and the first after it, oldest first.
	Occurrences []Occurrence
	// Runs are the latest runs made until the end of the stretch and those of Occurrences, oldest first.
	Runs []Run
	// FailedSteps are the ids of the steps by which runs failed.
	FailedSteps map[RunID]string
	// SkippedSteps are the ids of the steps that runs left out because their if was false, in order.
	SkippedSteps map[RunID][]string
	// Approvals are what those of the runs that wait have asked people.
	Approvals []Approval
	// Changes are the latest changes of the task until now, oldest first.
	Changes []TaskChange
	// Condition is what is known of the task's condition; nil when it has none, or was never probed.
	Condition *ConditionState
	// Workers tells whether somebody takes runs.
	Workers WorkerSigns
	// AgentQuiet is the quiet hours of the task's owner.
	AgentQuiet *Quiet
	// Calendars are the calendars that the schedule names, as far as they exist.
	Calendars []Calendar
}

// TaskVersion is a definition that a task has or had.
type TaskVersion struct {
	Version   int       `db:"version"`
	Spec      TaskSpec  `db:"spec"`
	CreatedAt time.Time `db:"created_at"`
}

// TaskChange is an entry of the audit trail about a task.
type TaskChange struct {
	ID EventID   `db:"id"`
	At time.Time `db:"at"`
	// Actor is the name of the agent who did it, or scheduler.
	Actor string `db:"actor"`
	// Action is the tool's name, or what the program did by itself.
	Action string          `db:"action"`
	Detail json.RawMessage `db:"detail"`
}

// WorkerSigns are signs of life of workers, those of any namespace included.
type WorkerSigns struct {
	// Holding reports whether some worker holds a run now.
	Holding bool `db:"holding"`
	// ClaimedAt is when a run was last claimed, among the latest; nil when none was.
	ClaimedAt *time.Time `db:"claimed_at"`
}
