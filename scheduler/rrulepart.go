package scheduler

import (
	"slices"
	"strconv"
	"strings"
)

// frequency is the FREQ of a rule: the period that INTERVAL counts.
type frequency int

// Frequencies, the shortest first.
const (
	secondly frequency = iota
	minutely
	hourly
	daily
	weekly
	monthly
	yearly
)

//nolint:gochecknoglobals // constant table
var frequencyNames = [...]string{"SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"}

//nolint:gochecknoglobals // constant table
var frequencyUnits = [...]string{"second", "minute", "hour", "day", "week", "month", "year"}

// weekdayNames are in the order of [time.Weekday].
//
//nolint:gochecknoglobals // constant table
var weekdayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

const (
	maxRRuleInterval = 10_000_000
	maxRRuleCount    = 1_000_000_000
)

// recurrenceRule is a rule as it was written: what it does not mention is zero.
type recurrenceRule struct {
	freq     frequency
	interval int
	count    int
	until    *calendarTime

	seconds, minutes, hours            []int
	monthDays, yearDays, weeks, months []int
	positions                          []int
	weekdays                           []numberedDay
	weekStart                          int
}

// numberedDay is an item of BYDAY: every such weekday, or the n-th, from the end when n is negative.
type numberedDay struct{ weekday, n int }

// numberPart describes a BY part that lists numbers.
type numberPart struct {
	min, max int
	signed   bool // negative numbers count from the end
	values   func(*recurrenceRule) *[]int
}

//nolint:gochecknoglobals // constant table
var numberParts = map[string]numberPart{
	"BYSECOND":   {min: 0, max: 60, values: func(r *recurrenceRule) *[]int { return &r.seconds }},
	"BYMINUTE":   {min: 0, max: 59, values: func(r *recurrenceRule) *[]int { return &r.minutes }},
	"BYHOUR":     {min: 0, max: 23, values: func(r *recurrenceRule) *[]int { return &r.hours }},
	"BYMONTHDAY": {min: 1, max: 31, signed: true, values: func(r *recurrenceRule) *[]int { return &r.monthDays }},
	"BYYEARDAY":  {min: 1, max: 366, signed: true, values: func(r *recurrenceRule) *[]int { return &r.yearDays }},
	"BYWEEKNO":   {min: 1, max: 53, signed: true, values: func(r *recurrenceRule) *[]int { return &r.weeks }},
	"BYMONTH":    {min: 1, max: 12, values: func(r *recurrenceRule) *[]int { return &r.months }},
	"BYSETPOS":   {min: 1, max: 366, signed: true, values: func(r *recurrenceRule) *[]int { return &r.positions }},
}

const rulePartNames = "FREQ, INTERVAL, COUNT, UNTIL, WKST, BYSECOND, BYMINUTE, BYHOUR, BYDAY, BYMONTHDAY, BYYEARDAY, BYWEEKNO, BYMONTH, BYSETPOS"

// parseRule reads the parts of a rule, each for itself; check looks at them together.
func parseRule(text string) (*recurrenceRule, error) {
	r := &recurrenceRule{freq: -1, interval: 1, weekStart: 1}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" {
			return nil, badRRule("the rule has an empty part; write one ; between parts and none at the end")
		}
		if seen[name] {
			return nil, badRRule("%s is given twice; list its values in one part, separated by commas", quote(name))
		}
		seen[name] = true
		if err := r.part(name, value); err != nil {
			return nil, err
		}
	}
	if r.freq < 0 {
		return nil, badRRule("FREQ is missing; start with FREQ= and one of %s", strings.Join(frequencyNames[:], ", "))
	}
	return r, nil
}

func (r *recurrenceRule) part(name, value string) error {
	if part, ok := numberParts[name]; ok {
		return part.parse(name, value, part.values(r))
	}
	switch name {
	case "FREQ":
		r.freq = frequency(slices.Index(frequencyNames[:], value))
		if r.freq < 0 {
			return badRRule("FREQ %s is unknown; allowed are %s", quote(value), strings.Join(frequencyNames[:], ", "))
		}
	case "INTERVAL":
		return parseAmount(name, value, maxRRuleInterval, &r.interval)
	case "COUNT":
		return parseAmount(name, value, maxRRuleCount, &r.count)
	case "UNTIL":
		return r.parseUntil(value)
	case "WKST":
		r.weekStart = slices.Index(weekdayNames, value)
		if r.weekStart < 0 {
			return badRRule("WKST %s is not a weekday; allowed is one of %s", quote(value), strings.Join(weekdayNames, ", "))
		}
	case "BYDAY":
		return r.parseWeekdays(value)
	default:
		return badRRule("part %s is unknown; allowed are %s, each as NAME=VALUE, separated by ;", quote(name), rulePartNames)
	}
	return nil
}

func parseAmount(name, value string, limit int, amount *int) error {
	n, ok := wholeNumber(value, 10)
	if !ok || n < 1 || n > limit {
		return badRRule("%s %s is out of range; allowed is a whole number from 1 to %d", name, quote(value), limit)
	}
	*amount = n
	return nil
}

func (r *recurrenceRule) parseUntil(value string) error {
	until, ok := parseCalendarTime(value)
	if !ok || until.reading.Year() < 1900 {
		return badRRule("UNTIL %s is not a time; write 20301231T225959Z (UTC), 20301231T235959 (local) or 20301231 (the whole day), not before 1900", quote(value))
	}
	r.until = &until
	return nil
}

func (p numberPart) parse(name, value string, values *[]int) error {
	for item := range strings.SplitSeq(value, ",") {
		n, ok := p.number(item)
		if !ok {
			return badRRule("%s item %s is not allowed; write numbers from %s, separated by commas", name, quote(item), p.allowed())
		}
		*values = append(*values, n)
	}
	slices.Sort(*values)
	*values = slices.Compact(*values)
	return nil
}

func (p numberPart) number(item string) (int, bool) {
	sign := 1
	if p.signed && item != "" && (item[0] == '-' || item[0] == '+') {
		if item[0] == '-' {
			sign = -1
		}
		item = item[1:]
	}
	n, ok := wholeNumber(item, 3)
	return sign * n, ok && p.min <= n && n <= p.max
}

func (p numberPart) allowed() string {
	allowed := strconv.Itoa(p.min) + " to " + strconv.Itoa(p.max)
	if p.signed {
		allowed += ", or -" + strconv.Itoa(p.max) + " to -1 counted from the end"
	}
	return allowed
}

// parseWeekdays reads the items of BYDAY, such as MO, 2TU and -1FR.
func (r *recurrenceRule) parseWeekdays(value string) error {
	ordinals := numberPart{min: 1, max: 53, signed: true}
	for item := range strings.SplitSeq(value, ",") {
		split := max(len(item)-2, 0)
		day := numberedDay{weekday: slices.Index(weekdayNames, item[split:])}
		ok := day.weekday >= 0
		if split > 0 && ok {
			day.n, ok = ordinals.number(item[:split])
		}
		if !ok {
			return badRRule("BYDAY item %s is not allowed; write weekdays (%s), separated by commas, each with an optional number from %s, as in 2TU or -1FR", quote(item), strings.Join(weekdayNames, ", "), ordinals.allowed())
		}
		r.weekdays = append(r.weekdays, day)
	}
	return nil
}

// wholeNumber reads a plain decimal number of at most so many digits.
func wholeNumber(text string, length int) (int, bool) {
	if text == "" || len(text) > length || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}
