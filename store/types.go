package store

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// TaskFilter selects tasks for [Store.ListTasks]. Zero fields select all but deleted tasks.
type TaskFilter struct {
	State ordinaut.TaskState
	// Text is looked for in titles, whatever its case.
	Text string
	// After is the last id of the page before.
	After ordinaut.TaskID
	// Limit is the most tasks to return; default 50, at most 1000.
	Limit int
}

// RunFilter selects runs for [Store.ListRuns]. Zero fields select all but probes.
type RunFilter struct {
	TaskID ordinaut.TaskID
	States []ordinaut.RunState
	// Kinds are those of the runs to return; none means all but probes, which would drown the others.
	Kinds []ordinaut.RunKind
	// Since and Until bound when the run was made: since ≤ made < until.
	Since, Until time.Time
	// After is the last id of the page before.
	After ordinaut.RunID
	// Limit is the most runs to return; default 50, at most 1000.
	Limit int
}

// Status is how a namespace stands, with what the whole installation shares.
type Status struct {
	Queued  int `db:"queued"`
	Running int `db:"running"`
	Waiting int `db:"waiting"`
	// OldestReady is for how long the oldest queued run has been waiting for a worker; zero when none is.
	OldestReady time.Duration `db:"oldest_ready"`
	Active      int           `db:"active"`
	Paused      int           `db:"paused"`
	// Overdue counts schedules that came due over ten seconds ago and no scheduler has looked at.
	Overdue int `db:"overdue"`
	// Workers names those that hold a lease now, of any namespace.
	Workers         []string `db:"workers"`
	SchemaVersion   int      `db:"schema_version"`
	PostgresVersion string   `db:"postgres_version"`
	// Now is the database's clock.
	Now time.Time `db:"now"`
}

// Server is a downstream server as last seen.
type Server struct {
	Name      string `db:"name"`
	Transport string `db:"transport"`
	// State is ready or unavailable.
	State string `db:"state"`
	// Error says why it is unavailable.
	Error  string    `db:"error"`
	SeenAt time.Time `db:"seen_at"`
}

// NewRun is a run for [Store.InsertRuns] to queue.
type NewRun struct {
	TaskID ordinaut.TaskID
	// ID is the new run's; zero means a fresh one.
	ID ordinaut.RunID
}
