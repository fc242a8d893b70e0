package scheduler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const workdays = "Monday to Friday"

// words composes the rhythm, the days and the times of day, and then where the rule starts counting
// and ends.
func (r *rrule) words() string {
	words := r.rule.dayWords(r.start)
	if r.rule.freq < daily {
		words = r.rule.stepWords(r.start) + words
	} else {
		words = r.rule.rhythm(words) + " " + r.rule.clockWords(r.start)
	}
	words = strings.TrimSpace(words + " " + r.zone.String())
	if len(r.rule.positions) > 0 && !r.rule.positionsTold(r.start) {
		words += ", of these only " + positionWords(r.rule.positions) + " of each " + frequencyUnits[r.rule.freq]
	}
	if r.rule.interval > 1 || r.rule.count > 0 {
		words += ", counted from " + time.Unix(r.start, 0).UTC().Format("2006-01-02 15:04")
	}
	if r.rule.count > 0 {
		words += ", " + plural(r.rule.count, "time")
	}
	if r.rule.until != nil {
		words += ", until " + localWords(time.Unix(r.until, 0), r.zone)
	}
	if len(r.added) > 0 {
		words += ", and also at " + plural(len(r.added), "other time")
	}
	if len(r.removed) > 0 {
		words += ", except at " + plural(len(r.removed), "time")
	}
	return words
}

// rhythm puts "every 2 weeks" before the days; what happens every day, week or month is told by the
// days alone.
func (r *recurrenceRule) rhythm(days string) string {
	unit := frequencyUnits[r.freq]
	switch {
	case r.interval > 1:
		return fmt.Sprintf("every %d %ss", r.interval, unit) + days
	case days == "" || r.freq == yearly && !strings.Contains(days, "of the "):
		return "every " + unit + days
	default:
		return strings.TrimPrefix(days, " ")
	}
}

// stepWords tells the rhythm of HOURLY and finer rules, and to which times of day it is held.
func (r *recurrenceRule) stepWords(start int64) string {
	words := "every " + frequencyUnits[r.freq]
	if r.interval > 1 {
		words = "every " + plural(r.interval, frequencyUnits[r.freq])
	}
	_, since := splitReading(start)
	times := r.times(since)
	var at []string
	if second := members(times.second); len(r.seconds) > 0 || (r.freq > secondly && times.second != 1) {
		at = append(at, "second "+listed(second))
	}
	if minute := members(times.minute); len(r.minutes) > 0 || r.freq > minutely {
		at = append(at, "minute "+listed(minute))
	}
	if len(at) > 0 {
		words += " at " + strings.Join(at, " of ")
	}
	if len(r.hours) > 0 {
		words += " within hour " + listed(members(times.hour))
	}
	return words
}

// clockWords lists the times of day when they are few, else tells them part by part.
func (r *recurrenceRule) clockWords(start int64) string {
	_, since := splitReading(start)
	times := r.times(since)
	if placed := r.placedTimes(start); placed != nil {
		return "at " + join(placed)
	}
	if times.perDay() <= clockTimes {
		return "at " + join(times.clock())
	}
	words := "at minute " + listed(members(times.minute)) + " of hour " + listed(members(times.hour))
	if times.second != 1 {
		words = "at second " + listed(members(times.second)) + " of" + strings.TrimPrefix(words, "at")
	}
	return words
}

// placedTimes lists the times of day that BYSETPOS leaves of a daily rule: it is how a rule says 8:30 and
// 17:00, which are no combination of hours and minutes. It is nil for other rules, and for too many.
func (r *recurrenceRule) placedTimes(start int64) []string {
	if r.freq != daily || len(r.positions) == 0 {
		return nil
	}
	_, since := splitReading(start)
	times := r.times(since)
	var placed []int
	for _, n := range r.positions {
		if n < 0 {
			n += times.perDay() + 1
		}
		if n >= 1 && n <= times.perDay() {
			placed = append(placed, times.nth(n-1))
		}
	}
	slices.Sort(placed)
	placed = slices.Compact(placed)
	if len(placed) == 0 || len(placed) > clockTimes {
		return nil
	}
	return clockOf(placed)
}

// lastWorkday reports whether the rule is due on the last Monday to Friday of each month, once.
func (r *recurrenceRule) lastWorkday(start int64) bool {
	_, since := splitReading(start)
	times := r.times(since)
	return r.freq == monthly && slices.Equal(r.positions, []int{-1}) && times.perDay() == 1 &&
		len(r.monthDays)+len(r.yearDays)+len(r.weeks) == 0 && r.weekdayWords() == workdays
}

// positionsTold reports whether the other words say already what BYSETPOS picks.
func (r *recurrenceRule) positionsTold(start int64) bool {
	return r.placedTimes(start) != nil || r.lastWorkday(start)
}

// dayWords tells which days match, each phrase with a space before it; empty for every day of the
// period.
func (r *recurrenceRule) dayWords(start int64) string {
	n, _ := splitReading(start)
	from := dateOf(n)
	var phrases []string
	switch {
	case len(r.yearDays)+len(r.monthDays)+len(r.weekdays) > 0 || r.freq < weekly:
	case r.freq == weekly || len(r.weeks) > 0:
		phrases = append(phrases, weekdayName(weekdayOf(n)))
	case r.freq == yearly && len(r.months) == 0:
		return fmt.Sprintf(" on %d %s", from.day, time.Month(from.month))
	default:
		phrases = append(phrases, fmt.Sprintf("day %d of the month", from.day))
	}
	if len(r.monthDays) == 1 && r.monthDays[0] > 0 && len(r.months) == 1 && r.freq == yearly && len(r.weekdays)+len(r.yearDays)+len(r.weeks) == 0 {
		return fmt.Sprintf(" on %d %s", r.monthDays[0], time.Month(r.months[0]))
	}
	if len(r.monthDays) > 0 {
		phrases = append(phrases, counted("day", r.monthDays)+" of the month")
	}
	if len(r.yearDays) > 0 {
		phrases = append(phrases, counted("day", r.yearDays)+" of the year")
	}
	if len(r.weekdays) > 0 {
		phrases = append(phrases, r.weekdayWords())
	}
	if r.lastWorkday(start) {
		phrases = []string{"the last workday (" + workdays + ") of the month"}
	}
	words := ""
	if len(phrases) > 0 {
		words = " on " + strings.Join(phrases, ", but only when that falls on ")
	}
	if len(r.weeks) > 0 {
		words += " in " + counted("week", r.weeks) + " of the year"
	}
	if len(r.months) > 0 {
		words += " in " + monthWords(r.months)
	}
	return words
}

func (r *recurrenceRule) weekdayWords() string {
	span := "of the year"
	if r.numbersMonth() {
		span = "of the month"
	}
	var plain uint64
	var days []string
	for _, d := range r.weekdays {
		if d.n == 0 {
			plain |= 1 << d.weekday
		}
	}
	if plain == 0b0111110 {
		days = append(days, workdays)
	} else {
		for _, w := range []int{1, 2, 3, 4, 5, 6, 0} {
			if plain>>w&1 == 1 {
				days = append(days, weekdayName(w))
			}
		}
	}
	numbered := false
	for _, d := range r.weekdays {
		if d.n != 0 {
			days = append(days, "the "+place(d.n)+" "+weekdayName(d.weekday))
			numbered = true
		}
	}
	if numbered {
		return join(days) + " " + span
	}
	return join(days)
}

func weekdayName(n int) string { return time.Weekday(n).String() }

func monthWords(months []int) string {
	shown := monthsOf(months)
	if last := len(months) - 1; last > 2 && months[last]-months[0] == last {
		return shown[0] + " to " + shown[last]
	}
	return join(shown)
}

// counted writes "day 1, 15 and the last day".
func counted(unit string, numbers []int) string {
	var forward []int
	var shown []string
	for _, n := range numbers {
		if n > 0 {
			forward = append(forward, n)
		}
	}
	if len(forward) > 0 {
		shown = append(shown, unit+" "+listed(forward))
	}
	for _, n := range slices.Backward(numbers) {
		if n < 0 {
			shown = append(shown, "the "+place(n)+" "+unit)
		}
	}
	return join(shown)
}

func positionWords(positions []int) string {
	shown := make([]string, len(positions))
	for i, n := range positions {
		shown[i] = "the " + place(n)
	}
	return join(shown)
}

// listed writes "0, 15 and 30", or "9 to 17" for an unbroken run.
func listed(numbers []int) string {
	if last := len(numbers) - 1; last > 1 && numbers[last]-numbers[0] == last {
		return strconv.Itoa(numbers[0]) + " to " + strconv.Itoa(numbers[last])
	}
	shown := make([]string, len(numbers))
	for i, n := range numbers {
		shown[i] = strconv.Itoa(n)
	}
	return join(shown)
}

// place writes 2 as second and -2 as second to last.
func place(n int) string {
	switch {
	case n == -1:
		return "last"
	case n < 0:
		return place(-n) + " to last"
	case n <= 5:
		return ordinal(n)
	case n%10 == 1 && n%100 != 11:
		return strconv.Itoa(n) + "st"
	case n%10 == 2 && n%100 != 12:
		return strconv.Itoa(n) + "nd"
	case n%10 == 3 && n%100 != 13:
		return strconv.Itoa(n) + "rd"
	default:
		return strconv.Itoa(n) + "th"
	}
}
