package scheduler

import (
	"slices"
	"time"
)

const (
	workingDays = 0b0111110
	weekendDays = 0b1000001
	allWeekdays = 0b1111111
)

// weekdayList reads Monday, Mondays and Fridays, Mon to Fri, weekdays, weekends. plural reports whether
// a name was in the plural, or stands for more than one day.
func (p *phraseParser) weekdayList() (days uint8, plural, ok bool) {
	for {
		set, several, found := p.weekdayItem()
		if !found {
			return days, plural, ok
		}
		plural = plural || several || ok
		days, ok = days|set, true
		at := p.at
		p.joint()
		p.take("on")
		if p.at == at || !p.weekdayAhead() {
			p.at = at
			return days, plural, ok
		}
	}
}

// weekdayAhead reports whether an item comes next.
func (p *phraseParser) weekdayAhead() bool {
	at := p.at
	defer func() { p.at = at }()
	_, _, ok := p.weekdayItem()
	return ok
}

func (p *phraseParser) weekdayItem() (days uint8, plural, ok bool) {
	switch {
	case p.take("weekday"), p.take("workday"), p.take("business", "day"), p.take("working", "day"),
		p.take("weekdays"), p.take("workdays"), p.take("business", "days"), p.take("working", "days"):
		return workingDays, true, true
	case p.takeAny("weekend", "weekends"):
		return weekendDays, true, true
	}
	first, plural, ok := weekdayNamed(p.peek(0))
	if !ok {
		return 0, false, false
	}
	p.skip(1)
	at := p.at
	if p.takeAny("to", "through") {
		if last, _, ok := weekdayNamed(p.peek(0)); ok {
			p.skip(1)
			for d := first; d != last; d = (d + 1) % 7 {
				days |= 1 << d
			}
			return days | 1<<last, true, true
		}
		p.at = at
	}
	return 1 << first, plural, true
}

// weekdayClause reads days of the week that no rhythm introduces.
func (p *phraseParser) weekdayClause() bool {
	p.take("from")
	days, plural, ok := p.weekdayList()
	if !ok {
		return false
	}
	p.intent.weekdays |= days
	p.intent.recurs = p.intent.recurs || plural
	if plural && p.intent.unit == unitNone {
		p.intent.note("days of the week were read as those of every week")
	}
	return true
}

// monthDays reads the 1st and 15th, day 15, the last day, the second Tuesday, the first workday, and of
// which months.
func (p *phraseParser) monthDays() bool {
	if p.take("day") {
		n, ok := numberNamed(p.peek(0))
		if !ok || n < 1 || n > 31 {
			return false
		}
		p.skip(1)
		p.intent.days = append(p.intent.days, n)
		p.ofMonth()
		return true
	}
	numbers := p.ordinals()
	if len(numbers) == 0 {
		return false
	}
	if p.peek(0) == "last" {
		return p.fail("of what is counted from the end only the last has a form")
	}
	i := &p.intent
	switch at := p.at; {
	case p.takeAny("day", "days"):
		i.days = append(i.days, numbers...)
	case p.takeAny("weekday", "workday") || p.take("business", "day") || p.take("working", "day"):
		if n := numbers[0]; len(numbers) > 1 || n != 1 && n != -1 {
			return p.fail("of the workdays of a month only the first and the last have a form")
		}
		i.workday, i.recurs = numbers[0], true
		if i.unit == unitNone {
			i.count, i.unit = 1, unitMonth
		}
	default:
		days, _, ok := p.weekdayList()
		if ok && !slices.ContainsFunc(numbers, func(n int) bool { return n > 5 }) {
			for _, n := range numbers {
				i.nths = append(i.nths, nthDays{n, days})
			}
			if !p.ofMonth() && i.unit != unitMonth {
				i.note("a numbered weekday was read as that of every month")
			}
			i.recurs = true
			return true
		}
		p.at = at
		if slices.Contains(numbers, -1) {
			return false
		}
		i.days = append(i.days, numbers...)
	}
	if !p.ofMonth() && i.workday != 0 && i.unit != unitMonth {
		i.note("a numbered workday was read as that of every month")
	}
	return true
}

func (p *phraseParser) ordinals() []int {
	var numbers []int
	for {
		n, ok := ordinalNamed(p.peek(0))
		if !ok {
			return numbers
		}
		p.skip(1)
		numbers = append(numbers, n)
		at := p.at
		p.joint()
		p.take("on")
		p.take("the")
		if _, ok := ordinalNamed(p.peek(0)); !ok || p.at == at {
			p.at = at
			return numbers
		}
	}
}

// ofMonth reads of the month, of every month, of March, of the year. It reports whether there was any.
func (p *phraseParser) ofMonth() bool {
	at := p.at
	if !p.takeAny("of", "in") {
		return false
	}
	i := &p.intent
	if m, ok := monthNamed(p.peek(0)); ok {
		if _, isYear := yearNamed(p.peek(1)); !isYear {
			p.skip(1)
			i.months |= 1 << m
			i.recurs = i.recurs || len(i.nths) > 0
			return true
		}
		p.at = at
		return false
	}
	every := p.takeAny("every", "each", "a")
	if !every && !p.take("the") {
		p.at = at
		return false
	}
	switch {
	case p.take("month"):
		i.recurs = true
		if i.unit == unitNone {
			i.count, i.unit = 1, unitMonth
		}
	case p.take("quarter"):
		return p.quarterly()
	case p.take("year"):
		i.recurs = true
		i.months |= 1 << time.January
		i.ofYear = true
	default:
		p.at = at
		return false
	}
	return true
}

// monthClause reads in June, in June and July, in June to August.
func (p *phraseParser) monthClause() bool {
	if !p.takeAny("in", "of", "during") {
		return false
	}
	months, ok := p.monthList()
	p.intent.months |= months
	return ok
}

func (p *phraseParser) monthList() (months uint16, ok bool) {
	for {
		first, found := monthNamed(p.peek(0))
		if !found {
			return months, ok
		}
		p.skip(1)
		last := first
		if at := p.at; p.takeAny("to", "through") {
			if last, found = monthNamed(p.peek(0)); !found {
				p.at = at
				return months | 1<<first, true
			}
			p.skip(1)
		}
		for m := first; m != last; m = m%12 + 1 {
			months |= 1 << m
		}
		months, ok = months|1<<last, true
		at := p.at
		p.joint()
		if _, more := monthNamed(p.peek(0)); !more {
			p.at = at
			return months, ok
		}
	}
}
