package scheduler

import "slices"

// exceptions reads except on Sundays, except in August, except holidays and weekends.
func (p *phraseParser) exceptions() bool {
	if !p.takeAny("except", "excluding", "excepting", "without") && !p.take("but", "not") {
		return false
	}
	p.excepting = true
	defer func() { p.excepting = false }()
	for {
		if !p.exception() {
			return false
		}
		at := p.at
		if p.joint(); p.at == at || !p.exceptable() {
			p.at = at
			return true
		}
		if p.at == at+1 && p.words[at] == "," {
			return p.fail("a comma leaves open what is excepted; join all that is with “and”")
		}
	}
}

// exceptable reports whether what comes next may be excepted by its name alone.
func (p *phraseParser) exceptable() bool {
	at := p.at
	defer func() { p.at = at }()
	p.takeAny("on", "in", "for", "during")
	p.take("the")
	_, month := monthNamed(p.peek(0))
	return p.weekdayAhead() || month || p.peek(0) == "calendar" || slices.Contains(p.setting.Calendars, p.peek(0))
}

func (p *phraseParser) exception() bool {
	p.takeAny("on", "in", "for", "during")
	p.take("the")
	if days, _, ok := p.weekdayList(); ok {
		p.intent.without |= days
		return true
	}
	if months, ok := p.monthList(); ok {
		if p.intent.months == 0 {
			p.intent.months = allMonths
		}
		p.intent.months &^= months
		return true
	}
	p.take("calendar")
	name := p.peek(0)
	if name == "" {
		return false
	}
	if !slices.Contains(p.setting.Calendars, name) && !p.mayNameCalendar() {
		return p.fail("only days of the week, months and calendars can be excepted")
	}
	p.skip(1)
	p.takeAny("calendar")
	return p.exceptCalendar(name)
}

const allMonths = 0b1111111111110

// exceptCalendar takes a calendar's name, and asks which one is meant when none is called so.
func (p *phraseParser) exceptCalendar(name string) bool {
	known := p.setting.Calendars
	if slices.Contains(known, name) {
		p.intent.calendars = append(p.intent.calendars, name)
		return true
	}
	if len(known) == 0 {
		return p.fail("there is no calendar %s to except; set_calendar makes one, or leave the exception out", quote(name))
	}
	ask := choice{question: "There is no calendar " + quote(name) + ": which one is to be excepted, if any?"}
	for _, other := range known[:min(len(known), maxMeanings-1)] {
		ask.ways = append(ask.ways, func(i *intent) { i.calendars = append(i.calendars, other) })
	}
	ask.ways = append(ask.ways, func(i *intent) { i.note("nothing is excepted") })
	p.open = append(p.open, ask)
	return true
}

// mayNameCalendar reports whether the next word, which no calendar is called, may be meant as the name of one.
func (p *phraseParser) mayNameCalendar() bool {
	word := p.peek(0)
	_, isOrdinal := ordinalNamed(word)
	_, isNumber := numberNamed(word)
	_, isClock := readClock(word)
	return !isOrdinal && !isNumber && !isClock && !slices.Contains([]string{"at", "today", "tonight", "tomorrow", "this", "next", "day"}, word)
}
