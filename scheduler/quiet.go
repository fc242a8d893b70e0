package scheduler

import (
	"slices"
	"time"

	"github.com/ordinaut/ordinaut"
)

// maxQuietHops bounds the search for the end of quiet hours that follow on one another. They repeat by
// the week: what is not over then never is, or only after blackouts without number.
const maxQuietHops = 200

// quiet is quiet hours and blackouts, compiled.
type quiet struct {
	zone      *time.Location
	hours     []quietHours
	blackouts windows
	drops     bool
}

// quietHours are a stretch of the local day, as durations since midnight; to is up to 48 hours.
type quietHours struct {
	from, to time.Duration
	days     [7]bool // by time.Weekday
}

// newQuiet compiles what [ParseQuiet] has let pass. Hours that cannot be read are never quiet.
func newQuiet(q *ordinaut.Quiet, zone *time.Location) *quiet {
	c := &quiet{zone: zone, drops: q.Action == ordinaut.QuietDrop}
	for _, h := range q.Hours {
		from, ok1 := timeOfDay(h.From)
		to, ok2 := timeOfDay(h.To)
		if !ok1 || !ok2 {
			continue
		}
		if to <= from {
			to += day
		}
		hours := quietHours{from: from, to: to}
		for i := range hours.days {
			hours.days[i] = len(h.Days) == 0 || slices.Contains(h.Days, dayName(time.Weekday(i)))
		}
		c.hours = append(c.hours, hours)
	}
	var blackouts []window
	for _, b := range q.Blackouts {
		blackouts = append(blackouts, window{from: b.From.UTC(), to: b.To.UTC()})
	}
	c.blackouts = joinWindows(blackouts)
	return c
}

// on returns the window of h that begins on the day of midnight, a reading.
func (h *quietHours) on(midnight time.Time, zone *time.Location) (window, bool) {
	if !h.days[midnight.Weekday()] {
		return window{}, false
	}
	w := window{from: resolve(midnight.Add(h.from), zone).at, to: resolve(midnight.Add(h.to), zone).at}
	return w, w.to.After(w.from)
}

// end returns when the quiet that holds at ends.
func (q *quiet) end(at time.Time) (end time.Time, ok bool) {
	if w, held := q.blackouts.find(at); held {
		end, ok = w.to, true
	}
	today := periodAt(at, q.zone).reading(at).Truncate(day)
	for i := range q.hours {
		for _, midnight := range [...]time.Time{today.Add(-day), today} {
			w, held := q.hours[i].on(midnight, q.zone)
			if held && !w.from.After(at) && w.to.After(at) {
				end, ok = latestOf(end, w.to), true
			}
		}
	}
	return end, ok
}

// edge returns the first instant later than at at which quiet begins or ends.
func (q *quiet) edge(at time.Time) (time.Time, bool) {
	var first soonest
	first.add(q.blackouts.edge(at))
	today := periodAt(at, q.zone).reading(at).Truncate(day)
	for i := range q.hours {
		// Hours of one weekday return within a week, and end within two days.
		for n := -2; n <= 8; n++ {
			midnight := today.AddDate(0, 0, n)
			if first.ok && midnight.Add(-day).After(first.at.Add(26*time.Hour)) {
				break
			}
			if w, ok := q.hours[i].on(midnight, q.zone); ok {
				first.add(w.from, w.from.After(at))
				first.add(w.to, w.to.After(at))
			}
		}
	}
	return first.at, first.ok
}

// quiets are the quiet of a task and of its agent.
type quiets []*quiet

// end returns when any quiet that holds at ends, and whether one that drops does.
func (qs quiets) end(at time.Time) (end time.Time, held, dropped bool) {
	for _, q := range qs {
		if e, ok := q.end(at); ok {
			end, held, dropped = latestOf(end, e), true, dropped || q.drops
		}
	}
	return end, held, dropped
}

// pass returns the first instant, not earlier than at, at which nothing is quiet; false when there
// seems to be none.
func (qs quiets) pass(at time.Time) (time.Time, bool) {
	for range maxQuietHops {
		end, held, _ := qs.end(at)
		if !held {
			return at, true
		}
		at = end
	}
	return at, false
}

// edge returns the first instant later than at at which the quiet of either begins or ends.
func (qs quiets) edge(at time.Time) (time.Time, bool) {
	var first soonest
	for _, q := range qs {
		first.add(q.edge(at))
	}
	return first.at, first.ok
}
