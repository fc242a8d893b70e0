package scheduler

import (
	"slices"
	"time"
)

// timeGroups watches the times of day that a phrase names from clause to clause. Those that other words
// part may belong to different days, which no single schedule keeps apart.
type timeGroups struct {
	known int       // how many times were named before
	group []dayTime // those of the clauses before the last one that named none
	apart bool      // a clause that named none has followed them
}

// clash reports whether the latest clause names other times than clauses before it which words that name
// none stand between. times are all that were named so far.
func (g *timeGroups) clash(times []dayTime) bool {
	added := times[g.known:]
	g.known = len(times)
	switch {
	case len(added) == 0:
		g.apart = len(g.group) > 0
	case !g.apart:
		g.group = append(g.group, added...)
	default:
		return !slices.EqualFunc(g.group, added, func(a, b dayTime) bool { return a.minutes() == b.minutes() && a.plain == b.plain })
	}
	return false
}

// contradiction refuses what no reading of the phrase makes sense of.
func (p *phraseParser) contradiction() error {
	i := &p.intent
	switch {
	case i.once && (i.recurs || i.unit != unitNone):
		return p.refuse("once and what comes again and again do not go together")
	case i.unit == unitYear && i.months == 0 && i.hasDays():
		return p.refuse("what comes every year takes a day of the year, such as March 1, or a month")
	default:
		return nil
	}
}

const (
	quarterStarts = 1<<time.January | 1<<time.April | 1<<time.July | 1<<time.October
	quarterEnds   = 1<<time.March | 1<<time.June | 1<<time.September | 1<<time.December
)

// settlePeriod moves what is the last of a year or of a quarter to the month with which that ends.
func (p *phraseParser) settlePeriod() error {
	i := &p.intent
	if !i.ofYear && !i.ofQuarter {
		return nil
	}
	last, other, fifth := i.fromEnd()
	switch {
	case last && other:
		return p.refuse("the first and the last of a year or a quarter lie in different months; make a task for each")
	case fifth:
		return p.refuse("the fifth day of the week of a year or a quarter may lie in its second month; name the month")
	case last && i.ofYear:
		i.months = i.months&^(1<<time.January) | 1<<time.December
	case last:
		i.months = i.months&^quarterStarts | quarterEnds
	}
	return nil
}

// fromEnd reports whether days are counted from the end, whether others are not, and whether one is the
// fifth of its weekday.
func (i *intent) fromEnd() (last, other, fifth bool) {
	note := func(n int) { last, other = last || n < 0, other || n > 0 }
	for _, n := range i.days {
		note(n)
	}
	for _, nth := range i.nths {
		note(nth.n)
		fifth = fifth || nth.n == 5
	}
	note(i.workday)
	return last, other, fifth
}

// askWhichOfMonth asks which of the days of the week are meant of those that a month has.
func (p *phraseParser) askWhichOfMonth() []choice {
	i := &p.intent
	if i.unit != unitMonth || i.weekdays == 0 || len(i.days)+len(i.nths) > 0 || i.workday != 0 {
		return nil
	}
	return []choice{{"Each of these days of the week that the month has, or only the first?", []func(*intent){
		func(*intent) {},
		func(i *intent) {
			if i.weekdays == workingDays {
				i.weekdays, i.workday = 0, 1
				return
			}
			i.nths, i.weekdays = append(i.nths, nthDays{1, i.weekdays}), 0
		},
	}}}
}

// failNthWorkday refuses to count working days on from week to week.
func (p *phraseParser) failNthWorkday() bool {
	return p.fail("every so many working days has no single rule; name the days, as in every Monday, Wednesday and Friday, or the weeks, as in every 2 weeks on weekdays")
}
