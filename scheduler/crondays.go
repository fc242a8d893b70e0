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
		days := d.in(m)
		if m.first.Before(from) {
			days = days >> from.Day() << from.Day()
		}
		if days != 0 {
			return m.first.AddDate(0, 0, bits.TrailingZeros64(days)-1), true
		}
	}
	return time.Time{}, false
}

// count returns how many days in [first, last) match; both are midnights.
func (d *cronDays) count(first, last time.Time) int {
	total := 0
	for m := monthOf(first); m.first.Before(last); m = m.following() {
		days := d.in(m)
		if m.first.Before(first) {
			days = days >> first.Day() << first.Day()
		}
		if m == monthOf(last) {
			days &= 1<<last.Day() - 1
		}
		total += bits.OnesCount64(days)
	}
	return total
}

// match reports whether the day that begins at midnight matches.
func (d *cronDays) match(midnight time.Time) bool {
	return d.in(monthOf(midnight))>>midnight.Day()&1 == 1
}

// in returns the matching days of a month, as bits. By the rule of crontab(5), when both day of month
// and weekday are restricted, either suffices; a field that begins with * counts as unrestricted, and
// then both must hold.
func (d *cronDays) in(m month) uint64 {
	if d.monthBits>>m.first.Month()&1 == 0 || !d.year.holds(m.first.Year()) {
		return 0
	}
	days, weekdays := d.byDay(m), d.byWeekday(m)
	if d.day.star || d.weekday.star {
		return days & weekdays
	}
	return days | weekdays
}

func (d *cronDays) byDay(m month) uint64 {
	days := d.dayBits
	if d.day.lastDay {
		days |= 1 << m.length
	}
	for rest := d.day.nearest; rest != 0; rest &= rest - 1 {
		days |= 1 << m.workdayNear(bits.TrailingZeros32(rest))
	}
	return days & (1<<(m.length+1) - 2)
}

func (d *cronDays) byWeekday(m month) uint64 {
	var days uint64
	for n := 1; n <= m.length; n++ {
		w := m.weekday(n)
		if d.weekdayBits>>w&1 == 1 || d.weekday.nth[(n-1)/7]>>w&1 == 1 || (d.weekday.lastWeekday>>w&1 == 1 && n+7 > m.length) {
			days |= 1 << n
		}
	}
	return days
}

// month is one month of the calendar.
type month struct {
	first  time.Time // its first midnight
	length int       // in days
	starts int       // the weekday of its first day
}

func monthOf(t time.Time) month {
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return month{first: first, length: monthLength(first.Year(), int(first.Month())), starts: int(first.Weekday())}
}

func (m month) following() month { return monthOf(m.first.AddDate(0, 1, 0)) }

// weekday returns the weekday of day n; Sunday is 0.
func (m month) weekday(n int) int { return (m.starts + n - 1) % 7 }

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
