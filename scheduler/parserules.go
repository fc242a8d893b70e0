package scheduler

import (
	"slices"
	"strconv"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	maxJitter    = 24 * 60 * 60
	maxMaxRuns   = 1_000_000
	maxCatchUps  = 100
	maxCalendars = 10
	// maxShiftedPerDay is how often a schedule may be due on a local day for its excluded times to be
	// shifted.
	maxShiftedPerDay = 24
	maxCalendarName  = 63
)

// normaliseLimits checks jitter and the numbers of runs.
func normaliseLimits(s *ordinaut.Schedule) error {
	for _, l := range []struct {
		name, what  string
		value, most int
	}{
		{"jitter_seconds", "0 for none", s.JitterSeconds, maxJitter},
		{"max_runs", "0 for no limit", s.MaxRuns, maxMaxRuns},
		{"max_catch_up", "0 for the default", s.MaxCatchUp, maxCatchUps},
	} {
		if l.value < 0 || l.value > l.most {
			return invalid("/schedule/"+l.name, "10", "%s %d is out of range; allowed is 1 to %d, or %s", l.name, l.value, l.most, l.what)
		}
	}
	return nil
}

// normaliseRules checks the rules and leaves only what they add to the defaults, so that schedules that
// mean the same are the same.
func normaliseRules(s *ordinaut.Schedule) error {
	if s.Rules == nil {
		return nil
	}
	r := *s.Rules
	if err := checkRulesOfKinds(s.Kind, &r); err != nil {
		return err
	}
	if err := normaliseCalendars(&r); err != nil {
		return err
	}
	var err error
	if r.Quiet, err = ParseQuiet("/schedule/quiet", r.Quiet, s.Timezone); err != nil {
		return err
	}
	if s.Rules = &r; r.IsZero() {
		s.Rules = nil
	}
	return nil
}

// checkRulesOfKinds refuses rules that belong to another kind.
func checkRulesOfKinds(kind ordinaut.ScheduleKind, r *ordinaut.Rules) error {
	if r.Event != nil && kind != ordinaut.ScheduleEvent {
		return invalid("/schedule/event", "", "event belongs to schedules of kind event; this one is of kind %s", kind)
	}
	if r.Condition != nil && kind != ordinaut.ScheduleCondition {
		return invalid("/schedule/condition", "", "condition belongs to schedules of kind condition; this one is of kind %s", kind)
	}
	return nil
}

func normaliseCalendars(r *ordinaut.Rules) error {
	if len(r.Calendars) > maxCalendars {
		return invalid("/schedule/calendars", "", "there are %d calendars; at most %d are allowed", len(r.Calendars), maxCalendars)
	}
	for i, name := range r.Calendars {
		at := "/schedule/calendars/" + strconv.Itoa(i)
		if !IsCalendarName(name) {
			return invalid(at, "holidays", "%s is no name of a calendar: it begins with a letter from a to z and goes on with those, digits, _ and -, at most %d in all", quote(name), maxCalendarName)
		}
		if slices.Contains(r.Calendars[:i], name) {
			return invalid(at, "", "calendar %s is named twice", name)
		}
	}
	if len(r.Calendars) == 0 {
		r.Calendars = nil
	}
	switch {
	case r.OnExcluded == ordinaut.ExcludedSkip:
		r.OnExcluded = ""
	case r.OnExcluded != "" && !slices.Contains(ordinaut.OnExcludeds(), r.OnExcluded):
		return invalid("/schedule/on_excluded", string(ordinaut.ExcludedSkip), "on_excluded %s is unknown; allowed are %s", quote(string(r.OnExcluded)), choices(ordinaut.OnExcludeds()))
	case r.OnExcluded != "" && r.Calendars == nil:
		return invalid("/schedule/on_excluded", "", "on_excluded says what a calendar does, but the schedule names none in calendars")
	}
	return nil
}

// IsCalendarName reports whether name can be that of a calendar.
func IsCalendarName(name string) bool {
	if name == "" || len(name) > maxCalendarName || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// checkShift refuses to shift the times of a schedule that is due all the time: it would be due all the
// time on the next day anyway.
func (p *Plan) checkShift(s ordinaut.Schedule, now time.Time) error {
	if s.Rules == nil || s.Rules.OnExcluded != ordinaut.ExcludedShift {
		return nil
	}
	first, ok := p.Next(now)
	if !ok {
		return nil
	}
	at := first
	for range maxShiftedPerDay {
		if at, ok = p.Next(at); !ok || at.Sub(first) >= day {
			return nil
		}
	}
	return invalid("/schedule/on_excluded", string(ordinaut.ExcludedSkip),
		"shift is for schedules that are due at most %d times a day; this one is due more often, so use skip", maxShiftedPerDay)
}
