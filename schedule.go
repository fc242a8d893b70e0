package ordinaut

import "time"

// ScheduleKind names how a schedule's expr is read.
type ScheduleKind string

// Kinds of schedules.
const (
	ScheduleCron     ScheduleKind = "cron"     // 5 fields, or 6 with seconds first, in the local time of Timezone
	ScheduleInterval ScheduleKind = "interval" // a duration of real time, anchored at StartsAt
	ScheduleOnce     ScheduleKind = "once"     // one instant
	ScheduleManual   ScheduleKind = "manual"   // never by itself
)

// ScheduleKinds lists every [ScheduleKind].
func ScheduleKinds() []ScheduleKind {
	return []ScheduleKind{ScheduleCron, ScheduleInterval, ScheduleOnce, ScheduleManual}
}

// Overlap says what happens to an occurrence whose task still has a live run.
type Overlap string

// Overlap policies.
const (
	OverlapSkip  Overlap = "skip"  // the occurrence is skipped; the default
	OverlapAllow Overlap = "allow" // both run
)

// Overlaps lists every [Overlap].
func Overlaps() []Overlap { return []Overlap{OverlapSkip, OverlapAllow} }

// CatchUp says what happens to occurrences that came due while no scheduler was running.
type CatchUp string

// Catch-up policies.
const (
	CatchUpLatest CatchUp = "latest" // one run, for the latest of them; the default
	CatchUpNone   CatchUp = "none"   // no run
)

// CatchUps lists every [CatchUp].
func CatchUps() []CatchUp { return []CatchUp{CatchUpLatest, CatchUpNone} }

// Schedule says when a task is due. Its JSON is what tools take and give; its db names are the
// columns of table task.
type Schedule struct {
	Kind ScheduleKind `json:"kind" db:"schedule_kind"`
	// Expr is a cron expression, an ISO 8601 or Go duration, or an instant; empty for manual.
	Expr string `json:"expr,omitempty" db:"schedule_expr"`
	// Timezone is an IANA name; cron fields and local times of once are read in it.
	Timezone string `json:"timezone" db:"timezone"`
	// StartsAt is the first instant at which the schedule may be due, and the anchor of interval.
	StartsAt *time.Time `json:"starts_at,omitempty" db:"starts_at"`
	// EndsAt is the instant from which the schedule is no longer due.
	EndsAt  *time.Time `json:"ends_at,omitempty" db:"ends_at"`
	Overlap Overlap    `json:"overlap" db:"overlap"`
	CatchUp CatchUp    `json:"catch_up" db:"catch_up"`
	// MaxLatenessSeconds is how late an occurrence may still start. Zero means the default: the
	// smaller of one period and one hour; 24 hours for once.
	MaxLatenessSeconds int `json:"max_lateness_seconds,omitempty" db:"max_lateness_seconds"`
}

// SameTimes reports whether s and o are due at the same times, whatever their policies.
func (s Schedule) SameTimes(o Schedule) bool {
	return s.Kind == o.Kind && s.Expr == o.Expr && s.Timezone == o.Timezone &&
		sameTime(s.StartsAt, o.StartsAt) && sameTime(s.EndsAt, o.EndsAt)
}

func sameTime(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

// Fate is how an occurrence ended. Each has exactly one.
type Fate string

// Fates of occurrences.
const (
	FateStarted   Fate = "started"   // a run was made
	FateSkipped   Fate = "skipped"   // a policy or a person said no
	FateMissed    Fate = "missed"    // nobody was there in time
	FateCoalesced Fate = "coalesced" // another occurrence stood in for it
)

// Occurrence is one row of the ledger: a nominal time of a task's schedule and its fate, or, when
// Count is above one, a stretch of them from NominalAt to LastAt that met the same fate.
type Occurrence struct {
	NamespaceID NamespaceID `json:"-" db:"namespace_id"`
	TaskID      TaskID      `json:"task_id" db:"task_id"`
	NominalAt   time.Time   `json:"nominal_at" db:"nominal_at"`
	LastAt      time.Time   `json:"last_at" db:"last_at"`
	Count       int         `json:"count" db:"count"`
	Kind        RunKind     `json:"kind" db:"kind"`
	Fate        Fate        `json:"fate" db:"fate"`
	Reason      Reason      `json:"reason,omitempty" db:"reason"`
	RunID       RunID       `json:"run_id,omitzero" db:"run_id"`
	DecidedAt   time.Time   `json:"decided_at" db:"decided_at"`
}

// DueTask is a task whose next occurrence has come due, as the scheduler sees it in a tick.
type DueTask struct {
	NamespaceID NamespaceID `db:"namespace_id"`
	TaskID      TaskID      `db:"id"`
	Schedule
	// NextAt is the nominal time that is due.
	NextAt time.Time `db:"next_at"`
	// Busy reports whether a run of the task is live (queued, running or waiting).
	Busy bool `db:"busy"`
}

// Decision is what a tick makes of one [DueTask]: the ledger rows to write, a run for each whose fate
// is started, and when the task is due next.
type Decision struct {
	TaskID      TaskID
	Occurrences []Occurrence
	// NextAt is the next nominal time; nil means that the schedule is exhausted.
	NextAt *time.Time
}

// TickResult is what one tick did.
type TickResult struct {
	// Due counts the tasks that were due, Runs the runs made for them.
	Due, Runs int
	// Next is how long until the earliest due time that is left, by the database's clock: 0 when one
	// may be due already, at most an hour, and an hour when there is none.
	Next time.Duration
}
