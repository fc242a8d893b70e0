package scheduler

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTimes is how many times of day are listed one by one.
const clockTimes = 6

// words composes times of day, days, months and years; what has no short form is told field by field.
func (c *cron) words() string {
	times, days := c.timeWords(), c.dayWords()
	words := times + days
	if c.tods.perDay() <= clockTimes && strings.HasPrefix(times, "at ") {
		words = days + " " + times
	}
	if months := c.fields[fieldMonth]; !c.monthly() && months.text != "*" {
		words += " in " + months.monthNames()
	}
	if years := c.fields[fieldYear]; years.text != "*" {
		words += " of the year " + years.text
	}
	return strings.TrimSpace(words) + " " + c.zone.String()
}

// timeWords tells the times of day: a list of them when it is short, else a rhythm or the fields.
func (c *cron) timeWords() string {
	second, minute, hour := c.fields[fieldSecond], c.fields[fieldMinute], c.fields[fieldHour]
	everyHour, everyMinute := hour.text == "*", minute.text == "*"
	switch {
	case everyHour && everyMinute && second.text == "*":
		return "every second"
	case everyHour && everyMinute && second.text == "0":
		return "every minute"
	case everyHour && second.text == "0" && evenStep(minute, 60) > 0:
		return fmt.Sprintf("every %d minutes", evenStep(minute, 60))
	case everyHour && everyMinute && evenStep(second, 60) > 0:
		return fmt.Sprintf("every %d seconds", evenStep(second, 60))
	case everyHour && second.text == "0" && minute.text == "0":
		return "every hour"
	case everyHour && second.text == "0" && bits.OnesCount64(c.tods.minute) == 1:
		return "every hour at minute " + minute.text
	case second.text == "0" && minute.text == "0" && evenStep(hour, 24) > 0:
		return fmt.Sprintf("every %d hours from midnight", evenStep(hour, 24))
	case c.tods.perDay() <= clockTimes:
		return "at " + join(c.tods.clock())
	}
	if words := c.windowWords(); words != "" {
		return words
	}
	words := "at second " + second.numbers()
	if second.text == "0" {
		words = "at"
	}
	if everyMinute {
		words += " every minute"
	} else {
		words += " minute " + minute.numbers()
	}
	if everyHour {
		return words + " of every hour"
	}
	return words + " of hour " + hour.numbers()
}

// windowWords tells an even rhythm of minutes or hours that is held to a part of the day, from its first
// time to its last; empty for what has none.
func (c *cron) windowWords() string {
	minutes, hours := members(c.tods.minute), members(c.tods.hour)
	if c.tods.second != 1 {
		return ""
	}
	if len(minutes) == 1 {
		step := stepOf(hours)
		if step == 0 {
			return ""
		}
		return "every " + several(step, "hour") + " " + spanWords(hours[0], hours[len(hours)-1], minutes[0], minutes[0])
	}
	step := stepOf(minutes)
	switch {
	case step == 0 || step*len(minutes) != 60:
		return ""
	case minutes[0] == 0 && len(hours) == 24:
		return "every " + several(step, "minute")
	}
	var spans []string
	for first := 0; first < len(hours); {
		last := first
		for last+1 < len(hours) && hours[last+1] == hours[last]+1 {
			last++
		}
		spans = append(spans, spanWords(hours[first], hours[last], minutes[0], minutes[len(minutes)-1]))
		first = last + 1
	}
	if len(spans) > 3 {
		return ""
	}
	return "every " + several(step, "minute") + " " + join(spans)
}

// spanWords writes "from 09:00 to 16:40".
func spanWords(fromHour, toHour, fromMinute, toMinute int) string {
	return fmt.Sprintf("from %02d:%02d to %02d:%02d", fromHour, fromMinute, toHour, toMinute)
}

// stepOf returns what lies between all neighbours of an ordered set, 0 when that differs or there are
// none.
func stepOf(set []int) int {
	if len(set) < 2 {
		return 0
	}
	step := set[1] - set[0]
	for i := 2; i < len(set); i++ {
		if set[i]-set[i-1] != step {
			return 0
		}
	}
	return step
}

// several writes "hour" and "2 hours", as they follow every.
func several(n int, unit string) string {
	if n == 1 {
		return unit
	}
	return plural(n, unit)
}

// evenStep returns n when the field is */n and n divides the whole, so that the rhythm is even.
func evenStep(v fieldValue, whole int) int {
	rest, found := strings.CutPrefix(v.text, "*/")
	n, err := strconv.Atoi(rest)
	if !found || err != nil || whole%n != 0 || n == whole {
		return 0
	}
	return n
}

// clock lists the times of day, as 08:30 or 08:30:15.
func (t *timesOfDay) clock() []string {
	all := make([]int, t.perDay())
	for k := range all {
		all[k] = t.nth(k)
	}
	return clockOf(all)
}

// clockOf writes seconds after midnight as times of day.
func clockOf(times []int) []string {
	layout := "15:04"
	if slices.ContainsFunc(times, func(t int) bool { return t%60 != 0 }) {
		layout = time.TimeOnly
	}
	shown := make([]string, len(times))
	for i, t := range times {
		shown[i] = time.Time{}.Add(time.Duration(t) * time.Second).Format(layout)
	}
	return shown
}

func (c *cron) dayWords() string {
	byDay, byWeekday := c.fields[fieldDay], c.fields[fieldWeekday]
	switch {
	case byDay.text == "*" && byWeekday.text == "*":
		if strings.HasPrefix(c.timeWords(), "at ") || c.fields[fieldMonth].text != "*" {
			return " every day"
		}
		return ""
	case byWeekday.text == "*":
		return c.dateWords()
	case byDay.text == "*":
		return c.weekdayWords()
	case byDay.star || byWeekday.star:
		return c.dateWords() + ", but only when that falls" + c.weekdayWords()
	default:
		return c.dateWords() + ", and also" + c.weekdayWords()
	}
}

// monthly reports whether dateWords names the month already: a plain date of the year.
func (c *cron) monthly() bool {
	return c.fields[fieldWeekday].text == "*" && bits.OnesCount64(c.days.monthBits) == 1 && c.plainDay()
}

func (c *cron) plainDay() bool {
	v := c.fields[fieldDay]
	return bits.OnesCount64(c.days.dayBits) == 1 && !v.lastDay && v.nearest == 0
}

func (c *cron) dateWords() string {
	v := c.fields[fieldDay]
	if c.monthly() {
		return fmt.Sprintf(" every year on %d %s", members(c.days.dayBits)[0], time.Month(members(c.days.monthBits)[0]))
	}
	var days []string
	if len(v.spans) > 0 {
		days = append(days, "day "+v.numbers())
	}
	if v.lastDay {
		days = append(days, "the last day")
	}
	for _, n := range members(uint64(v.nearest)) {
		if n == 1 {
			days = append(days, "the first workday (Monday to Friday)")
			continue
		}
		days = append(days, fmt.Sprintf("the workday nearest to day %d", n))
	}
	return " on " + join(days) + " of the month"
}

func (c *cron) weekdayWords() string {
	v := c.fields[fieldWeekday]
	if c.days.weekdayBits&0x7f == 0b0111110 && v.plain() {
		return " on Monday to Friday"
	}
	var days []string
	for _, n := range members(c.days.weekdayBits & 0x7f) {
		days = append(days, time.Weekday(n).String())
	}
	for k, set := range v.nth {
		for _, n := range members(uint64(set)) {
			days = append(days, fmt.Sprintf("the %s %s of the month", ordinal(k+1), time.Weekday(n)))
		}
	}
	for _, n := range members(uint64(v.lastWeekday)) {
		days = append(days, fmt.Sprintf("the last %s of the month", time.Weekday(n)))
	}
	return " on " + join(days)
}

// plain reports whether the field has no n#k and nL.
func (v fieldValue) plain() bool { return v.nth == [5]uint8{} && v.lastWeekday == 0 }

// numbers writes the plain part of a field: "0, 15 and 30", or its ranges when there are many.
func (v fieldValue) numbers() string {
	set := members(v.bits())
	if len(set) <= 6 {
		shown := make([]string, len(set))
		for i, n := range set {
			shown[i] = strconv.Itoa(n)
		}
		return join(shown)
	}
	return strings.ReplaceAll(v.text, ",", ", ")
}

func (v fieldValue) monthNames() string {
	set := members(v.bits())
	shown := monthsOf(set)
	if len(set) > 3 && set[len(set)-1]-set[0] == len(set)-1 {
		return shown[0] + " to " + shown[len(shown)-1]
	}
	if left := allMonths &^ v.bits(); len(set) > 8 {
		return "every month but " + join(monthsOf(members(left)))
	}
	return join(shown)
}

func monthsOf(numbers []int) []string {
	shown := make([]string, len(numbers))
	for i, n := range numbers {
		shown[i] = time.Month(n).String()
	}
	return shown
}

func members(set uint64) []int {
	var all []int
	for ; set != 0; set &= set - 1 {
		all = append(all, bits.TrailingZeros64(set))
	}
	return all
}

func join(words []string) string {
	words = slices.Compact(words)
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func ordinal(n int) string { return [...]string{"", "first", "second", "third", "fourth", "fifth"}[n] }
