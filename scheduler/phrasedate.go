package scheduler

import (
	"math/bits"
	"slices"
	"time"
)

// yearNamed reads a year of this age.
func yearNamed(word string) (int, bool) {
	n, ok := numberNamed(word)
	return n, ok && len(word) == 4 && n >= 1970 && n <= 2200
}

// relative reads in 20 minutes, in an hour, in 3 days at 9.
func (p *phraseParser) relative() bool {
	if !p.take("in") {
		return false
	}
	total := time.Duration(0)
	for {
		n, u, ok := p.quantity()
		if !ok {
			break
		}
		if u.length() == 0 || time.Duration(n) > maxInterval/u.length() {
			return p.fail("months and years have no fixed length; write the date, as in on 2030-03-01 at 9:00")
		}
		total += time.Duration(n) * u.length()
		p.take("and")
	}
	if total == 0 {
		return false
	}
	if total > maxInterval || p.intent.single() {
		return p.fail("the phrase names more than one single time, or one too far ahead")
	}
	if p.peek(0) == "at" && total%day == 0 {
		p.intent.date = p.today().Add(total)
		return true
	}
	p.intent.delay = total
	return true
}

// quantity reads 20 minutes, an hour, half an hour, 20m.
func (p *phraseParser) quantity() (int, unit, bool) {
	if p.take("half", "an", "hour") {
		return 30, unitMinute, true
	}
	n, ok := numberNamed(p.peek(0))
	if p.peek(0) == "a" || p.peek(0) == "an" {
		n, ok = 1, true
	}
	if !ok {
		if d, err := parseDuration(p.peek(0)); err == nil && d > 0 && d <= maxInterval {
			p.skip(1)
			return int(d / time.Second), unitSecond, true
		}
		return 0, unitNone, false
	}
	u, times, ok := unitNamed(p.peek(1))
	if !ok || n == 0 {
		return 0, unitNone, false
	}
	p.skip(2)
	return n * times, u, true
}

// dateClause reads a single day, or a day of the year.
func (p *phraseParser) dateClause() bool {
	if m, d, ok := p.dayOfYear(); ok {
		return p.addDayOfYear(m, d)
	}
	next := p.peek(0) == "next"
	date, ok := p.date()
	if !ok {
		return false
	}
	if p.intent.single() {
		return p.fail("the phrase names more than one single time")
	}
	p.intent.date = date
	if next && weekStart(date).Equal(weekStart(p.today())) {
		p.askWhichWeek(date)
	}
	return true
}

// addDayOfYear notes a day of the year. Several are one schedule if they share the month or the day.
func (p *phraseParser) addDayOfYear(m time.Month, d int) bool {
	i := &p.intent
	before := bits.OnesCount16(i.months)
	others := slices.ContainsFunc(i.days, func(other int) bool { return other != d })
	i.months |= 1 << m
	if before > 0 && others && bits.OnesCount16(i.months) > 1 {
		return p.fail("days of the year that share neither the month nor the day take a task each")
	}
	if i.unit == unitMonth {
		return p.fail("every month and a day of the year do not go together")
	}
	i.days = append(i.days, d)
	return true
}

// askWhichWeek asks when "next Friday" may be the one of this week.
func (p *phraseParser) askWhichWeek(date time.Time) {
	p.open = append(p.open, choice{
		question: "Is next " + date.Weekday().String() + " " + date.Format("2 January") + ", or a week later?",
		ways: []func(*intent){
			func(i *intent) { i.date = date },
			func(i *intent) { i.date = date.AddDate(0, 0, 7) },
		},
	})
}

// weekStart returns the Monday of a day's week.
func weekStart(date time.Time) time.Time { return date.AddDate(0, 0, -(int(date.Weekday())+6)%7) }

// dayOfYear reads 24 December, March 1, 1st of March, without a year.
func (p *phraseParser) dayOfYear() (time.Month, int, bool) {
	at := p.at
	m, d, ok := p.monthAndDay()
	if ok {
		if _, dated := yearNamed(p.peek(0)); !dated && (p.peek(0) != "," || !isYear(p.peek(1))) {
			return m, d, true
		}
	}
	p.at = at
	return 0, 0, false
}

func isYear(word string) bool {
	_, ok := yearNamed(word)
	return ok
}

func (p *phraseParser) monthAndDay() (time.Month, int, bool) {
	if m, ok := monthNamed(p.peek(0)); ok {
		d, ok := dayNumber(p.peek(1))
		if !ok || d > longest(m) {
			return 0, 0, false
		}
		p.skip(2)
		return m, d, true
	}
	d, ok := dayNumber(p.peek(0))
	if !ok {
		return 0, 0, false
	}
	n := 1
	if p.peek(n) == "of" {
		n++
	}
	m, ok := monthNamed(p.peek(n))
	if !ok || d > longest(m) {
		return 0, 0, false
	}
	p.skip(n + 1)
	return m, d, true
}

// longest returns how many days a month has at most.
func longest(m time.Month) int { return time.Date(2024, m+1, 0, 0, 0, 0, 0, time.UTC).Day() }

func dayNumber(word string) (int, bool) {
	if n, ok := ordinalNamed(word); ok {
		return n, n > 0
	}
	n, ok := numberNamed(word)
	return n, ok && n >= 1 && n <= 31 && len(word) <= 2
}

// date reads one day: 2030-03-01, 1 March 2030, tomorrow, next Monday, this Friday.
func (p *phraseParser) date() (time.Time, bool) {
	if date, err := time.Parse(time.DateOnly, p.peek(0)); err == nil && date.Year() >= 1970 && date.Year() <= 2200 {
		p.skip(1)
		return date, true
	}
	switch {
	case p.take("today"):
		return p.today(), true
	case p.take("tonight"):
		p.setPart("evening")
		return p.today(), true
	case p.take("tomorrow"):
		p.partOfDay()
		return p.today().AddDate(0, 0, 1), true
	case p.take("day", "after", "tomorrow"):
		return p.today().AddDate(0, 0, 2), true
	case p.peek(0) == "this" || p.peek(0) == "next":
		return p.namedDay()
	}
	at := p.at
	m, d, ok := p.monthAndDay()
	if !ok {
		return time.Time{}, false
	}
	p.take(",")
	year, ok := yearNamed(p.peek(0))
	date := time.Date(year, m, d, 0, 0, 0, 0, time.UTC)
	if !ok || date.Day() != d {
		p.at = at
		return time.Time{}, false
	}
	p.skip(1)
	return date, true
}

// namedDay reads this Friday, next Monday, this evening.
func (p *phraseParser) namedDay() (time.Time, bool) {
	this := p.peek(0) == "this"
	weekday, plural, ok := weekdayNamed(p.peek(1))
	if !ok && this {
		p.skip(1)
		return p.today(), p.partOfDay()
	}
	if !ok || plural {
		return time.Time{}, false
	}
	p.skip(2)
	ahead := (int(weekday-p.today().Weekday()) + 7) % 7
	if ahead == 0 && !this {
		ahead = 7
	}
	return p.today().AddDate(0, 0, ahead), true
}

func (p *phraseParser) partOfDay() bool {
	for _, part := range dayParts() {
		if p.take(part) {
			return p.setPart(part)
		}
	}
	return false
}

// dayOrNext reads a date; a day of the year or a weekday without more is the next one.
func (p *phraseParser) dayOrNext() (time.Time, bool) {
	p.take("the")
	if m, d, ok := p.dayOfYear(); ok {
		date := time.Date(p.today().Year(), m, d, 0, 0, 0, 0, time.UTC)
		if date.Before(p.today()) {
			date = date.AddDate(1, 0, 0)
		}
		return date, date.Day() == d
	}
	if weekday, plural, ok := weekdayNamed(p.peek(0)); ok && !plural {
		p.skip(1)
		return p.today().AddDate(0, 0, (int(weekday-p.today().Weekday())+7)%7), true
	}
	return p.date()
}
