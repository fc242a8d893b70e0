package scheduler

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// icsDocument is what a calendar says of its events, not yet understood.
type icsDocument struct {
	events []icsEvent
	// located holds the IANA names that the calendar itself gives to its TZIDs.
	located map[string]string
}

// icsEvent is a VEVENT.
type icsEvent struct {
	line                               int // of its BEGIN
	start, end, duration, rule, stands icsLine
	added, removed                     []icsLine
	uid, title                         string
	canceled                           bool
}

// readICS reads the components of a text. Only what an exclusion needs is kept; what else a calendar may
// hold, known or not, is passed over.
func readICS(text string) (icsDocument, error) {
	doc := icsDocument{located: map[string]string{}}
	lines := icsLines{rest: strings.TrimPrefix(text, "\ufeff")}
	var within []string // components that are open
	var tzid string     // of the VTIMEZONE that is open
	for {
		line, found, err := lines.next()
		if err != nil {
			return doc, err
		}
		if !found {
			return doc, complete(within, lines.number, len(doc.events))
		}
		switch {
		case line.name == "BEGIN":
			if within, err = begin(within, line); err != nil {
				return doc, err
			}
			if len(within) == 2 && within[1] == "VEVENT" {
				doc.events = append(doc.events, icsEvent{line: line.number})
			}
		case line.name == "END":
			if within, err = end(within, line); err != nil {
				return doc, err
			}
		case len(within) == 0:
			return doc, badICS(line.number, icsExample, "want BEGIN:VCALENDAR, got %s", quote(line.name))
		case len(within) == 2 && within[1] == "VEVENT":
			if err := doc.events[len(doc.events)-1].property(line); err != nil {
				return doc, err
			}
		case len(within) == 2 && within[1] == "VTIMEZONE" && line.name == "TZID":
			tzid = line.value
		case len(within) == 2 && within[1] == "VTIMEZONE" && line.name == "X-LIC-LOCATION":
			doc.located[tzid] = line.value
		}
	}
}

func begin(within []string, line icsLine) ([]string, error) {
	name := strings.ToUpper(strings.TrimSpace(line.value))
	if len(within) == 0 && name != "VCALENDAR" {
		return nil, badICS(line.number, icsExample, "want BEGIN:VCALENDAR, got BEGIN:%s", quote(name))
	}
	if len(within) == maxComponents {
		return nil, badICS(line.number, "", "BEGIN lines nest more than %d deep", maxComponents)
	}
	return append(within, name), nil
}

func end(within []string, line icsLine) ([]string, error) {
	name := strings.ToUpper(strings.TrimSpace(line.value))
	if len(within) == 0 || within[len(within)-1] != name {
		return nil, badICS(line.number, icsExample, "END:%s has no BEGIN of its own", quote(name))
	}
	return within[:len(within)-1], nil
}

// complete refuses a text that stops in the middle or says nothing.
func complete(within []string, line, events int) error {
	switch {
	case len(within) > 0:
		return badICS(line, icsExample, "the text ends within %s; END:%s is missing", quote(within[len(within)-1]), within[len(within)-1])
	case events == 0:
		return badICS(0, icsExample, "the calendar has no VEVENT")
	default:
		return nil
	}
}

// property takes a line of the event.
func (e *icsEvent) property(line icsLine) error {
	var once *icsLine
	switch line.name {
	case "DTSTART":
		once = &e.start
	case "DTEND":
		once = &e.end
	case "DURATION":
		once = &e.duration
	case "RRULE":
		once = &e.rule
	case "RECURRENCE-ID":
		once = &e.stands
	case "RDATE":
		e.added = append(e.added, line)
	case "EXDATE":
		e.removed = append(e.removed, line)
	case "EXRULE":
		return badICS(line.number, "EXDATE;VALUE=DATE:20301225", "EXRULE is not read, RFC 5545 has dropped it; list the dates in EXDATE")
	case "UID":
		e.uid = line.value
	case "SUMMARY":
		e.title = title(line.unescaped())
	case "STATUS":
		e.canceled = strings.EqualFold(strings.TrimSpace(line.value), "CANCELLED")
	}
	if once == nil {
		return nil
	}
	if once.number > 0 {
		return badICS(line.number, "", "the event has another %s in line %d; one is allowed", line.name, once.number)
	}
	*once = line
	return nil
}

// title is text as a calendar keeps it: printable, on one line, cut.
func title(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text))
	if len(text) <= maxTitleBytes {
		return text
	}
	cut := maxTitleBytes - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
