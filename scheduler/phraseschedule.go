package scheduler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// schedule writes a settled intent as a schedule: cron where cron can say it, interval for rhythms of
// the clock that do not divide its round, rrule for what counts weeks or months, once for one time.
func (p *phraseParser) schedule(i *intent) (ordinaut.Schedule, error) {
	s := ordinaut.Schedule{Timezone: zoneOr(i.zone), MaxRuns: i.maxRuns}
	if len(i.calendars) > 0 {
		s.Rules = &ordinaut.Rules{Calendars: i.calendars}
		i.note("times that calendar " + join(i.calendars) + " excludes are skipped")
	}
	zone, err := (*zones)(nil).load(s.Timezone)
	if err != nil {
		return s, err
	}
	if err := p.settleTimes(i); err != nil {
		return s, err
	}
	times := clockMinutes(i.times)
	if !i.starts.IsZero() {
		starts := resolve(i.starts, zone).at
		s.StartsAt = &starts
	}
	if !i.ends.IsZero() {
		ends := resolve(i.ends, zone).at
		s.EndsAt = &ends
	}
	switch {
	case i.single():
		err = p.once(i, &s, times)
	case i.byClock():
		err = p.byClock(i, &s, zone)
	default:
		err = p.byCalendar(i, &s, times)
	}
	return s, err
}

func clockMinutes(times []dayTime) []int {
	var all []int
	for _, c := range times {
		all = append(all, c.minutes())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// once writes a single time.
func (p *phraseParser) once(i *intent, s *ordinaut.Schedule, times []int) error {
	s.Kind = ordinaut.ScheduleOnce
	if s.StartsAt != nil || s.EndsAt != nil || i.maxRuns > 0 || i.window != nil || i.unit != unitNone || i.recurs {
		return p.refuse("a single time goes with no rhythm, start, end or number of times")
	}
	if i.delay > 0 {
		if len(times) > 0 || i.hasDays() {
			return p.refuse("a delay goes with no day and no time of day")
		}
		s.Expr = "in " + i.delay.String()
		return nil
	}
	if len(times) != 1 {
		return p.refuse("a single day takes one time of day; make a task for each")
	}
	at := i.date.Add(time.Duration(times[0]) * time.Minute)
	if i.next {
		var ok bool
		if at, ok = i.firstMatch(p.now, times); !ok {
			return p.refuse("no such day comes")
		}
		i.note("it is next so on " + at.Format("Monday 2 January 2006"))
	} else if i.hasDays() && !i.match(i.date) {
		return p.refuse("%s is not such a day", i.date.Format("Monday 2 January 2006"))
	}
	s.Expr = at.Format("2006-01-02T15:04")
	return nil
}

// byClock writes a rhythm of seconds, minutes or hours.
func (p *phraseParser) byClock(i *intent, s *ordinaut.Schedule, zone *time.Location) error {
	round := map[unit]int{unitSecond: 60, unitMinute: 60, unitHour: 24}[i.unit]
	held := i.window != nil || i.hasDays() || i.months != 0 || i.minute >= 0
	if i.count == 1 || i.count < round && round%i.count == 0 {
		return p.clockCron(i, s)
	}
	if held {
		return p.refuse("every %s does not divide the round of the clock, so it goes with no days, stretches or minutes", plural(i.count, i.unit.String()))
	}
	if len(i.times) > 1 || len(i.times) == 1 && i.starts.IsZero() {
		return p.refuse("a rhythm of %ss goes with no time of day; name the day it starts on too", i.unit)
	}
	s.Kind = ordinaut.ScheduleInterval
	s.Expr = isoDuration(time.Duration(i.count) * i.unit.length())
	if s.StartsAt == nil {
		i.note("it is counted from now")
	} else if len(i.times) == 1 {
		starts := resolve(i.starts.Add(time.Duration(i.times[0].minutes())*time.Minute), zone).at
		s.StartsAt = &starts
	}
	return nil
}

// isoDuration returns PT90M for an hour and a half.
func isoDuration(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("PT%dH", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("PT%dM", d/time.Minute)
	default:
		return fmt.Sprintf("PT%dS", d/time.Second)
	}
}

// clockCron writes a rhythm that divides the round of the clock.
func (p *phraseParser) clockCron(i *intent, s *ordinaut.Schedule) error {
	if len(i.times) > 0 {
		return p.refuse("a rhythm of %ss goes with no time of day; write between 9:00 and 17:00 for a part of the day", i.unit)
	}
	step := "*"
	if i.count > 1 {
		step = "*/" + strconv.Itoa(i.count)
	}
	seconds, minutes, hours := "", step, "*"
	switch i.unit {
	case unitSecond:
		seconds, minutes = step+" ", "*"
	case unitHour:
		minutes, hours = strconv.Itoa(max(i.minute, 0)), step
	}
	if i.minute >= 0 && i.unit != unitHour {
		return p.refuse("a minute of the hour goes with hours only")
	}
	if i.window != nil {
		var err error
		if hours, err = p.windowHours(i, i.count); err != nil {
			return err
		}
	} else if i.count > 1 {
		i.note("it is counted from " + map[unit]string{unitSecond: "the full minute", unitMinute: "the full hour", unitHour: "midnight"}[i.unit])
	}
	return p.cron(i, s, seconds+minutes+" "+hours)
}

// windowHours writes the hours of a stretch of the day. A rhythm of hours includes its end.
func (p *phraseParser) windowHours(i *intent, count int) (string, error) {
	from, to := i.settleClock(i.window[0]), i.settleClock(i.window[1])
	if from.minute != 0 || to.minute != 0 || from.hour == to.hour {
		return "", p.refuse("a stretch of the day goes from one full hour to another")
	}
	last := to.hour
	if i.unit == unitHour {
		i.note(to.String() + " is included")
	} else {
		last = (to.hour + 23) % 24
		i.note(to.String() + " itself is left out")
	}
	step := 1
	if i.unit == unitHour {
		step = count
	}
	if from.hour <= last {
		return hourSpan(from.hour, last, step), nil
	}
	if step > 1 {
		return "", p.refuse("a stretch over midnight goes with every hour, or with minutes")
	}
	i.note("the hours after midnight are those of each day named too")
	return hourSpan(from.hour, 23, 1) + "," + hourSpan(0, last, 1), nil
}

func hourSpan(from, to, step int) string {
	span := strconv.Itoa(from)
	if to > from {
		span += "-" + strconv.Itoa(to)
		if step > 1 {
			span += "/" + strconv.Itoa(step)
		}
	}
	return span
}

// byCalendar writes what goes by days, weeks, months and years.
func (p *phraseParser) byCalendar(i *intent, s *ordinaut.Schedule, times []int) error {
	if i.window != nil || i.minute >= 0 {
		return p.refuse("a stretch or a minute of the hour goes with a rhythm, such as every 30 minutes")
	}
	minutes, hours, even := product(times)
	if i.count > 1 || i.both || i.workday < 0 || !even {
		return p.recurrence(i, s, times)
	}
	return p.cron(i, s, numberList(minutes)+" "+numberList(hours))
}

// product splits times of day into minutes and hours, and reports whether each minute is meant in each
// hour, as cron takes them.
func product(times []int) (minutes, hours []int, even bool) {
	for _, t := range times {
		minutes, hours = append(minutes, t%60), append(hours, t/60)
	}
	slices.Sort(minutes)
	minutes, hours = slices.Compact(minutes), slices.Compact(hours)
	return minutes, hours, len(minutes)*len(hours) == len(times)
}

func numberList(numbers []int) string {
	shown := make([]string, len(numbers))
	for n, number := range numbers {
		shown[n] = strconv.Itoa(number)
	}
	return strings.Join(shown, ",")
}

// cron completes an expression with its days.
func (p *phraseParser) cron(i *intent, s *ordinaut.Schedule, clock string) error {
	s.Kind = ordinaut.ScheduleCron
	if i.workday < 0 {
		return p.refuse("the last workday of the month goes with one time of day")
	}
	var days []string
	for _, n := range slices.Sorted(slices.Values(i.days)) {
		if n > 0 {
			days = append(days, strconv.Itoa(n))
		}
	}
	if slices.Contains(i.days, -1) {
		days = append(days, "L")
	}
	if i.workday > 0 {
		days = append(days, "1W")
	}
	s.Expr = strings.Join([]string{clock, orStar(days), orStar(i.cronMonths()), orStar(i.cronWeekdays())}, " ")
	return nil
}

func orStar(items []string) string {
	if len(items) == 0 {
		return "*"
	}
	return strings.Join(slices.Compact(items), ",")
}

func (i *intent) cronMonths() []string {
	if i.months == allMonths {
		return nil
	}
	var shown []string
	for _, m := range members(uint64(i.months)) {
		shown = append(shown, strconv.Itoa(m))
	}
	return shown
}

func (i *intent) cronWeekdays() []string {
	var shown []string
	switch i.weekdays {
	case allWeekdays:
	case workingDays:
		shown = append(shown, "MON-FRI")
	default:
		for _, d := range members(uint64(i.weekdays)) {
			shown = append(shown, cronFields[fieldWeekday].names[d])
		}
	}
	for _, nth := range i.nths {
		for _, d := range members(uint64(nth.days)) {
			item := cronFields[fieldWeekday].names[d] + "#" + strconv.Itoa(nth.n)
			if nth.n < 0 {
				item = cronFields[fieldWeekday].names[d] + "L"
			}
			shown = append(shown, item)
		}
	}
	return shown
}
