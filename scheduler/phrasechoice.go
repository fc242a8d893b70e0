package scheduler

import (
	"fmt"
	"strings"
	"time"
)

// choices returns what the whole phrase leaves open, in the order in which a person would ask.
func (p *phraseParser) choices() ([]choice, error) {
	i := &p.intent
	if i.without != 0 {
		if len(i.nths)+len(i.days) > 0 || i.workday != 0 {
			return nil, p.refuse("days of the week can be excepted from days of the week only")
		}
		if i.weekdays == 0 {
			i.weekdays = allWeekdays
		}
		if i.weekdays &^= i.without; i.weekdays == 0 {
			return nil, p.refuse("the exception leaves no day")
		}
		i.recurs = true
	}
	if i.unit == unitNone && !i.single() && !i.hasDays() && len(i.times) == 0 && len(p.open) == 0 {
		return nil, p.notUnderstood("the phrase does not say when")
	}
	if err := p.contradiction(); err != nil {
		return nil, err
	}
	if err := p.settlePeriod(); err != nil {
		return nil, err
	}
	open := append([]choice{}, p.open...)
	open = append(open, p.askOnce()...)
	open = append(open, p.askWhichOfMonth()...)
	open = append(open, p.askDay()...)
	if i.weekdays != 0 && len(i.days) > 0 {
		open = append(open, choice{"Must the day of the week and that of the month meet, or does either do?", []func(*intent){
			func(i *intent) { i.both = true },
			func(i *intent) { i.note("either day does") },
		}})
	}
	open = append(open, p.askTime()...)
	return append(open, p.askHalf()...), nil
}

// askOnce asks whether a day or a time without more is meant once.
func (p *phraseParser) askOnce() []choice {
	i := &p.intent
	if i.recurs || i.single() || i.unit != unitNone || len(i.nths) > 0 {
		return nil
	}
	if i.once {
		i.next = true
		return nil
	}
	if len(i.days) > 1 && i.months == 0 {
		i.note("days of the month were read as those of every month")
		i.recurs = true
		return nil
	}
	if i.maxRuns > 1 || !i.ends.IsZero() || !i.starts.IsZero() || i.window != nil {
		i.note("it was read as every day, or each of the days named")
		i.recurs = true
		return nil
	}
	again := "every day"
	switch {
	case len(i.days) > 0 && i.months != 0:
		again = "every year"
	case len(i.days) > 0:
		again = "every month"
	case i.weekdays != 0:
		again = "every week"
	}
	return []choice{{"Once, or " + again + "?", []func(*intent){
		func(i *intent) { i.next = true },
		func(i *intent) { i.recurs = true },
	}}}
}

// askDay asks for the day of a week, month or year.
func (p *phraseParser) askDay() []choice {
	i := &p.intent
	if i.hasDays() || i.single() || i.unit < unitWeek {
		return nil
	}
	today := p.today()
	onDay := func(n int) func(*intent) { return func(i *intent) { i.days = []int{n} } }
	switch {
	case i.unit == unitWeek:
		on := func(d time.Weekday) func(*intent) { return func(i *intent) { i.weekdays = 1 << d } }
		return []choice{{"On which day of the week?", []func(*intent){on(time.Monday), on(time.Friday), on(today.Weekday())}}}
	case i.unit == unitMonth && i.months != 0:
		i.days = []int{1}
		i.note("no day of the month was named, so it is the first")
		return nil
	case i.unit == unitMonth, i.months != 0:
		return []choice{{"On which day of the month?", []func(*intent){onDay(1), onDay(-1), onDay(15)}}}
	default:
		on := func(m time.Month, d int) func(*intent) {
			return func(i *intent) { i.months, i.days = 1<<m, []int{d} }
		}
		return []choice{{"On which day of the year?", []func(*intent){on(time.January, 1), on(today.Month(), today.Day()), on(time.December, 31)}}}
	}
}

// askTime asks for the time of day of what goes by the calendar.
func (p *phraseParser) askTime() []choice {
	i := &p.intent
	if len(i.times) > 0 || i.byClock() || i.delay > 0 {
		return nil
	}
	hours := map[string][]int{"": {9, 18, 0}, "morning": {8, 7, 9}, "afternoon": {15, 14, 16}, "evening": {18, 20, 21}, "night": {22, 23, 0}}[i.part]
	ask := choice{question: "At what time of day?"}
	for _, hour := range hours {
		ask.ways = append(ask.ways, func(i *intent) { i.times = []dayTime{{hour: hour, shown: fmt.Sprintf("%02d:00", hour)}} })
	}
	return []choice{ask}
}

// askHalf asks whether hours of 1 to 6 are of the morning or the afternoon.
func (p *phraseParser) askHalf() []choice {
	i := &p.intent
	if i.part != "" {
		return nil
	}
	var unclear []string
	times := i.times
	if i.window != nil {
		times = append(i.window[:], times...)
	}
	for _, c := range times {
		if c.unclear() {
			unclear = append(unclear, c.shown)
		}
	}
	if len(unclear) == 0 {
		return nil
	}
	return []choice{{"Is " + strings.Join(unclear, ", ") + " in the morning (am) or in the afternoon (pm)?", []func(*intent){
		func(i *intent) { i.half = "am" },
		func(i *intent) { i.half = "pm" },
	}}}
}

// settleClock tells the half of the day of a time, and notes what was assumed.
func (i *intent) settleClock(c dayTime) dayTime {
	was := c
	switch {
	case c.plain && i.part != "":
		c = c.inPart(i.part)
	case c.unclear():
		return c.inHalf(i.half == "pm")
	case c.plain, c.whole:
	case was.shown == "midnight":
		i.note("midnight was read as 00:00, with which the day begins")
		return c
	default:
		return c
	}
	switch {
	case was.plain && i.part == "" && c.hour == 12:
		i.note(was.shown + " was read as " + c.String() + " by day")
	case was.plain && i.part == "":
		i.note(was.shown + " was read as " + c.String() + " in the morning")
	case was.plain:
		i.note(was.shown + " was read as " + c.String())
	}
	c.plain = false
	return c
}
