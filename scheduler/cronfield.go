package scheduler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ordinaut/ordinaut"
)

// cronField describes one field of a cron expression.
type cronField struct {
	name     string
	min, max int
	top      int // the largest number that may be written: weekday 7 is Sunday too
	names    []string
	example  string
}

//nolint:gochecknoglobals // constant table
var cronFields = [...]cronField{
	{name: "second", min: 0, max: 59, top: 59, example: "0"},
	{name: "minute", min: 0, max: 59, top: 59, example: "*/15"},
	{name: "hour", min: 0, max: 23, top: 23, example: "9-17"},
	{name: "day of month", min: 1, max: 31, top: 31, example: "1,15"},
	{name: "month", min: 1, max: 12, top: 12, example: "JAN-MAR", names: []string{
		"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
	}},
	{name: "weekday", min: 0, max: 6, top: 7, example: "MON-FRI", names: []string{
		"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT",
	}},
	{name: "year", min: 1970, max: 9999, top: 9999, example: "2030-2035"},
}

// Positions in cronFields.
const (
	fieldSecond = iota
	fieldMinute
	fieldHour
	fieldDay
	fieldMonth
	fieldWeekday
	fieldYear
)

// span is the numbers low, low+step, … up to high.
type span struct{ low, high, step int }

func (s span) holds(n int) bool { return s.low <= n && n <= s.high && (n-s.low)%s.step == 0 }

// fieldValue is a parsed field: what it matches and its canonical text.
type fieldValue struct {
	spans []span
	star  bool   // it begins with *, or is ?
	text  string // for gronx: numbers only, in range, without ?

	lastDay     bool     // L
	nearest     uint32   // bit n: nW
	nth         [5]uint8 // bit n of nth[k-1]: n#k
	lastWeekday uint8    // bit n: nL
}

func (v fieldValue) holds(n int) bool {
	for _, s := range v.spans {
		if s.holds(n) {
			return true
		}
	}
	return false
}

// bits returns the numbers below 64 that the field holds.
func (v fieldValue) bits() uint64 {
	var bits uint64
	for _, s := range v.spans {
		for n := s.low; n <= s.high; n += s.step {
			bits |= 1 << n
		}
	}
	return bits
}

// parse reads the text of one field: a list of *, ?, n, a-b, each but ? with an optional /step, and
// the field's own specials.
func (f cronField) parse(text string) (fieldValue, error) {
	var v fieldValue
	items := strings.Split(strings.ToUpper(text), ",")
	canonical := make([]string, len(items))
	v.star = items[0] != "" && (items[0][0] == '*' || items[0] == "?")
	for i, item := range items {
		if item == "?" && len(items) == 1 {
			item = "*"
		}
		special, err := f.special(item, &v)
		if err != nil {
			return v, err
		}
		if special != "" {
			canonical[i] = special
			continue
		}
		s, err := f.span(item)
		if err != nil {
			return v, err
		}
		v.spans = append(v.spans, s)
		canonical[i] = f.canonical(item, s)
	}
	v.text = strings.Join(canonical, ",")
	if v.star && f.full(v) {
		v.text = "*"
	}
	return f.foldSunday(v), nil
}

// full reports whether one item holds every number, so that gronx need not look at the field.
func (f cronField) full(v fieldValue) bool {
	return slices.Contains(v.spans, span{low: f.min, high: f.max, step: 1})
}

// foldSunday lets 0 stand for weekday 7.
func (f cronField) foldSunday(v fieldValue) fieldValue {
	if f.top != f.max && v.holds(f.top) {
		v.spans = append(v.spans, span{low: 0, high: 0, step: 1})
	}
	return v
}

func (f cronField) span(item string) (span, error) {
	base, stepText, stepped := strings.Cut(item, "/")
	s := span{low: f.min, high: f.max, step: 1}
	if base != "*" {
		lowText, highText, ranged := strings.Cut(base, "-")
		low, err := f.number(item, lowText)
		if err != nil {
			return s, err
		}
		s.low, s.high = low, low
		if stepped {
			s.high = max(low, f.max)
		}
		if ranged {
			if s.high, err = f.number(item, highText); err != nil {
				return s, err
			}
		}
		if s.high < s.low {
			return s, f.invalid(item, "the range is inverted; write the smaller number first, or two ranges")
		}
	}
	if !stepped {
		return s, nil
	}
	step, ok := digits(stepText)
	if !ok || step < 1 || step > f.max-f.min+1 {
		return s, f.invalid(item, "the step must be a number from 1 to %d; for other distances use the kind interval", f.max-f.min+1)
	}
	s.step = step
	return s, nil
}

func (f cronField) number(item, text string) (int, error) {
	for i, name := range f.names {
		if text == name {
			return f.min + i, nil
		}
	}
	n, ok := digits(text)
	if !ok {
		return 0, f.invalid(item, "%s is not a number%s", quote(text), f.orName())
	}
	if n < f.min || n > f.top {
		return 0, f.invalid(item, "%d is out of range", n)
	}
	return n, nil
}

func (f cronField) orName() string {
	if f.names == nil {
		return ""
	}
	return " or a name such as " + f.names[1]
}

// canonical writes a plain item with numbers only. A star with a step stays one: it means that day
// of month and day of week must both match.
func (f cronField) canonical(item string, s span) string {
	switch {
	case item[0] == '*' && s.step == 1:
		return "*"
	case item[0] == '*':
		return "*/" + strconv.Itoa(s.step)
	case s.low == s.high:
		return strconv.Itoa(s.low)
	case s.step == 1:
		return fmt.Sprintf("%d-%d", s.low, s.high)
	default:
		return fmt.Sprintf("%d-%d/%d", s.low, s.high, s.step)
	}
}

// digits reads a plain decimal number of at most four digits.
func digits(text string) (int, bool) {
	if text == "" || len(text) > 4 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

func (f cronField) invalid(item, format string, args ...any) *ordinaut.Error {
	allowed := fmt.Sprintf("%d-%d", f.min, f.top)
	if f.names != nil {
		allowed += fmt.Sprintf(" or %s-%s", f.names[0], f.names[len(f.names)-1])
	}
	switch f.name {
	case "day of month":
		allowed += ", L (last day), nW (weekday nearest to day n)"
	case "weekday":
		allowed += ", n#k (k-th weekday n of the month), nL (last weekday n of the month)"
	}
	return invalid("/schedule/expr", f.example, "%s field, item %s: %s (allowed: *, %s, ranges a-b, steps */n, and lists of these)",
		f.name, quote(item), fmt.Sprintf(format, args...), allowed)
}
