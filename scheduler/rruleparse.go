package scheduler

import (
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// maxRRuleLength bounds an expr with all its lines, maxRuleLength the rule alone, in bytes.
	maxRRuleLength = 2000
	maxRuleLength  = 1024
	rruleExample   = "FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=0;BYSECOND=0"
)

// rruleText is the expr of an rrule schedule taken apart, in upper case.
type rruleText struct {
	start          string // DTSTART as a local time; empty when it was left out
	rule           string // without RRULE:
	added, removed []calendarTime
}

// calendarTime is a value of DTSTART, RDATE, EXDATE or UNTIL.
type calendarTime struct {
	reading  time.Time // what the clock shows: in the schedule's zone, or in UTC
	utc      bool
	dateOnly bool // it was given as a date, and means the midnight of it
}

// splitRRule reads the lines of an expr: one rule, and optional DTSTART, RDATE and EXDATE.
func splitRRule(expr string, zone *time.Location) (rruleText, error) {
	var text rruleText
	if len(expr) > maxRRuleLength {
		return text, badRRule("the expr is %d bytes long; at most %d are allowed", len(expr), maxRRuleLength)
	}
	for line := range strings.SplitSeq(expr, "\n") {
		line = strings.ToUpper(strings.TrimSpace(line))
		if line == "" {
			continue
		}
		if err := text.line(line, zone); err != nil {
			return text, err
		}
	}
	if text.rule == "" {
		return text, badRRule("the rule is missing; write at least FREQ=DAILY")
	}
	return text, nil
}

func (t *rruleText) line(line string, zone *time.Location) error {
	property, value, found := strings.Cut(line, ":")
	name, parameters, _ := strings.Cut(property, ";")
	switch {
	case found && name == "DTSTART":
		return t.startLine(value, parameters, zone)
	case found && (name == "RDATE" || name == "EXDATE"):
		times, err := parseCalendarTimes(name, value, parameters, zone)
		if name == "RDATE" {
			t.added = append(t.added, times...)
		} else {
			t.removed = append(t.removed, times...)
		}
		return err
	case found && property != "RRULE":
		return badRRule("line %s is unknown; allowed are DTSTART, RRULE, RDATE and EXDATE, one a line", quote(property))
	case !found:
		value = line
	}
	if t.rule != "" {
		return badRRule("there are two rules; make a task of each, or list the extra times in an RDATE line")
	}
	if len(value) > maxRuleLength {
		return badRRule("the rule is %d bytes long; at most %d are allowed", len(value), maxRuleLength)
	}
	t.rule = value
	return nil
}

func (t *rruleText) startLine(value, parameters string, zone *time.Location) error {
	if t.start != "" {
		return badRRule("DTSTART is given twice")
	}
	times, err := parseCalendarTimes("DTSTART", value, parameters, zone)
	if err != nil {
		return err
	}
	if len(times) != 1 {
		return badRRule("DTSTART takes one time; list more in an RDATE line")
	}
	t.start = localText(times[0].local(zone))
	return nil
}

// parseCalendarTimes reads the value of a line with its parameters: TZID, which must be the zone of
// the schedule, and VALUE.
func parseCalendarTimes(name, value, parameters string, zone *time.Location) ([]calendarTime, error) {
	kind, zoned := "", false
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, of, _ := strings.Cut(parameter, "=")
		switch {
		case parameter == "":
		case key == "TZID" && strings.EqualFold(strings.Trim(of, `"`), zone.String()):
			zoned = true
		case key == "TZID":
			return nil, badRRule("%s has TZID %s, but the schedule's timezone is %s; set timezone to the one you mean and leave TZID out", name, quote(of), zone)
		case key == "VALUE" && (of == "DATE" || of == "DATE-TIME"):
			kind = of
		default:
			return nil, badRRule("%s has parameter %s; allowed are TZID, VALUE=DATE and VALUE=DATE-TIME", name, quote(parameter))
		}
	}
	var times []calendarTime
	for item := range strings.SplitSeq(value, ",") {
		at, ok := parseCalendarTime(strings.TrimSpace(item))
		if !ok || (at.dateOnly && kind == "DATE-TIME") || (!at.dateOnly && kind == "DATE") || (at.utc && zoned) {
			return nil, badRRule("%s %s is not a time; write 20300501T090000 (local), 20300501T070000Z (UTC) or 20300501 (midnight)", name, quote(item))
		}
		if year := at.reading.Year(); year < 1900 || year > 2200 {
			return nil, badRRule("%s %s is out of range (1900 to 2200)", name, quote(item))
		}
		times = append(times, at)
	}
	return times, nil
}

func parseCalendarTime(text string) (calendarTime, bool) {
	layout := "20060102T150405"
	digits, utc := strings.CutSuffix(text, "Z")
	dateOnly := len(digits) == 8 && !utc
	if dateOnly {
		layout = "20060102"
	}
	reading, err := time.Parse(layout, digits)
	return calendarTime{reading: reading, utc: utc, dateOnly: dateOnly}, err == nil && len(digits) == len(layout)
}

// moment returns when the time is. What the clocks skip or repeat is read by RFC 5545.
func (c calendarTime) moment(zone *time.Location) moment {
	if c.utc {
		return moment{at: c.reading, shifted: c.reading}
	}
	return resolve(c.reading, zone)
}

// local returns what the zone's clock shows at the time.
func (c calendarTime) local(zone *time.Location) time.Time {
	if c.utc {
		return periodAt(c.reading, zone).reading(c.reading)
	}
	return c.reading
}

func localText(reading time.Time) string { return reading.Format("20060102T150405") }

func (c calendarTime) String() string {
	if c.utc {
		return localText(c.reading) + "Z"
	}
	return localText(c.reading)
}

// settleRRule writes an expr so that it no longer depends on when and with what it was created: in
// upper case, a property a line, with a DTSTART, which is anchor unless the text has its own.
func settleRRule(expr string, zone *time.Location, anchor time.Time) (string, error) {
	text, err := splitRRule(expr, zone)
	if err != nil {
		return expr, err
	}
	if text.start == "" {
		text.start = localText(periodAt(anchor, zone).reading(anchor))
	}
	lines := []string{"DTSTART:" + text.start, "RRULE:" + text.rule}
	for _, l := range []struct {
		name  string
		times []calendarTime
	}{{"RDATE:", text.added}, {"EXDATE:", text.removed}} {
		if len(l.times) > 0 {
			lines = append(lines, l.name+strings.Join(texts(l.times), ","))
		}
	}
	return strings.Join(lines, "\n"), nil
}

// texts writes times in order, each once.
func texts(times []calendarTime) []string {
	all := make([]string, len(times))
	for i, t := range times {
		all[i] = t.String()
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func badRRule(format string, args ...any) *ordinaut.Error {
	return invalid("/schedule/expr", rruleExample, format, args...)
}
