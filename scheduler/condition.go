package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ordinaut/ordinaut"
)

const (
	// minEvery is the least time between two probes.
	minEvery = 10 * time.Second
	// maxHold and maxCooldown are the largest hold_seconds and cooldown_seconds: a week, 30 days.
	maxHold     = 7 * 24 * 60 * 60
	maxCooldown = 30 * 24 * 60 * 60
	// maxExpression bounds when and cursor, in bytes.
	maxExpression = 1000
	// maxProbeSeconds is the longest that a probe may take.
	maxProbeSeconds = 300
	// lastLook is how long a watch that is over waits for the verdict of its last probe, and lookAgain how
	// often it asks for it.
	lastLook  = (maxProbeSeconds + 60) * time.Second
	lookAgain = 5 * time.Second
)

// watch is due when its condition is to be probed: every so often in real time, as an interval is.
type watch struct {
	interval
	condition *ordinaut.Condition
}

func compileCondition(s ordinaut.Schedule, anchor time.Time) (rule, error) {
	if s.Rules == nil || s.Rules.Condition == nil {
		return nil, missingCondition()
	}
	if s.Expr != "" {
		return nil, invalid("/schedule/expr", "", "a condition takes no expr; condition.every says how often it is probed")
	}
	c := s.Rules.Condition
	every, err := parseDuration(c.Every)
	if err != nil {
		err.Pointer = "/schedule/condition/every"
		return nil, err
	}
	if every < minEvery || every > maxInterval {
		return nil, invalid("/schedule/condition/every", "PT5M", "every %s is out of range; allowed is 10 seconds to %d years", quote(c.Every), horizonYears)
	}
	return watch{interval: interval{anchor: anchor, every: every}, condition: c}, nil
}

func missingCondition() *ordinaut.Error {
	return invalid("/schedule/condition",
		`{"every": "PT5M", "probe": {"uses": "http.request", "with": {"url": "https://example.com/health"}}, "when": "status != 200"}`,
		"kind condition needs the key condition: every, probe and when")
}

// watchEnd returns when a schedule's watch ends: ends_at or the deadline, whichever comes first; zero
// when it has neither.
func watchEnd(s ordinaut.Schedule) time.Time {
	var end time.Time
	if s.EndsAt != nil {
		end = s.EndsAt.UTC()
	}
	if s.Kind != ordinaut.ScheduleCondition || s.Rules == nil || s.Rules.Condition == nil {
		return end
	}
	if d := s.Rules.Condition.Deadline; d != nil && (end.IsZero() || d.Before(end)) {
		end = d.UTC()
	}
	return end
}

// normaliseCondition checks what a condition says beyond its times, and fills in its defaults. The
// probe and the expressions are the pipeline's language and checked there.
func normaliseCondition(s *ordinaut.Schedule, now time.Time) error {
	if s.Kind != ordinaut.ScheduleCondition {
		return nil
	}
	if s.Rules == nil || s.Rules.Condition == nil {
		return missingCondition()
	}
	rules, c := *s.Rules, *s.Rules.Condition
	c.Every = strings.TrimSpace(c.Every)
	c.Mode = cmp.Or(c.Mode, ordinaut.ConditionEdge)
	c.Deadline = micros(c.Deadline)
	if err := checkCondition(c, now); err != nil {
		return err
	}
	rules.Condition = &c
	s.Rules = &rules
	if s.StartsAt == nil {
		anchor := now.Truncate(time.Second)
		s.StartsAt = &anchor
	}
	return nil
}

func checkCondition(c ordinaut.Condition, now time.Time) error {
	at := "/schedule/condition"
	switch {
	case !slices.Contains(ordinaut.ConditionModes(), c.Mode):
		return invalid(at+"/mode", string(ordinaut.ConditionEdge), "mode %s is unknown; allowed are %s", quote(string(c.Mode)), choices(ordinaut.ConditionModes()))
	case c.HoldSeconds < 0 || c.HoldSeconds > maxHold:
		return invalid(at+"/hold_seconds", "600", "hold_seconds %d is out of range; allowed is 0 to %d", c.HoldSeconds, maxHold)
	case c.CooldownSeconds < 0 || c.CooldownSeconds > maxCooldown:
		return invalid(at+"/cooldown_seconds", "3600", "cooldown_seconds %d is out of range; allowed is 0 to %d", c.CooldownSeconds, maxCooldown)
	case c.Deadline != nil && !c.Deadline.After(now):
		return invalid(at+"/deadline", now.Add(24*time.Hour).Truncate(time.Hour).Format(time.RFC3339), "the deadline %s has passed; it must lie ahead", c.Deadline.Format(time.RFC3339))
	case c.Deadline != nil && c.Deadline.After(now.AddDate(100, 0, 0)):
		return invalid(at+"/deadline", "", "the deadline is over 100 years ahead; leave it out to watch for ever")
	case c.Probe.TimeoutSeconds < 0 || c.Probe.TimeoutSeconds > maxProbeSeconds:
		return invalid(at+"/probe/timeout_seconds", "30", "timeout_seconds %v is out of range; allowed is up to %d, and 30 when it is left out", c.Probe.TimeoutSeconds, maxProbeSeconds)
	case len(c.When) > maxExpression:
		return invalid(at+"/when", "", "when is %d bytes long; at most %d are allowed", len(c.When), maxExpression)
	case len(c.Cursor) > maxExpression:
		return invalid(at+"/cursor", "", "cursor is %d bytes long; at most %d are allowed", len(c.Cursor), maxExpression)
	default:
		return nil
	}
}

// words tells what is looked at and what then starts a run; the window is the plan's to tell.
func (w watch) words() string {
	c := w.condition
	words := fmt.Sprintf("every %s %s is looked at; runs ", durationWords(w.every), quoted(c.Probe.Uses))
	held := "for " + lengthWords(time.Duration(c.HoldSeconds)*time.Second)
	if c.Mode == ordinaut.ConditionLevel {
		words += "each time that finds " + quoted(c.When) + " true"
		if c.HoldSeconds > 0 {
			words += " and true " + held + " already"
		}
	} else {
		words += "when " + quoted(c.When) + " becomes true"
		if c.HoldSeconds > 0 {
			words += " and stays so " + held
		}
	}
	if c.CooldownSeconds > 0 {
		words += ", at most once in " + lengthWords(time.Duration(c.CooldownSeconds)*time.Second)
	}
	return words
}

// quoted shows an expression or a name on one line, cut to a length that cannot flood an answer.
func quoted(s string) string {
	line := []rune(strings.Join(strings.Fields(s), " "))
	if len(line) > 2*shownLength {
		line = append(line[:2*shownLength], '…')
	}
	return "`" + strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, string(line)) + "`"
}
