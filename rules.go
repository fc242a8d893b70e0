package ordinaut

import "time"

// Rules are the parts of a schedule that most tasks do without. Tools take and give them as keys of
// the schedule; the store keeps them as one value.
type Rules struct {
	// Calendars are the names of the namespace's exclusion calendars that the schedule observes.
	Calendars []string `json:"calendars,omitempty"`
	// OnExcluded is what becomes of a time that a calendar excludes. Default skip.
	OnExcluded OnExcluded `json:"on_excluded,omitempty"`
	// Quiet is the task's own quiet hours and blackouts; those of its agent hold too.
	Quiet *Quiet `json:"quiet,omitempty"`
	// Event belongs to kind event, Condition to kind condition.
	Event     *EventTrigger `json:"event,omitempty"`
	Condition *Condition    `json:"condition,omitempty"`
}

// IsZero reports whether there is no rule.
func (r Rules) IsZero() bool {
	return len(r.Calendars) == 0 && r.OnExcluded == "" && r.Quiet == nil && r.Event == nil && r.Condition == nil
}

// OnExcluded says what becomes of a nominal time that a calendar excludes.
type OnExcluded string

// What becomes of an excluded time.
const (
	ExcludedSkip  OnExcluded = "skip"  // it is skipped; the default
	ExcludedShift OnExcluded = "shift" // it moves to the same local time of the next day that is not excluded
)

// OnExcludeds lists every [OnExcluded].
func OnExcludeds() []OnExcluded { return []OnExcluded{ExcludedSkip, ExcludedShift} }

// QuietAction says what becomes of an occurrence in quiet hours or in a blackout.
type QuietAction string

// What becomes of an occurrence in quiet hours.
const (
	QuietDefer QuietAction = "defer" // it is due when they end, once for all of them; the default
	QuietDrop  QuietAction = "drop"  // it is skipped
)

// QuietActions lists every [QuietAction].
func QuietActions() []QuietAction { return []QuietAction{QuietDefer, QuietDrop} }

// Quiet says when nothing may start by itself.
type Quiet struct {
	// Hours repeat by the local clock of Timezone; Blackouts are single stretches.
	Hours     []QuietHours `json:"hours,omitempty"`
	Blackouts []Blackout   `json:"blackouts,omitempty"`
	// Timezone is an IANA name; empty means that of the schedule.
	Timezone string `json:"timezone,omitempty"`
	// Action is what becomes of an occurrence meanwhile. Default defer.
	Action QuietAction `json:"action,omitempty"`
}

// QuietHours is a stretch of the local day, From included and To not. One that ends where or before it
// begins goes on into the next day.
type QuietHours struct {
	From string `json:"from"` // HH:MM
	To   string `json:"to"`   // HH:MM
	// Days are those on which it begins: MON, TUE, …; empty means every day.
	Days []string `json:"days,omitempty"`
}

// Blackout is a stretch of time, From included and To not.
type Blackout struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Note string    `json:"note,omitempty"`
}

// EventTrigger narrows down the events that start a task.
type EventTrigger struct {
	// Filter is a JMESPath expression over the event; it starts the task only if that is true.
	Filter string `json:"filter,omitempty"`
	// DebounceSeconds lets a burst of events start one run, for its latest event, when none has come
	// for so many seconds.
	DebounceSeconds int `json:"debounce_seconds,omitempty"`
	// DedupeBy is a JMESPath expression over the event; of events that give the same value within
	// DedupeWindowSeconds only the first starts the task.
	DedupeBy string `json:"dedupe_by,omitempty"`
	// DedupeWindowSeconds is zero for a day.
	DedupeWindowSeconds int `json:"dedupe_window_seconds,omitempty"`
}

// ConditionMode says when a condition that is met starts a run.
type ConditionMode string

// Modes of conditions.
const (
	ConditionEdge  ConditionMode = "edge"  // when it becomes met; the default
	ConditionLevel ConditionMode = "level" // at every probe that finds it met
)

// ConditionModes lists every [ConditionMode].
func ConditionModes() []ConditionMode { return []ConditionMode{ConditionEdge, ConditionLevel} }

// Condition watches something: a probe looks at it every so often, and when what it finds meets the
// condition, the task runs.
type Condition struct {
	// Every is the time between probes: an ISO 8601 or Go duration of at least ten seconds.
	Every string `json:"every"`
	// Probe is one step with a read-only action. Its templates reach cursor too.
	Probe Probe `json:"probe"`
	// When is a JMESPath expression over the probe's output.
	When string        `json:"when"`
	Mode ConditionMode `json:"mode,omitempty"`
	// HoldSeconds is how long it must stay met before it counts.
	HoldSeconds int `json:"hold_seconds,omitempty"`
	// CooldownSeconds is how long after a start no other follows.
	CooldownSeconds int `json:"cooldown_seconds,omitempty"`
	// Deadline ends the watch; nil means never.
	Deadline *time.Time `json:"deadline,omitempty"`
	// Cursor is a JMESPath expression over the probe's output, whose value the next probe reaches as
	// cursor.
	Cursor string `json:"cursor,omitempty"`
}

// Probe is the one step by which a condition looks.
type Probe struct {
	Uses           string         `json:"uses"`
	With           map[string]any `json:"with,omitempty"`
	TimeoutSeconds float64        `json:"timeout_seconds,omitempty"`
}
