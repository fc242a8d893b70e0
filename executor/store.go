package executor

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Store is what the executor needs of the database. Errors with [ordinaut.CodeUnavailable] are taken
// as passing; all methods may be called concurrently.
type Store interface {
	Queue
	Sweep
	History
}

// Queue hands out runs and takes back what became of them.
type Queue interface {
	// ClaimRuns leases up to limit ready runs to worker for ttl, most urgent first.
	ClaimRuns(ctx context.Context, worker string, ttl time.Duration, limit int) ([]ordinaut.Attempt, error)
	// RenewLeases extends the held leases to ttl from now. It tells which of them are no longer held
	// and which of them somebody wants canceled.
	RenewLeases(ctx context.Context, worker string, ttl time.Duration, held []ordinaut.Lease) (lost, canceled []ordinaut.RunID, err error)
	// Record writes all records in one transaction. One whose lease is not current is left out whole,
	// and its run reported lost. A record that was already written may come again.
	Record(ctx context.Context, recs []ordinaut.Record) (lost []ordinaut.RunID, err error)
}

// Sweep moves on runs that no worker holds.
type Sweep interface {
	// RescueRuns gives back up to limit runs whose lease has expired and tells how many.
	RescueRuns(ctx context.Context, limit int) (int, error)
	// WakeRuns makes up to limit sleepers ready whose time has come. It tells how many, and how long
	// it is until the next one is due: something long when nobody sleeps.
	WakeRuns(ctx context.Context, limit int) (n int, next time.Duration, err error)
	// ReleaseRuns makes buffered runs of up to limit tasks ready whose other runs have ended, as far as
	// that was not done when they ended, and tells how many.
	ReleaseRuns(ctx context.Context, limit int) (int, error)
}

// History tells what is to be done and what has been done already.
type History interface {
	// TaskVersion returns a task's definition as of a version; it never changes.
	TaskVersion(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.TaskID, version int) (*ordinaut.TaskSpec, error)
	// ListSteps returns what a run has recorded of its steps.
	ListSteps(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID) ([]ordinaut.StepResult, error)
	// SettleApprovals returns what a run has asked people, as it stands; what nobody has decided in time
	// expires. A decision never changes.
	SettleApprovals(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID) ([]ordinaut.Approval, error)
	// GetEvent returns an event that a run is about; it never changes.
	GetEvent(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.EventID) (ordinaut.Event, error)
	// GetCursor returns what the latest probe of a version of a task has left; nil if there is nothing.
	GetCursor(ctx context.Context, ns ordinaut.NamespaceID, id ordinaut.TaskID, version int) (json.RawMessage, error)
}
