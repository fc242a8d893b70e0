package scheduler

import (
	"strings"
	"time"
)

// timeClause reads at 8:30 and 17:00, at :20, at noon, and a time without at if nothing else can be
// meant.
func (p *phraseParser) timeClause() bool {
	at := p.take("at")
	if minute, ok := p.minuteOfHour(); ok {
		if p.intent.minute >= 0 {
			return p.fail("the phrase names two minutes of the hour")
		}
		p.intent.minute = minute
		return true
	}
	p.take("about")
	if !at {
		first := p.at
		c, ok := p.clock()
		if p.at = first; !ok || c.whole {
			return false
		}
	}
	return p.clocks()
}

// minuteOfHour reads :20, minute 20, 20 past, 20 past the hour, half past, the full hour.
func (p *phraseParser) minuteOfHour() (int, bool) {
	if minute, ok := clockNumber(strings.TrimPrefix(p.peek(0), ":"), 2, 59); ok && p.peek(0)[0] == ':' {
		p.skip(1)
		return minute, true
	}
	if p.peek(0) == "minute" {
		n, ok := numberNamed(p.peek(1))
		p.skip(2)
		return n, ok && n < 60
	}
	if p.take("the", "full", "hour") {
		return 0, true
	}
	n, ok := numberNamed(p.peek(0))
	if !ok || n > 59 {
		return 0, false
	}
	at := p.at
	p.skip(1)
	p.take("minutes")
	if p.take("past") && (p.take("the", "hour") || p.take("every", "hour") || p.peek(0) == "") {
		return n, true
	}
	p.at = at
	return 0, false
}

// windowClause reads between 9 and 17, from 9am to 5pm.
func (p *phraseParser) windowClause() bool {
	between := p.takeAny("between", "from")
	from, ok := p.clock()
	if joined := p.takeAny("to", "until", "till") || between && p.take("and"); !ok || !joined {
		return false
	}
	to, ok := p.clock()
	if !ok {
		return false
	}
	if p.intent.window != nil {
		return p.fail("the phrase names two stretches of the day")
	}
	p.intent.window = &[2]dayTime{from, to}
	return true
}

// limits reads until 2030-03-01, starting tomorrow, for 10 times, for 2 weeks.
func (p *phraseParser) limits() bool {
	if n, ok := numberNamed(p.peek(0)); ok && p.peek(1) == "times" {
		return p.times(n)
	}
	switch {
	case p.takeAny("until", "till", "through"):
		return p.until()
	case p.takeAny("starting", "beginning", "from"):
		p.takeAny("on", "from")
		if n := p.peek(1); n == "to" || n == "through" {
			return false // Monday to Friday
		}
		date, ok := p.dayOrNext()
		p.intent.starts = date
		return ok
	case p.take("for"):
		p.take("the", "next")
		if n, ok := numberNamed(p.peek(0)); ok && p.peek(1) == "times" {
			return p.times(n)
		}
		return p.during()
	default:
		return false
	}
}

func (p *phraseParser) times(n int) bool {
	p.skip(2)
	if n < 1 || n > 1_000_000 {
		return p.fail("a number of times is 1 to 1000000")
	}
	p.intent.maxRuns = n
	return true
}

// until reads the last day, that day included, or a time of it.
func (p *phraseParser) until() bool {
	p.take("the", "end", "of")
	date, ok := p.dayOrNext()
	if !ok {
		return false
	}
	if at := p.at; p.take("at") {
		if c, ok := p.clock(); ok && (len(p.intent.times) > 0 || p.intent.byClock()) {
			if c.unclear() {
				return p.fail("%s may be am or pm; write the end as 17:00", c.shown)
			}
			p.intent.ends = date.Add(time.Duration(c.minutes()) * time.Minute)
			p.intent.note("the end, " + p.intent.ends.Format("2006-01-02 15:04") + ", is itself left out")
			return true
		}
		p.at = at
	}
	p.intent.ends = date.AddDate(0, 0, 1)
	p.intent.note("the end was read as including the whole of " + date.Format("Monday 2 January 2006"))
	return true
}

// during reads for 2 weeks.
func (p *phraseParser) during() bool {
	n, u, ok := p.quantity()
	if !ok || n > 10_000 {
		return false
	}
	p.intent.lasts, p.intent.lastsUnit = n, u
	return true
}

// settleEnd counts what lasts so long from the start that the phrase names, or else from now.
func (p *phraseParser) settleEnd() {
	i := &p.intent
	if i.lasts == 0 {
		return
	}
	from, told := i.starts, "its start"
	if from.IsZero() {
		from, told = p.now, "now"
	}
	switch i.lastsUnit {
	case unitMonth:
		i.ends = from.AddDate(0, i.lasts, 0)
	case unitYear:
		i.ends = from.AddDate(min(i.lasts, horizonYears), 0, 0)
	default:
		i.ends = from.Add(time.Duration(i.lasts) * i.lastsUnit.length())
	}
	i.note("the end was counted from " + told + ": " + i.ends.Format("2006-01-02 15:04"))
}
