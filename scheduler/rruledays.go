package scheduler

import "strconv"

// dayRule tells which days a rule matches: those of its periods, every INTERVAL-th counted from the
// one DTSTART lies in, that satisfy all the BY parts about days. For HOURLY and finer the period is
// the day and the interval 1.
type dayRule struct {
	freq      frequency
	interval  int
	origin    int // the number of DTSTART's period
	weekStart int

	months             uint64 // bit n: month n; 0: any, as below
	monthDays          signedSet
	yearDays           signedSet
	weeks              signedSet
	weekdays           uint64 // bit n: weekday n without a number
	numbered           [7]signedSet
	byWeekday, inMonth bool // weekdays restrict; their numbers count within the month
}

// signedSet holds numbers from 1, and from the end as negative ones.
type signedSet struct {
	forward, backward [6]uint64
	used              bool
}

func newSignedSet(numbers []int) signedSet {
	var s signedSet
	for _, n := range numbers {
		s.add(n)
	}
	return s
}

func (s *signedSet) add(n int) {
	s.used = true
	if n > 0 {
		s.forward[n/64] |= 1 << (n % 64)
	} else {
		s.backward[-n/64] |= 1 << (-n % 64)
	}
}

// holds reports whether the n-th of length things is in the set.
func (s *signedSet) holds(n, length int) bool {
	back := length - n + 1
	return s.forward[n/64]>>(n%64)&1 == 1 || s.backward[back/64]>>(back%64)&1 == 1
}

// newDayRule fills in what the rule leaves to DTSTART.
func newDayRule(r *recurrenceRule, start int) dayRule {
	d := dayRule{freq: max(r.freq, daily), interval: r.interval, weekStart: r.weekStart, inMonth: r.numbersMonth()}
	if r.freq < daily {
		d.interval = 1
	}
	d.origin = d.period(start)
	months, monthDays, weekdays := r.months, r.monthDays, r.weekdays
	from := dateOf(start)
	if len(r.yearDays)+len(r.monthDays)+len(r.weekdays) == 0 {
		switch {
		case r.freq == weekly || len(r.weeks) > 0:
			weekdays = []numberedDay{{weekday: weekdayOf(start)}}
		case r.freq == yearly && len(r.months) == 0:
			months, monthDays = []int{from.month}, []int{from.day}
		case r.freq >= monthly:
			monthDays = []int{from.day}
		}
	}
	for _, n := range months {
		d.months |= 1 << n
	}
	d.monthDays, d.yearDays, d.weeks = newSignedSet(monthDays), newSignedSet(r.yearDays), newSignedSet(r.weeks)
	d.byWeekday = len(weekdays) > 0
	for _, day := range weekdays {
		if day.n == 0 {
			d.weekdays |= 1 << day.weekday
		} else {
			d.numbered[day.weekday].add(day.n)
		}
	}
	return d
}

// period returns the number of the period that day n lies in.
func (d *dayRule) period(n int) int {
	switch d.freq {
	case yearly:
		return dateOf(n).year
	case monthly:
		date := dateOf(n)
		return date.year*12 + date.month - 1
	case weekly:
		return floorDiv(n+4-d.weekStart, 7)
	default:
		return n
	}
}

// begin returns the first day of a period.
func (d *dayRule) begin(period int) int {
	switch d.freq {
	case yearly:
		return date{period, 1, 1}.number()
	case monthly:
		return date{floorDiv(period, 12), modulo(period, 12) + 1, 1}.number()
	case weekly:
		return period*7 - 4 + d.weekStart
	default:
		return period
	}
}

// due returns the first period not before the given one that INTERVAL leaves.
func (d *dayRule) due(period int) int {
	return period + modulo(d.origin-period, d.interval)
}

// next returns the first matching day in [from, limit].
func (d *dayRule) next(from, limit int, b *budget) (int, bool) {
	for n := from; n <= limit && b.spend(1); {
		if d.interval > 1 {
			period := d.period(n)
			if due := d.due(period); due != period {
				n = d.begin(due)
				continue
			}
		}
		on := dateOf(n)
		if d.months != 0 && d.months>>on.month&1 == 0 {
			n = date{on.year, on.month + 1, 1}.number()
			continue
		}
		if d.matches(n, on) {
			return n, true
		}
		n++
	}
	return 0, false
}

// in appends to days those of a period that match.
func (d *dayRule) in(period int, days []int, b *budget) []int {
	last := d.begin(period+1) - 1
	for n, ok := d.next(d.begin(period), last, b); ok; n, ok = d.next(n+1, last, b) {
		days = append(days, n)
	}
	return days
}

// matches reports whether day n, which is on a date of a matching month, satisfies the other parts.
func (d *dayRule) matches(n int, on date) bool {
	if d.monthDays.used && !d.monthDays.holds(on.day, monthLength(on.year, on.month)) {
		return false
	}
	if d.yearDays.used && !d.yearDays.holds(n-date{on.year, 1, 1}.number()+1, yearLength(on.year)) {
		return false
	}
	if d.byWeekday && !d.matchesWeekday(n, on) {
		return false
	}
	if d.weeks.used {
		if week, weeks := weekOf(n, d.weekStart); !d.weeks.holds(week, weeks) {
			return false
		}
	}
	return true
}

func (d *dayRule) matchesWeekday(n int, on date) bool {
	w := weekdayOf(n)
	if d.weekdays>>w&1 == 1 {
		return true
	}
	if !d.numbered[w].used {
		return false
	}
	day, length := on.day, monthLength(on.year, on.month)
	if !d.inMonth {
		day, length = n-date{on.year, 1, 1}.number()+1, yearLength(on.year)
	}
	nth := (day-1)/7 + 1
	return d.numbered[w].holds(nth, nth+(length-day)/7)
}

// String writes an item of BYDAY.
func (n numberedDay) String() string {
	if n.n == 0 {
		return weekdayNames[n.weekday]
	}
	return strconv.Itoa(n.n) + weekdayNames[n.weekday]
}
