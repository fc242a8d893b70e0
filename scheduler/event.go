package scheduler

import (
	"strings"
	"time"
	"unicode"

	"github.com/ordinaut/ordinaut"
)

const (
	// defaultDedupe is how long a value of dedupe_by counts when the schedule does not say.
	defaultDedupe = 24 * time.Hour
	// maxDebounce and maxDedupe are the largest debounce_seconds and dedupe_window_seconds.
	maxDebounce = 24 * 60 * 60
	maxDedupe   = 7 * 24 * 60 * 60
	// debounceCap is how many times its debounce a burst is waited out at most.
	debounceCap = 10
	// maxFilterLength bounds filter and dedupe_by.
	maxFilterLength = 1000
	// wordsLength bounds how much of an expression is repeated in words.
	wordsLength = 80
)

// whenever is the rule of a schedule of kind event. It has no times of its own.
type whenever struct {
	pattern string
	trigger ordinaut.EventTrigger
}

func compileEvent(s ordinaut.Schedule) (rule, error) {
	if err := checkPattern(s.Expr); err != nil {
		return nil, err
	}
	w := whenever{pattern: s.Expr}
	if s.Rules != nil && s.Rules.Event != nil {
		w.trigger = *s.Rules.Event
	}
	return w, nil
}

// normaliseEvent refuses what means nothing for kind event: times come from whoever publishes, so what
// belongs to nominal times has no place.
func normaliseEvent(s *ordinaut.Schedule) error {
	s.Expr = strings.TrimSpace(s.Expr)
	meaningless := func(pointer, key string) error {
		return invalid("/schedule"+pointer, "", "%s means nothing for an event schedule, which has no times of its own; leave it out", key)
	}
	switch {
	case s.JitterSeconds != 0:
		return meaningless("/jitter_seconds", "jitter_seconds")
	case s.MaxCatchUp != 0:
		return meaningless("/max_catch_up", "max_catch_up")
	case s.CatchUp != "" && s.CatchUp != ordinaut.CatchUpLatest:
		return meaningless("/catch_up", "catch_up")
	case s.Rules == nil:
		return nil
	case len(s.Rules.Calendars) > 0:
		return meaningless("/calendars", "calendars")
	case s.Rules.OnExcluded != "":
		return meaningless("/on_excluded", "on_excluded")
	case s.Rules.Event == nil:
		return nil
	}
	return checkTrigger(*s.Rules.Event)
}

func checkTrigger(e ordinaut.EventTrigger) error {
	switch {
	case e.DebounceSeconds < 0 || e.DebounceSeconds > maxDebounce:
		return invalid("/schedule/event/debounce_seconds", "60", "debounce_seconds %d is out of range; allowed is 0 to %d", e.DebounceSeconds, maxDebounce)
	case e.DedupeWindowSeconds < 0 || e.DedupeWindowSeconds > maxDedupe:
		return invalid("/schedule/event/dedupe_window_seconds", "3600", "dedupe_window_seconds %d is out of range; allowed is 1 to %d, or 0 for a day", e.DedupeWindowSeconds, maxDedupe)
	case e.DedupeWindowSeconds != 0 && e.DedupeBy == "":
		return invalid("/schedule/event/dedupe_by", "payload.id", "dedupe_window_seconds needs dedupe_by, which says what is a repetition")
	case len(e.Filter) > maxFilterLength:
		return invalid("/schedule/event/filter", "", "the filter is %d bytes long; at most %d are allowed", len(e.Filter), maxFilterLength)
	case len(e.DedupeBy) > maxFilterLength:
		return invalid("/schedule/event/dedupe_by", "", "dedupe_by is %d bytes long; at most %d are allowed", len(e.DedupeBy), maxFilterLength)
	}
	return nil
}

func (whenever) next(time.Time) (time.Time, bool) { return time.Time{}, false }
func (whenever) count(_, _ time.Time) int         { return 0 }
func (whenever) flag(time.Time) DST               { return DSTNone }

func (w whenever) words() string {
	words := "whenever an event " + w.pattern + " is published"
	if w.trigger.Filter != "" {
		words += ", if " + inWords(w.trigger.Filter)
	}
	if w.trigger.DedupeBy != "" {
		words += ", once per " + durationWords(dedupeWindow(&w.trigger)) + " for each " + inWords(w.trigger.DedupeBy)
	}
	if n := w.trigger.DebounceSeconds; n > 0 {
		words += ", when none has followed for " + plural(n, "second")
	}
	return words
}

// inWords returns an expression as it may stand in words.
func inWords(source string) string {
	source = strings.Join(strings.FieldsFunc(source, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(source) > wordsLength {
		return strings.ToValidUTF8(source[:wordsLength], "") + "…"
	}
	return source
}

func dedupeWindow(e *ordinaut.EventTrigger) time.Duration {
	if e.DedupeWindowSeconds == 0 {
		return defaultDedupe
	}
	return time.Duration(e.DedupeWindowSeconds) * time.Second
}
