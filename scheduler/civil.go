package scheduler

// Calendar arithmetic on plain numbers, for rules that look at many days: a day is counted from
// 1970-01-01, a reading of the wall clock in seconds since that midnight.

const daySeconds = 24 * 60 * 60

// date is a day of the Gregorian calendar.
type date struct{ year, month, day int }

// dateOf returns the date of day n, by counting in eras of 400 years that begin in March.
func dateOf(n int) date {
	n += 719468 // days from 0000-03-01 to 1970-01-01
	era := floorDiv(n, 146097)
	inEra := n - era*146097
	yearOfEra := (inEra - inEra/1460 + inEra/36524 - inEra/146096) / 365
	inYear := inEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*inYear + 2) / 153 // months since March
	d := date{year: era*400 + yearOfEra, month: shifted + 3, day: inYear - (153*shifted+2)/5 + 1}
	if d.month > 12 {
		d.month -= 12
		d.year++
	}
	return d
}

// number returns the number of the day; a month beyond December is one of the following year.
func (d date) number() int {
	year, month := d.year+(d.month-1)/12, (d.month-1)%12+1
	shifted := month - 3
	if shifted < 0 {
		shifted += 12
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	inYear := (153*shifted+2)/5 + d.day - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + inYear - 719468
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func yearLength(year int) int {
	if isLeap(year) {
		return 366
	}
	return 365
}

func monthLength(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		return 28 + yearLength(year) - 365
	default:
		return 31
	}
}

// weekdayOf returns the weekday of day n; Sunday is 0.
func weekdayOf(n int) int { return modulo(n+4, 7) }

// weekOf returns the number of the week that day n lies in and how many weeks the year of that week
// has. A week begins on weekStart and belongs to the year that has four of its days (RFC 5545
// 3.3.10; ISO 8601 when weekStart is Monday).
func weekOf(n, weekStart int) (week, weeks int) {
	fourth := n - modulo(weekdayOf(n)-weekStart, 7) + 3
	year := dateOf(fourth).year
	january := date{year, 1, 1}.number()
	first := january + modulo(weekdayOf(fourth)-weekdayOf(january), 7)
	return (fourth-first)/7 + 1, (yearLength(year)-(first-january)-1)/7 + 1
}

func floorDiv[T int | int64](a, b T) T {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func modulo[T int | int64](a, b T) T { return a - floorDiv(a, b)*b }
