package mcp

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// stampLayout is RFC 3339 to the millisecond, without trailing zeros.
const stampLayout = "2006-01-02T15:04:05.999Z07:00"

// stamp returns t as answers show times: UTC, to the millisecond.
func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// stampOf is stamp for a time that may be unset, which gives "".
func stampOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

// local returns a stamp by the clock of a timezone, as texts show times where one matters; a stamp or a zone
// that cannot be read leaves it as it is.
func local(at, timezone string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	zone, err := time.LoadLocation(timezone)
	if err != nil {
		return at
	}
	return t.In(zone).Format(stampLayout)
}

// parseInstant reads an RFC 3339 argument; "" gives nil.
func parseInstant(pointer, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no argument is no time and no fault
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		bad := ordinaut.Invalid(pointer, "want an RFC 3339 time with its offset from UTC")
		bad.Example = "2030-03-01T09:00:00+02:00"
		return nil, bad
	}
	t = t.UTC()
	return &t, nil
}

// scheduleArgs is a schedule as it is sent. What is left out gets the default of scheduler.Parse.
type scheduleArgs struct {
	Kind               string `json:"kind"`
	Expr               string `json:"expr,omitempty"`
	Timezone           string `json:"timezone,omitempty"`
	StartsAt           string `json:"starts_at,omitempty"`
	EndsAt             string `json:"ends_at,omitempty"`
	Overlap            string `json:"overlap,omitempty"`
	CatchUp            string `json:"catch_up,omitempty"`
	MaxLatenessSeconds int    `json:"max_lateness_seconds,omitempty"`
	MaxCatchUp         int    `json:"max_catch_up,omitempty"`
	JitterSeconds      int    `json:"jitter_seconds,omitempty"`
	MaxRuns            int    `json:"max_runs,omitempty"`
	ordinaut.Rules
}

// schedule returns the schedule of the argument named schedule.
func (a scheduleArgs) schedule() (ordinaut.Schedule, error) {
	s := ordinaut.Schedule{
		Kind: ordinaut.ScheduleKind(a.Kind), Expr: a.Expr, Timezone: a.Timezone,
		Overlap: ordinaut.Overlap(a.Overlap), CatchUp: ordinaut.CatchUp(a.CatchUp),
		MaxLatenessSeconds: a.MaxLatenessSeconds, MaxCatchUp: a.MaxCatchUp, JitterSeconds: a.JitterSeconds, MaxRuns: a.MaxRuns,
	}
	if !a.IsZero() {
		s.Rules = &a.Rules
	}
	var err error
	if s.StartsAt, err = parseInstant("/schedule/starts_at", a.StartsAt); err != nil {
		return s, err
	}
	s.EndsAt, err = parseInstant("/schedule/ends_at", a.EndsAt)
	return s, err
}

// scheduleView is a schedule as it is shown: everything said, defaults included.
type scheduleView struct {
	Kind               string `json:"kind"`
	Expr               string `json:"expr,omitempty"`
	Timezone           string `json:"timezone"`
	StartsAt           string `json:"starts_at,omitempty"`
	EndsAt             string `json:"ends_at,omitempty"`
	Overlap            string `json:"overlap"`
	CatchUp            string `json:"catch_up"`
	MaxLatenessSeconds int    `json:"max_lateness_seconds,omitempty"`
	MaxCatchUp         int    `json:"max_catch_up,omitempty"`
	JitterSeconds      int    `json:"jitter_seconds,omitempty"`
	MaxRuns            int    `json:"max_runs,omitempty"`
	*ordinaut.Rules
}

func viewSchedule(s ordinaut.Schedule) scheduleView {
	return scheduleView{
		Kind: string(s.Kind), Expr: s.Expr, Timezone: s.Timezone,
		StartsAt: stampOf(s.StartsAt), EndsAt: stampOf(s.EndsAt),
		Overlap: string(s.Overlap), CatchUp: string(s.CatchUp), MaxLatenessSeconds: s.MaxLatenessSeconds,
		MaxCatchUp: s.MaxCatchUp, JitterSeconds: s.JitterSeconds, MaxRuns: s.MaxRuns, Rules: s.Rules,
	}
}

// timeView is one time at which a schedule is due.
type timeView struct {
	UTC   string `json:"utc"`
	Local string `json:"local"`
	DST   string `json:"dst,omitempty"`
}
