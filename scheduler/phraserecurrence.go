package scheduler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// recurrence writes what cron cannot say as a rule of RFC 5545, counted from the first day that matches.
func (p *phraseParser) recurrence(i *intent, s *ordinaut.Schedule, times []int) error {
	s.Kind = ordinaut.ScheduleRRule
	after := p.now
	if i.starts.After(after) {
		after = i.starts.Add(-1)
	}
	anchor, ok := i.firstMatch(after, times)
	if !ok {
		return p.refuse("no such day comes")
	}
	i.anchor = anchor
	rule, err := p.rule(i, times)
	if err != nil {
		return err
	}
	s.Expr = "DTSTART:" + anchor.Format("20060102T150405") + "\nRRULE:" + rule
	return nil
}

func (p *phraseParser) rule(i *intent, times []int) (string, error) {
	minutes, hours, even := product(times)
	positions := 0
	frequency := map[unit]string{unitWeek: "WEEKLY", unitMonth: "MONTHLY", unitYear: "YEARLY"}[i.unit]
	switch {
	case i.both, !even, frequency == "":
		if i.count > 1 && frequency != "" || len(i.nths) > 0 || i.workday != 0 {
			return "", p.refuse("several times of day that differ in their minutes go with every day or with days of the week; make a task for each")
		}
		frequency = "DAILY" // days of weeks and months only narrow it down
	case i.workday != 0:
		if frequency != "MONTHLY" || len(times) > 1 || len(i.days)+len(i.nths) > 0 || i.weekdays != 0 {
			frequency = ""
		}
		positions = i.workday
	}
	if frequency == "" || frequency == "WEEKLY" && (len(i.days) > 0 || len(i.nths) > 0) || frequency != "WEEKLY" && len(i.nths) > 0 && (len(i.days) > 0 || i.weekdays != 0) {
		return "", p.refuse("this mixture of days has no single rule; make a task for each")
	}
	rule := "FREQ=" + frequency
	if i.count > 1 {
		rule += ";INTERVAL=" + strconv.Itoa(i.count)
	}
	if i.months != 0 && i.months != allMonths {
		rule += ";BYMONTH=" + strings.Join(i.cronMonths(), ",")
	}
	rule += i.byDays() + ";BYHOUR=" + numberList(hours) + ";BYMINUTE=" + numberList(minutes) + ";BYSECOND=0"
	if !even {
		return rule + ";BYSETPOS=" + positionsOf(times, minutes, hours), nil
	}
	if positions != 0 {
		rule += ";BYSETPOS=" + strconv.Itoa(positions)
	}
	return rule, nil
}

// byDays writes BYMONTHDAY and BYDAY.
func (i *intent) byDays() string {
	parts := ""
	if len(i.days) > 0 {
		parts += ";BYMONTHDAY=" + numberList(slices.Compact(slices.Sorted(slices.Values(i.days))))
	}
	weekdays := i.weekdays
	if i.workday != 0 {
		weekdays = workingDays
	}
	var days []string
	for _, d := range members(uint64(weekdays)) {
		days = append(days, ruleDay(d))
	}
	for _, nth := range i.nths {
		for _, d := range members(uint64(nth.days)) {
			days = append(days, fmt.Sprintf("%d%s", nth.n, ruleDay(d)))
		}
	}
	if len(days) > 0 && weekdays != allWeekdays {
		parts += ";BYDAY=" + strings.Join(days, ",")
	}
	return parts
}

func ruleDay(d int) string { return strings.ToUpper(time.Weekday(d).String()[:2]) }

// positionsOf returns which of a day's hours and minutes, taken together, are meant.
func positionsOf(times, minutes, hours []int) string {
	var positions []int
	n := 0
	for _, hour := range hours {
		for _, minute := range minutes {
			n++
			if slices.Contains(times, hour*60+minute) {
				positions = append(positions, n)
			}
		}
	}
	return numberList(positions)
}
