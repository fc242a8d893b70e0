package scheduler

import (
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// dateLayout is how calendars write days.
const dateLayout = "2006-01-02"

// exclusion is a calendar as a schedule in one zone observes it.
type exclusion struct {
	name  string
	days  windows // whole days of the zone
	times windows // stretches given by instants
}

// exclusionKey is what an exclusion depends on: the version of a calendar rises with each change, and
// begins anew when it is removed and made again.
type exclusionKey struct {
	namespace ordinaut.NamespaceID
	name      string
	version   int
	updatedAt int64 // Unix microseconds
	zone      string
}

// newExclusion compiles a calendar. An entry that cannot be read excludes nothing: the calendar was
// checked when it was stored.
func newExclusion(c *ordinaut.Calendar, zone *time.Location) *exclusion {
	var days, times []window
	for _, e := range c.Entries {
		if w, ok := dayWindow(e, zone); ok {
			days = append(days, w)
		} else if w, ok := timeWindow(e); ok {
			times = append(times, w)
		}
	}
	return &exclusion{name: c.Name, days: joinWindows(days), times: joinWindows(times)}
}

// dayWindow reads an entry of dates: from its first midnight to that of its end, or of the day after
// when it names one day only.
func dayWindow(e ordinaut.CalendarEntry, zone *time.Location) (window, bool) {
	from, err := time.Parse(dateLayout, strings.TrimSpace(e.From))
	if err != nil {
		return window{}, false
	}
	to := from.AddDate(0, 0, 1)
	if e.To != "" {
		if to, err = time.Parse(dateLayout, strings.TrimSpace(e.To)); err != nil {
			return window{}, false
		}
	}
	return window{from: resolve(from, zone).at, to: resolve(to, zone).at}, true
}

func timeWindow(e ordinaut.CalendarEntry) (window, bool) {
	from, err := time.Parse(time.RFC3339, e.From)
	if err != nil {
		return window{}, false
	}
	to, err := time.Parse(time.RFC3339, e.To)
	if err != nil {
		return window{}, false
	}
	return window{from: from.UTC(), to: to.UTC()}, true
}

// exclusions are the calendars that one schedule observes.
type exclusions []*exclusion

// find returns the longest window that holds at, whether it is one of whole days, and its calendar.
// Windows of days come before those of times.
func (xs exclusions) find(at time.Time) (w window, days bool, calendar string) {
	for _, x := range xs {
		if found, ok := x.days.find(at); ok && (calendar == "" || found.to.After(w.to)) {
			w, days, calendar = found, true, x.name
		}
	}
	if days {
		return w, days, calendar
	}
	for _, x := range xs {
		if found, ok := x.times.find(at); ok && (calendar == "" || found.to.After(w.to)) {
			w, calendar = found, x.name
		}
	}
	return w, false, calendar
}

// edge returns the first instant later than at at which a window of any calendar begins or ends.
func (xs exclusions) edge(at time.Time) (time.Time, bool) {
	var first soonest
	for _, x := range xs {
		first.add(x.days.edge(at))
		first.add(x.times.edge(at))
	}
	return first.at, first.ok
}
