package ordinaut

import (
	"reflect"
	"time"
)

// ScheduleKind names how a schedule's expr is read.
type ScheduleKind string

// Kinds of schedules.
const (
	ScheduleCron      ScheduleKind = "cron"      // 5 fields, or 6 with seconds first, in the local time of Timezone
	ScheduleRRule     ScheduleKind = "rrule"     // an RFC 5545 recurrence rule, in the local time of Timezone
	ScheduleInterval  ScheduleKind = "interval"  // a duration of real time, anchored at StartsAt
	ScheduleOnce      ScheduleKind = "once"      // one instant
	ScheduleEvent     ScheduleKind = "event"     // whenever an event of a topic is published
	ScheduleCondition ScheduleKind = "condition" // when what a probe finds meets a condition
	ScheduleManual    ScheduleKind = "manual"    // never by itself
)

// ScheduleKinds lists every [ScheduleKind].
func ScheduleKinds() []ScheduleKind {
	return []ScheduleKind{
		ScheduleCron, ScheduleRRule, ScheduleInterval, ScheduleOnce, ScheduleEvent, ScheduleCondition, ScheduleManual,
	}
}

// Overlap says what happens to an occurrence whose task still has a live run.
type Overlap string

// Overlap policies.
const (
	OverlapSkip          Overlap = "skip"           // the occurrence is skipped; the default, save for events
	OverlapBufferOne     Overlap = "buffer_one"     // its run waits for the live one to end; while one waits, others are skipped
	OverlapBufferAll     Overlap = "buffer_all"     // its run waits its turn, in order, up to a cap
	OverlapCancelRunning Overlap = "cancel_running" // the live run is canceled, and this one starts when it has ended
	OverlapAllow         Overlap = "allow"          // both run; the default for events
)

// Overlaps lists every [Overlap].
func Overlaps() []Overlap {
	return []Overlap{OverlapSkip, OverlapBufferOne, OverlapBufferAll, OverlapCancelRunning, OverlapAllow}
}

// CatchUp says what happens to occurrences that came due while no scheduler was running.
type CatchUp string

// Catch-up policies.
const (
	CatchUpLatest CatchUp = "latest" // one run, for the latest of them; the default
	CatchUpAll    CatchUp = "all"    // a run for each, the latest MaxCatchUp of them
	CatchUpNone   CatchUp = "none"   // no run
)

// CatchUps lists every [CatchUp].
func CatchUps() []CatchUp { return []CatchUp{CatchUpLatest, CatchUpAll, CatchUpNone} }

// Schedule says when a task is due. Its JSON is what tools take and give; its db names are the
// columns of table task.
type Schedule struct {
	Kind ScheduleKind `json:"kind" db:"schedule_kind"`
	// Expr is a cron expression, an RRULE with its DTSTART, RDATE and EXDATE lines, an ISO 8601 or Go
	// duration, an instant, or the topic pattern of event; empty for condition and manual.
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
	// smaller of one period and one hour; 24 hours for once and for catch_up all.
	MaxLatenessSeconds int `json:"max_lateness_seconds,omitempty" db:"max_lateness_seconds"`
	// MaxCatchUp caps the runs that catch_up all makes at once. Zero means 10.
	MaxCatchUp int `json:"max_catch_up,omitempty" db:"max_catch_up"`
	// JitterSeconds delays each occurrence by 0 to so many seconds, the same for the same task and
	// nominal time, and never past the nominal time that follows.
	JitterSeconds int `json:"jitter_seconds,omitempty" db:"jitter_seconds"`
	// MaxRuns is how many runs the schedule starts before it is exhausted. Zero means no limit.
	MaxRuns int `json:"max_runs,omitempty" db:"max_runs"`
	// Rules are what most schedules do without; nil means none.
	Rules *Rules `json:"rules,omitempty" db:"rules"`
}

// SameTimes reports whether s and o are due at the same times, whatever their policies.
func (s Schedule) SameTimes(o Schedule) bool {
	return s.Kind == o.Kind && s.Expr == o.Expr && s.Timezone == o.Timezone &&
		sameTime(s.StartsAt, o.StartsAt) && sameTime(s.EndsAt, o.EndsAt) && s.JitterSeconds == o.JitterSeconds &&
		reflect.DeepEqual(s.Rules, o.Rules)
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
	// EventID is the event that caused it; zero when time did.
	EventID   EventID   `json:"event_id,omitzero" db:"event_id"`
	DecidedAt time.Time `json:"decided_at" db:"decided_at"`
	// DueAt and Buffered tell of the run that is to be made for a started occurrence; the ledger does not
	// keep them. A zero DueAt means NominalAt. A buffered run waits until the task's live run has ended.
	DueAt    time.Time `json:"-" db:"-"`
	Buffered bool      `json:"-" db:"-"`
}

// DueTask is a task that a scheduler must look at, as it sees it in a tick: its next occurrence is due,
// a snoozed one is, its pause is over, or something that its next time depends on has changed.
type DueTask struct {
	NamespaceID NamespaceID `db:"namespace_id"`
	TaskID      TaskID      `db:"id"`
	Schedule
	// State is active, or paused when the pause ends by itself at DueAt.
	State TaskState `db:"state"`
	// PausedReason is paused or paused_after_failures; empty unless the task is paused.
	PausedReason Reason `db:"paused_reason"`
	// NextAt is the next nominal time that has no fate yet; nil when there is none.
	NextAt *time.Time `db:"next_at"`
	// DueAt is when the scheduler was to look.
	DueAt time.Time `db:"due_at"`
	// SnoozedAt is the nominal time of an occurrence that was snoozed, SnoozedUntil when it is due.
	SnoozedAt    *time.Time `db:"snoozed_at"`
	SnoozedUntil *time.Time `db:"snoozed_until"`
	// RunsStarted counts the runs that the schedule has started, for max_runs.
	RunsStarted int `db:"runs_started"`
	// Busy reports whether a run of the task is live (queued, running or waiting), Buffered how many of
	// those wait for another to end.
	Busy     bool `db:"busy"`
	Buffered int  `db:"buffered"`
	// AgentQuiet is the quiet hours of the task's owner.
	AgentQuiet *Quiet `db:"agent_quiet"`
	// Calendars are the calendars that the schedule names, as far as they exist.
	Calendars []Calendar `db:"-"`
}

// Decision is what a tick makes of one [DueTask]: the ledger rows to write, a run for each whose fate
// is started, and when the task is due next.
type Decision struct {
	TaskID      TaskID
	Occurrences []Occurrence
	// NextAt is the next nominal time; nil means that there is none.
	NextAt *time.Time
	// DueAt is when the scheduler must look again: NextAt, or later by jitter and quiet hours, or the end
	// of a snooze. Nil means never: the schedule is exhausted.
	DueAt *time.Time
	// CancelRunning asks for the task's live runs to be canceled before the new one starts.
	CancelRunning bool
	// SnoozeOver reports whether the snoozed occurrence has met its fate.
	SnoozeOver bool
	// Resumed reports whether a paused task becomes active again.
	Resumed bool
	// Note tells people why the schedule is exhausted; empty leaves the task's note alone.
	Note string
}

// TickResult is what one tick did.
type TickResult struct {
	// Due counts the tasks that were due, Runs the runs made for them.
	Due, Runs int
	// Next is how long until the earliest due time that is left, by the database's clock: 0 when one
	// may be due already, at most an hour, and an hour when there is none.
	Next time.Duration
}
