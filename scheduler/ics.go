package scheduler

import (
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// maxICSBytes bounds the text of a calendar, maxCalendarEntries what it may become.
	maxICSBytes        = 512 << 10
	maxCalendarEntries = 5000
	// maxRecurring bounds the events with a rule, each of which costs a search.
	maxRecurring = 200
	// maxFollowed bounds the occurrences that rules are followed through, those that are left out too, and
	// maxICSSteps what looking for them costs.
	maxFollowed = 4 * maxCalendarEntries
	maxICSSteps = 2_000_000
	// maxTitleBytes is where titles are cut: every tick that observes the calendar reads them.
	maxTitleBytes = 100
	// maxComponents is how deep BEGIN lines may nest; a real calendar needs three.
	maxComponents = 8

	// Events are taken from a year back, so that explanations reach there, and rules are followed for
	// five years ahead.
	icsYearsBack, icsYearsAhead = 1, 5
)

// ReadICS reads the events of an RFC 5545 calendar as the stretches that they take up, sorted and each
// once: whole days stay dates, times become instants. Recurring events are written out from a year before
// now to five years after it; events that were canceled, that ended before or that have no length are left
// out. Times without a zone are read in timezone; empty is UTC. The warnings say what a person may want to
// know of that. The text is untrusted: what cannot be read is refused with an invalid_argument
// [ordinaut.Error] that names the line.
func ReadICS(text, timezone string, now time.Time) (entries []ordinaut.CalendarEntry, warnings []string, err error) {
	if len(text) > maxICSBytes {
		return nil, nil, badICS(0, "", "the calendar is %d bytes long; at most %d are allowed: send a shorter range of it", len(text), maxICSBytes)
	}
	zone, err := calendarZone(timezone)
	if err != nil {
		return nil, nil, err
	}
	doc, err := readICS(text)
	if err != nil {
		return nil, nil, err
	}
	x := newICSExpansion(doc, zone, now)
	for i := range doc.events {
		if err := x.event(&doc.events[i]); err != nil {
			return nil, nil, err
		}
	}
	if x.floating && timezone == "" {
		x.warn("times without a zone were read in UTC; give timezone if another is meant")
	}
	return sortEntries(x.entries), x.said(), nil
}

// calendarZone is the zone of the argument timezone.
func calendarZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := (*zones)(nil).load(name)
	if err != nil {
		return nil, pointed(err, "/timezone")
	}
	return zone, nil
}

// pointed returns an error of ours with another pointer.
func pointed(err error, pointer string) error {
	bad := *asInvalid(err)
	bad.Pointer = pointer
	return &bad
}

// sortEntries sorts entries and drops those that are there twice.
func sortEntries(entries []ordinaut.CalendarEntry) []ordinaut.CalendarEntry {
	slices.SortFunc(entries, func(a, b ordinaut.CalendarEntry) int {
		if c := strings.Compare(a.From, b.From); c != 0 {
			return c
		}
		if c := strings.Compare(a.To, b.To); c != 0 {
			return c
		}
		return strings.Compare(a.Title, b.Title)
	})
	return slices.Compact(entries)
}
