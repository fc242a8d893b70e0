package scheduler

import (
	"math/bits"
	"time"
)

// cronDays tells which days an expression matches.
type cronDays struct {
	day, month, weekday, year fieldValue
	dayBits                   uint64
	monthBits                 uint64
	weekdayBits               uint64
}

func newCronDays(fields [len(cronFields)]fieldValue) cronDays {
	d := cronDays{day: fields[fieldDay], month: fields[fieldMonth], weekday: fields[fieldWeekday], year: fields[fieldYear]}
	d.dayBits, d.monthBits, d.weekdayBits = d.day.bits(), d.month.bits(), d.weekday.bits()
	return d
}

// next returns the first matching day that is not earlier than from, a midnight, within the horizon.
func (d *cronDays) next(from time.Time) (time.Time, bool) {
	limit := from.AddDate(horizonYears, 0, 0)
	for m := monthOf(from); !m.first.After(limit); m = m.following() {
		if !d.matchMonth(m) {
			continue
		}
		start := 1
		if m.first.Before(from) {
			start = from.Day()
		}
		for n := start; n <= m.length; n++ {
			if d.matchDay(m, n) {
				return m.first.AddDate(0, 0, n-1), true
			}
		}
	}
	return time.Time{}, false
}

// count returns how many days in [first, last) match; both are midnights.
func (d *cronDays) count(first, last time.Time) int {
	total := 0
	for m := monthOf(first); m.first.Before(last); m = m.following() {
		if !d.matchMonth(m) {
			continue
		}
		start, past := 1, m.length+1
		if m.first.Before(first) {
			start = first.Day()
		}
		if !m.following().first.Before(last) && monthOf(last) == m {
			past = last.Day()
		}
		for n := start; n < past; n++ {
			if d.matchDay(m, n) {
				total++
			}
		}
	}
	return total
}

// match reports whether the day that begins at midnight matches.
func (d *cronDays) match(midnight time.Time) bool {
	m := monthOf(midnight)
	return d.matchMonth(m) && d.matchDay(m, midnight.Day())
}

func (d *cronDays) matchMonth(m month) bool {
	return d.monthBits>>m.first.Month()&1 == 1 && d.year.holds(m.first.Year())
}

// matchDay applies the rule of crontab(5): when both day of month and weekday are restricted, either
// suffices; a field that begins with * counts as unrestricted, and then both must hold.
func (d *cronDays) matchDay(m month, n int) bool {
	byDay, byWeekday := d.byDay(m, n), d.byWeekday(m, n)
	if d.day.star || d.weekday.star {
		return byDay && byWeekday
	}
	return byDay || byWeekday
}

func (d *cronDays) byDay(m month, n int) bool {
	if d.dayBits>>n&1 == 1 || (d.day.lastDay && n == m.length) {
		return true
	}
	for rest := d.day.nearest; rest != 0; rest &= rest - 1 {
		if m.workdayNear(bits.TrailingZeros32(rest)) == n {
			return true
		}
	}
	return false
}

func (d *cronDays) byWeekday(m month, n int) bool {
	w := m.weekday(n)
	return d.weekdayBits>>w&1 == 1 ||
		d.weekday.nth[(n-1)/7]>>w&1 == 1 ||
		(d.weekday.lastWeekday>>w&1 == 1 && n+7 > m.length)
}

// month is one month of the calendar.
type month struct {
	first  time.Time // its first midnight
	length int       // in days
}

func monthOf(t time.Time) month {
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return month{first: first, length: first.AddDate(0, 1, -1).Day()}
}

func (m month) following() month { return monthOf(m.first.AddDate(0, 1, 0)) }

// weekday returns the weekday of day n; Sunday is 0.
func (m month) weekday(n int) int { return (int(m.first.Weekday()) + n - 1) % 7 }

// workdayNear returns the weekday (Monday to Friday) nearest to day n without leaving the month, or
// 0 when the month has no day n.
func (m month) workdayNear(n int) int {
	if n > m.length {
		return 0
	}
	switch m.weekday(n) {
	case 6:
		if n == 1 {
			return 3
		}
		return n - 1
	case 0:
		if n == m.length {
			return n - 2
		}
		return n + 1
	default:
		return n
	}
}
