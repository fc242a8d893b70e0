package scheduler

import (
	"slices"
	"time"
)

// intent is what the clauses of a phrase have said so far. Dates are readings: midnights in UTC of
// the calendar's days.
type intent struct {
	zone string // empty: left out

	// count and unit are the rhythm; recurs says that the phrase speaks of more than one time.
	count  int
	unit   unit
	recurs bool
	minute int // of every hour; -1: not said

	weekdays uint8 // bit n: weekday n
	nths     []nthDays
	workday  int   // 1: the first Monday to Friday of the month, -1: the last
	days     []int // of the month; -1: the last
	months   uint16
	both     bool // weekdays and days must meet
	// ofYear and ofQuarter say that days are those of the year, or of each quarter.
	ofYear, ofQuarter bool
	without           uint8

	times  []dayTime
	part   string      // of the day, one of dayParts
	half   string      // am or pm, as a question was answered
	window *[2]dayTime // from, to

	date  time.Time     // of a single time
	next  bool          // a single time: the next day that matches
	once  bool          // the word once was said
	delay time.Duration // of a single time

	starts, ends time.Time // ends is excluded
	lasts        int       // how many of lastsUnit after its start it ends; 0: not said
	lastsUnit    unit
	maxRuns      int
	calendars    []string

	anchor time.Time
	notes  []string
}

// nthDays are the nth weekdays of the month; n is -1 for the last.
type nthDays struct {
	n    int
	days uint8
}

func (i *intent) note(text string) {
	if !slices.Contains(i.notes, text) {
		i.notes = append(i.notes, text)
	}
}

func (i *intent) clone() intent {
	c := *i
	c.nths, c.days, c.times = slices.Clone(i.nths), slices.Clone(i.days), slices.Clone(i.times)
	c.calendars, c.notes = slices.Clone(i.calendars), slices.Clone(i.notes)
	return c
}

// byClock reports whether the rhythm is one of seconds, minutes or hours.
func (i *intent) byClock() bool { return i.unit != unitNone && i.unit < unitDay }

// single reports whether the phrase means one time.
func (i *intent) single() bool { return i.next || i.delay > 0 || !i.date.IsZero() }

// hasDays reports whether it says on which days.
func (i *intent) hasDays() bool {
	return i.weekdays != 0 || len(i.nths) > 0 || i.workday != 0 || len(i.days) > 0
}

// match reports whether the days that were named include date.
func (i *intent) match(date time.Time) bool {
	m := monthOf(date)
	if i.months != 0 && i.months>>m.first.Month()&1 == 0 {
		return false
	}
	if !i.hasDays() {
		return true
	}
	n, weekday := date.Day(), date.Weekday()
	byDay := slices.Contains(i.days, n) || (n == m.length && slices.Contains(i.days, -1))
	byWeekday := i.weekdays>>weekday&1 == 1
	if i.both {
		return byDay && byWeekday
	}
	for _, nth := range i.nths {
		inOrder := (n-1)/7+1 == nth.n || nth.n == -1 && n+7 > m.length
		byWeekday = byWeekday || inOrder && nth.days>>weekday&1 == 1
	}
	return byDay || byWeekday || i.workday != 0 && n == m.workday(i.workday)
}

// workday returns the first (1) or last (-1) Monday to Friday of the month.
func (m month) workday(which int) int {
	n := 1
	if which < 0 {
		n = m.length
	}
	for weekday := m.weekday(n); weekday == 0 || weekday == 6; weekday = m.weekday(n) {
		n += which
	}
	return n
}

// searchDays is how many days ahead a matching one is looked for: 29 February comes within eight years.
const searchDays = 8*366 + 1

// firstMatch returns the first day from the day of after on that matches, at the first of the times of
// day that lies later than after.
func (i *intent) firstMatch(after time.Time, times []int) (time.Time, bool) {
	today := after.Truncate(day)
	for n := range searchDays {
		date := today.AddDate(0, 0, n)
		if !i.match(date) {
			continue
		}
		for _, minutes := range times {
			if at := date.Add(time.Duration(minutes) * time.Minute); at.After(after) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}
