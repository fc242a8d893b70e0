package scheduler

import (
	"fmt"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// icsExpansion turns events into entries.
type icsExpansion struct {
	zone        *time.Location // of times without one
	from, until time.Time      // what lies outside is left out
	located     map[string]string
	loaded      map[string]*time.Location
	// moved holds, by UID, the occurrences that events of their own stand for.
	moved map[string]map[string]bool
	// movedErr is the first of them that could not be read.
	movedErr error

	entries   []ordinaut.CalendarEntry
	warnings  []string
	recurring int
	followed  int    // occurrences of rules so far
	steps     budget // for all of them
	floating  bool   // a time had no zone
	// Counts for the warnings.
	past, empty, endless int
}

func newICSExpansion(doc icsDocument, zone *time.Location, now time.Time) *icsExpansion {
	day := now.UTC().Truncate(24 * time.Hour)
	x := &icsExpansion{
		zone: zone, from: day.AddDate(-icsYearsBack, 0, 0), until: day.AddDate(icsYearsAhead, 0, 0),
		located: doc.located, loaded: map[string]*time.Location{}, moved: map[string]map[string]bool{}, steps: budget{left: maxICSSteps},
	}
	for i := range doc.events {
		e := &doc.events[i]
		if e.stands.number == 0 || x.movedErr != nil {
			continue
		}
		if x.moved[e.uid] == nil {
			x.moved[e.uid] = map[string]bool{}
		}
		stands, err := x.standsFor(e.stands)
		x.movedErr = err
		x.moved[e.uid][stands] = true
	}
	return x
}

// standsFor returns which occurrence a RECURRENCE-ID means.
func (x *icsExpansion) standsFor(line icsLine) (string, error) {
	if line.ranged {
		return "", badICS(line.number, "", "RECURRENCE-ID with RANGE is not read; end the rule with UNTIL and begin another event")
	}
	t, err := x.time(line, line.value)
	if err != nil {
		return "", err
	}
	return t.text(), nil
}

// event adds the entries of an event.
func (x *icsExpansion) event(e *icsEvent) error {
	if x.movedErr != nil {
		return x.movedErr
	}
	if e.start.number == 0 {
		return badICS(e.line, "DTSTART;VALUE=DATE:20301225", "the event has no DTSTART")
	}
	if e.canceled {
		return nil
	}
	start, err := x.time(e.start, e.start.value)
	if err != nil {
		return err
	}
	length, err := x.length(e, start)
	if err != nil {
		return err
	}
	removed, err := x.removed(e)
	if err != nil {
		return err
	}
	keep := func(t icsTime, length time.Duration) error {
		text := t.text()
		if removed[text] || removed[t.reading.Format(time.DateOnly)] || e.stands.number == 0 && x.moved[e.uid][text] {
			return nil
		}
		return x.add(e, t, length)
	}
	if err := keep(start, length); err != nil {
		return err
	}
	if err := x.repeat(e, start, length, keep); err != nil {
		return err
	}
	return x.extra(e, length, keep)
}

// length returns how long the event takes by the clock of its start.
func (x *icsExpansion) length(e *icsEvent, start icsTime) (time.Duration, error) {
	length := time.Duration(0)
	switch {
	case e.end.number > 0 && e.duration.number > 0:
		return 0, badICS(e.duration.number, "", "the event has DTEND and DURATION; give one of them")
	case e.duration.number > 0:
		given, err := icsLength(e.duration, e.duration.value)
		if err != nil {
			return 0, err
		}
		length = given
	case e.end.number > 0:
		end, err := x.time(e.end, e.end.value)
		if err != nil {
			return 0, err
		}
		if length, err = icsSpan(start, end, e.end); err != nil {
			return 0, err
		}
	}
	if start.isDate() && length%day != 0 {
		return 0, badICS(e.duration.number, "DURATION:P1D", "DTSTART is a day, so DURATION must be whole days")
	}
	if start.isDate() && length == 0 {
		return day, nil
	}
	return length, nil
}

// icsSpan returns the time from start to end, given by line, by the clock of start.
func icsSpan(start, end icsTime, line icsLine) (time.Duration, error) {
	if start.isDate() != end.isDate() {
		return 0, badICS(line.number, "", "DTSTART and %s must both be days or both be times", line.name)
	}
	length := end.reading.Sub(start.reading)
	if !start.isDate() && end.zone != start.zone {
		at := end.instant()
		length = periodAt(at, start.zone).reading(at).Sub(start.reading)
	}
	if length < 0 {
		return 0, badICS(line.number, "", "%s is before DTSTART", line.name)
	}
	return length, nil
}

// removed returns the occurrences that EXDATE lines take away. A day takes away the times that begin on it.
func (x *icsExpansion) removed(e *icsEvent) (map[string]bool, error) {
	all := map[string]bool{}
	for _, line := range e.removed {
		times, err := x.times(line)
		if err != nil {
			return nil, err
		}
		for _, t := range times {
			all[t.text()] = true
		}
	}
	return all, nil
}

// repeat gives the occurrences of the event's rule after the first.
func (x *icsExpansion) repeat(e *icsEvent, start icsTime, length time.Duration, keep func(icsTime, time.Duration) error) error {
	if e.rule.number == 0 {
		return nil
	}
	if length == 0 {
		return nil // none of them excludes anything
	}
	if x.recurring++; x.recurring > maxRecurring {
		return badICS(e.rule.number, "", "there are more than %d events with an RRULE; at most so many are allowed", maxRecurring)
	}
	zone := start.zone
	if start.isDate() {
		zone = time.UTC // days have no offset, nor gaps
	}
	rule, err := compileRRuleWithin("DTSTART:"+start.reading.Format("20060102T150405")+"\nRRULE:"+strings.TrimSpace(e.rule.value), zone, time.Time{}, &x.steps)
	if err != nil {
		bad := asInvalid(err)
		return badICS(e.rule.number, bad.Example, "RRULE: %s", bad.Msg)
	}
	after := icsTime{reading: start.reading, zone: zone}.instant()
	if reach := x.from.Add(-length - 2*day); after.Before(reach) {
		after = reach
	}
	for {
		next, found := rule.(*rrule).nextWithin(after, &x.steps)
		if x.followed++; x.followed > maxFollowed || x.steps.left < 0 {
			return badICS(e.rule.number, "RRULE:FREQ=DAILY", "the rules of the calendar have more times than it is worth to follow; send rules that are due by days, or fewer of them")
		}
		if !found {
			return nil
		}
		if next.After(x.until) {
			x.endless++
			return nil
		}
		t := icsTime{reading: periodAt(next, zone).reading(next), zone: start.zone}
		if err := keep(t, length); err != nil {
			return err
		}
		after = next
	}
}

// extra gives the occurrences of the event's RDATE lines.
func (x *icsExpansion) extra(e *icsEvent, length time.Duration, keep func(icsTime, time.Duration) error) error {
	for _, line := range e.added {
		for value := range strings.SplitSeq(line.value, ",") {
			first, rest, isPeriod := strings.Cut(value, "/")
			t, err := x.time(icsLine{number: line.number, name: line.name, tzid: line.tzid, kind: strings.TrimPrefix(line.kind, "PERIOD")}, first)
			if err != nil {
				return err
			}
			length := length
			if isPeriod {
				if length, err = x.period(line, t, rest); err != nil {
					return err
				}
			}
			if err := keep(t, length); err != nil {
				return err
			}
		}
	}
	return nil
}

// period returns the length of a period, whose second half is an end or a duration.
func (x *icsExpansion) period(line icsLine, start icsTime, rest string) (time.Duration, error) {
	if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(rest)), "P") {
		return icsLength(line, rest)
	}
	end, err := x.time(icsLine{number: line.number, name: line.name, tzid: line.tzid}, rest)
	if err != nil {
		return 0, err
	}
	return icsSpan(start, end, line)
}

// add adds the entry of one occurrence, unless it is over for long or has no length.
func (x *icsExpansion) add(e *icsEvent, t icsTime, length time.Duration) error {
	entry := ordinaut.CalendarEntry{From: t.text(), To: t.add(length).text(), Title: e.title}
	switch {
	case entry.To <= entry.From:
		x.empty++
		return nil
	case entry.To <= x.from.Format(time.DateOnly):
		x.past++
		return nil
	case len(x.entries) == maxCalendarEntries:
		return badICS(e.line, "", "with this event the calendar has more than %d entries from %s to %s; at most so many are allowed: leave out what excludes nothing",
			maxCalendarEntries, x.from.Format(time.DateOnly), x.until.Format(time.DateOnly))
	}
	x.entries = append(x.entries, entry)
	return nil
}

func (x *icsExpansion) warn(format string, args ...any) {
	x.warnings = append(x.warnings, fmt.Sprintf(format, args...))
}

// said returns the warnings.
func (x *icsExpansion) said() []string {
	if x.past > 0 {
		x.warn("left out as over before %s: %s", x.from.Format(time.DateOnly), plural(x.past, "occurrence"))
	}
	if x.empty > 0 {
		x.warn("left out as without length, which exclude nothing: %s", plural(x.empty, "occurrence"))
	}
	if x.endless > 0 {
		x.warn("written out until %s, after which nothing is excluded until the calendar is set again: %s", x.until.Format(time.DateOnly), plural(x.endless, "rule"))
	}
	return x.warnings
}
