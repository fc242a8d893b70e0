package scheduler

import (
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
)

// CheckEntries returns entries as a calendar keeps them: sorted, each once, days as dates and times as
// instants in UTC. Local times are read in timezone; empty is UTC. The error is an invalid_argument
// [ordinaut.Error] whose pointer leads into /entries.
func CheckEntries(entries []ordinaut.CalendarEntry, timezone string) ([]ordinaut.CalendarEntry, error) {
	zone, err := calendarZone(timezone)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxCalendarEntries {
		return nil, ordinaut.Invalid("/entries", "a calendar has at most %d entries, this one has %d", maxCalendarEntries, len(entries))
	}
	kept := make([]ordinaut.CalendarEntry, len(entries))
	for i, e := range entries {
		if kept[i], err = checkEntry(e, zone); err != nil {
			return nil, pointed(err, fmt.Sprintf("/entries/%d%s", i, asInvalid(err).Pointer))
		}
	}
	return sortEntries(kept), nil
}

func checkEntry(e ordinaut.CalendarEntry, zone *time.Location) (ordinaut.CalendarEntry, error) {
	from, err := entryTime("/from", e.From, zone)
	if err != nil {
		return e, err
	}
	to := from.add(day)
	switch {
	case e.To != "":
		if to, err = entryTime("/to", e.To, zone); err != nil {
			return e, err
		}
	case !from.isDate():
		return e, invalid("/to", from.add(time.Hour).text(), "to is missing: only a day needs none")
	}
	if from.isDate() != to.isDate() {
		return e, invalid("/to", "", "from and to must both be days or both be times")
	}
	kept := ordinaut.CalendarEntry{From: from.text(), To: to.text(), Title: title(e.Title)}
	if kept.To <= kept.From {
		return e, invalid("/to", from.add(day).text(), "to must be later than from (%s): it is where the stretch ends, not its last day", kept.From)
	}
	return kept, nil
}

// entryTime reads a day, an instant or a local time.
func entryTime(pointer, text string, zone *time.Location) (icsTime, error) {
	t, ok := icsTime{}, false
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		t, ok = icsTime{reading: day}, true
	} else if instant, err := time.Parse(time.RFC3339, text); err == nil {
		t, ok = icsTime{reading: instant.UTC().Truncate(time.Second), zone: time.UTC}, true
	} else {
		for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
			if reading, err := time.Parse(layout, text); err == nil {
				t, ok = icsTime{reading: reading.Truncate(time.Second), zone: zone}, true
			}
		}
	}
	if !ok {
		return t, invalid(pointer, "2030-12-25", "%s is not a time; want a day (2030-12-25), an instant (2030-12-25T09:00:00Z) or a local time (2030-12-25T09:00)", quote(text))
	}
	if year := t.reading.Year(); year < 1900 || year > 2200 {
		return t, invalid(pointer, "2030-12-25", "%s is out of range; allowed are the years 1900 to 2200", quote(text))
	}
	return t, nil
}
