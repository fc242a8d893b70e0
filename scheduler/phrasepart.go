package scheduler

// dayParts are the parts of the day that a phrase may name.
func dayParts() []string { return []string{"morning", "afternoon", "evening", "night"} }

// inPart returns a plain time in a part of the day. The night is that of 6 in the evening to 6 in the morning.
func (c dayTime) inPart(part string) dayTime {
	switch part {
	case "morning":
		return c.inHalf(false)
	case "night":
		return c.inHalf(c.hour >= 6 && c.hour < 12)
	default:
		return c.inHalf(true)
	}
}

// fits reports whether the time can be one of a part of the day.
func (c dayTime) fits(part string) bool {
	noon := c.plain && c.hour == 12
	if c.plain {
		c = c.inPart(part)
	}
	switch part {
	case "morning":
		return c.hour < 12 && !noon
	case "afternoon":
		return c.hour >= 12 && c.hour <= 18
	case "evening":
		return c.hour >= 16
	default:
		return c.hour >= 18 || c.hour <= 6
	}
}

// setPart notes the part of the day. Two of them would each have times of their own.
func (p *phraseParser) setPart(part string) bool {
	if p.intent.part != "" && p.intent.part != part {
		return p.fail("times of two parts of the day take a task each")
	}
	p.intent.part = part
	return true
}

// partClause reads the part of the day beside its days: every Monday morning, every weekday in the evening.
func (p *phraseParser) partClause() bool {
	if i := &p.intent; !i.hasDays() && i.unit != unitDay {
		return false
	}
	p.take("in", "the")
	return p.partOfDay()
}

// settleTimes tells the half of the day of each time, and refuses what contradicts the part of the day.
func (p *phraseParser) settleTimes(i *intent) error {
	for n, c := range i.times {
		if i.part != "" && !c.fits(i.part) {
			return p.refuse("%s is not in the %s", c.shown, i.part)
		}
		settled := i.settleClock(c)
		if i.part == "night" && (i.single() || i.hasDays()) && settled.hour <= 6 {
			return p.refuse("%s at night may be of that day or of the next; name the day it is of and write the time as 01:00, without night", c.shown)
		}
		i.times[n] = settled
	}
	return nil
}
