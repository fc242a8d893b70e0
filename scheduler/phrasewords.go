package scheduler

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// splitPhrase returns the words of a phrase, as written. Commas are words of their own, a dash between
// days or times is the word to.
func splitPhrase(text string) []string {
	text = strings.NewReplacer("\u2013", "-", "\u2014", "-", "\u2019", "'", "\u00a0", " ", ",", " , ", "&", " and ").Replace(text)
	var words []string
	for field := range strings.FieldsSeq(text) {
		if low := strings.ToLower(field); strings.HasSuffix(low, "a.m.") || strings.HasSuffix(low, "p.m.") {
			field = strings.ReplaceAll(low, ".", "")
		}
		field = strings.TrimRight(field, ".!?;")
		if field == "" {
			continue
		}
		if from, to, found := strings.Cut(field, "-"); found && isSpanEnd(from) && isSpanEnd(to) {
			words = append(words, from, "to", to)
			continue
		}
		words = append(words, field)
	}
	return words
}

func isSpanEnd(word string) bool {
	word = strings.ToLower(word)
	if _, _, ok := weekdayNamed(word); ok {
		return true
	}
	_, ok := readClock(word)
	return ok
}

// weekdayNamed returns the weekday of a name, and whether it was in the plural.
func weekdayNamed(word string) (day time.Weekday, plural, ok bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := strings.ToLower(d.String())
		switch word {
		case name, name[:3]:
			return d, false, true
		case name + "s":
			return d, true, true
		}
	}
	switch word {
	case "tues":
		return time.Tuesday, false, true
	case "weds":
		return time.Wednesday, false, true
	case "thur", "thurs":
		return time.Thursday, false, true
	default:
		return 0, false, false
	}
}

func monthNamed(word string) (time.Month, bool) {
	for m := time.January; m <= time.December; m++ {
		if name := strings.ToLower(m.String()); word == name || word == name[:3] {
			return m, true
		}
	}
	return time.September, word == "sept"
}

// numberNamed returns a whole number in digits or, up to twelve and a few more, in letters.
func numberNamed(word string) (int, bool) {
	names := []string{"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n := slices.Index(names, word); n > 0 {
		return n, true
	}
	switch word {
	case "fifteen":
		return 15, true
	case "twenty":
		return 20, true
	case "thirty":
		return 30, true
	case "forty":
		return 40, true
	case "ninety":
		return 90, true
	}
	if len(word) == 0 || len(word) > 6 || strings.Trim(word, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(word)
	return n, err == nil
}

// ordinalNamed returns the number of an ordinal: 1st, second, last (which is -1).
func ordinalNamed(word string) (int, bool) {
	names := []string{"", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}
	if n := slices.Index(names, word); n > 0 {
		return n, true
	}
	if word == "last" {
		return -1, true
	}
	if len(word) < 3 || len(word) > 4 {
		return 0, false
	}
	digits, suffix := word[:len(word)-2], word[len(word)-2:]
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > 31 || suffix != ordinalSuffix(n) {
		return 0, false
	}
	return n, true
}

func ordinalSuffix(n int) string {
	if n >= 11 && n <= 13 {
		return "th"
	}
	switch n % 10 {
	case 1:
		return "st"
	case 2:
		return "nd"
	case 3:
		return "rd"
	default:
		return "th"
	}
}

// unit is what a rhythm counts.
type unit int

// Units, the shortest first. Those below unitDay are counted by the clock, the others by the calendar.
const (
	unitNone unit = iota
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitYear
)

func (u unit) String() string {
	return [...]string{"", "second", "minute", "hour", "day", "week", "month", "year"}[u]
}

// length returns how long the unit is; 0 for months and years, whose length differs.
func (u unit) length() time.Duration {
	return [...]time.Duration{0, time.Second, time.Minute, time.Hour, day, 7 * day, 0, 0}[u]
}

// unitNamed returns the unit of a name, and how many it stands for: a quarter is three months.
func unitNamed(word string) (unit, int, bool) {
	word = strings.TrimSuffix(word, "s")
	for u := unitSecond; u <= unitYear; u++ {
		if word == u.String() {
			return u, 1, true
		}
	}
	switch word {
	case "sec":
		return unitSecond, 1, true
	case "min":
		return unitMinute, 1, true
	case "hr", "h":
		return unitHour, 1, true
	case "fortnight":
		return unitWeek, 2, true
	case "quarter":
		return unitMonth, 3, true
	default:
		return unitNone, 0, false
	}
}
