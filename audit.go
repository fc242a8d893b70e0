package ordinaut

import "time"

// AuditedTask is a task whose ledger is held against its schedule.
type AuditedTask struct {
	NamespaceID NamespaceID `db:"namespace_id"`
	TaskID      TaskID      `db:"id"`
	Schedule
	State TaskState `db:"state"`
	// NextAt is the nominal time that the task waits for, also while it is paused; nil when there is none.
	NextAt *time.Time `db:"next_at"`
	// SnoozedAt is the nominal time of an occurrence that was snoozed; it has its row when it is over.
	SnoozedAt *time.Time `db:"snoozed_at"`
	// RunsStarted counts the runs that the schedule has started, for max_runs.
	RunsStarted int `db:"runs_started"`
	// VersionAt is when the present version was made, FirstAt with which nominal time it began; nil when it had
	// none, or nobody wrote it down.
	VersionAt time.Time  `db:"version_at"`
	FirstAt   *time.Time `db:"first_at"`
	// History is what the audit can rely on.
	History History `db:"-"`
}

// History is how far back a database can be held against what schedules say.
type History struct {
	// Now is the moment that is looked at, by the database's clock.
	Now time.Time `db:"now"`
	// KeptSince is from when on no rows have been dropped for their age.
	KeptSince time.Time `db:"kept_since"`
	// ZoneRelease names the time zone rules by which stored times were computed, since ZoneAt; empty when
	// nobody put one on record.
	ZoneRelease string    `db:"zone_release"`
	ZoneAt      time.Time `db:"zone_at"`
}

// Audited is how a law that concerns a task was found.
type Audited struct {
	Law string
	// Fault says what breaks the law; empty when it holds.
	Fault string
	// Left reports whether the task could not be held against the law.
	Left bool
}
