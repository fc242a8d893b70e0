package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// writtenRule is a recurrence rule with its meaning, told apart from the engine under test: it looks
// at every day and every time of day, and shares nothing with it but the text.
type writtenRule struct {
	freq      string
	interval  int
	start     time.Time // a reading
	lists     map[string][]int
	weekdays  []string // as in BYDAY
	weekStart time.Weekday
	count     int
	until     time.Time // an instant; zero: none
}

var oracleWeekdays = map[string]time.Weekday{
	"SU": time.Sunday, "MO": time.Monday, "TU": time.Tuesday, "WE": time.Wednesday, "TH": time.Thursday, "FR": time.Friday, "SA": time.Saturday,
}

var oracleRanks = map[string]int{"SECONDLY": 0, "MINUTELY": 1, "HOURLY": 2, "DAILY": 3, "WEEKLY": 4, "MONTHLY": 5, "YEARLY": 6}

func (w writtenRule) text() string {
	parts := []string{"FREQ=" + w.freq}
	if w.interval > 1 {
		parts = append(parts, fmt.Sprintf("INTERVAL=%d", w.interval))
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range w.lists {
			if !yield(name) {
				return
			}
		}
	}) {
		parts = append(parts, name+"="+strings.Trim(strings.ReplaceAll(fmt.Sprint(w.lists[name]), " ", ","), "[]"))
	}
	if len(w.weekdays) > 0 {
		parts = append(parts, "BYDAY="+strings.Join(w.weekdays, ","))
	}
	if w.weekStart != time.Monday {
		parts = append(parts, "WKST="+strings.ToUpper(w.weekStart.String()[:2]))
	}
	if w.count > 0 {
		parts = append(parts, fmt.Sprintf("COUNT=%d", w.count))
	}
	if !w.until.IsZero() {
		parts = append(parts, "UNTIL="+w.until.Format("20060102T150405Z"))
	}
	return "DTSTART:" + w.start.Format("20060102T150405") + "\nRRULE:" + strings.Join(parts, ";")
}

// occurrences returns the instants of the rule, of which the readings are not later than through.
func (w writtenRule) occurrences(through time.Time, zone *time.Location) []time.Time {
	var readings []time.Time
	for _, reading := range w.readings(through) {
		if reading.Before(w.start) || reading.After(through) || (w.count > 0 && len(readings) == w.count) {
			continue
		}
		readings = append(readings, reading)
	}
	all := slowInstants(readings, zone)
	slices.SortFunc(all, time.Time.Compare)
	return slices.DeleteFunc(slices.CompactFunc(all, time.Time.Equal), func(at time.Time) bool {
		return !w.until.IsZero() && at.After(w.until)
	})
}

// readings walks the days from well before DTSTART to well after through, collects the times of each
// period, and lets BYSETPOS choose.
func (w writtenRule) readings(through time.Time) []time.Time {
	rank := oracleRanks[w.freq]
	before, past := 0, 1
	if rank == 4 {
		before, past = 7, 7
	}
	if rank == 5 {
		before, past = 31, 31
	}
	if rank == 6 {
		before, past = 366, 366
	}
	var all, period []time.Time
	number := -1
	for on := w.start.Truncate(day).AddDate(0, 0, -before); !on.After(through.AddDate(0, 0, past)); on = on.AddDate(0, 0, 1) {
		if !w.matchesDay(on) {
			continue
		}
		for _, h := range w.clock("BYHOUR", 24, w.start.Hour(), rank <= 2) {
			if hour := on.Add(time.Duration(h) * time.Hour); rank <= 2 && (hour.After(through) || !hour.Add(time.Hour).After(w.start)) {
				continue
			}
			for _, m := range w.clock("BYMINUTE", 60, w.start.Minute(), rank <= 1) {
				for _, s := range w.clock("BYSECOND", 60, w.start.Second(), rank == 0) {
					reading := on.Add(time.Duration(h*3600+m*60+s) * time.Second)
					n := w.periods(reading)
					if n%w.interval != 0 || n < 0 {
						continue
					}
					if n != number {
						all, period, number = append(all, w.choose(period)...), nil, n
					}
					period = append(period, reading)
				}
			}
		}
	}
	return append(all, w.choose(period)...)
}

func (w writtenRule) clock(name string, size, implied int, open bool) []int {
	if list, ok := w.lists[name]; ok {
		sorted := slices.Sorted(slices.Values(list))
		return slices.Compact(sorted)
	}
	if !open {
		return []int{implied}
	}
	var all []int
	for n := range size {
		all = append(all, n)
	}
	return all
}

func (w writtenRule) choose(period []time.Time) []time.Time {
	positions, ok := w.lists["BYSETPOS"]
	if !ok {
		return period
	}
	var picked []time.Time
	for i, reading := range period {
		if slices.Contains(positions, i+1) || slices.Contains(positions, i-len(period)) {
			picked = append(picked, reading)
		}
	}
	return picked
}

// periods returns how many periods lie between DTSTART's and that of reading.
func (w writtenRule) periods(reading time.Time) int {
	months := func(t time.Time) int { return t.Year()*12 + int(t.Month()) }
	week := func(t time.Time) time.Time {
		t = t.Truncate(day)
		for t.Weekday() != w.weekStart {
			t = t.AddDate(0, 0, -1)
		}
		return t
	}
	apart := func(a, b time.Time, unit time.Duration) int {
		return int(b.Truncate(unit).Sub(a.Truncate(unit)) / unit)
	}
	switch w.freq {
	case "YEARLY":
		return reading.Year() - w.start.Year()
	case "MONTHLY":
		return months(reading) - months(w.start)
	case "WEEKLY":
		return apart(week(w.start), week(reading), day) / 7
	case "DAILY":
		return apart(w.start, reading, day)
	case "HOURLY":
		return apart(w.start, reading, time.Hour)
	case "MINUTELY":
		return apart(w.start, reading, time.Minute)
	default:
		return apart(w.start, reading, time.Second)
	}
}

func (w writtenRule) matchesDay(on time.Time) bool {
	in := func(name string, n, length int) bool {
		list, ok := w.lists[name]
		return !ok || slices.Contains(list, n) || slices.Contains(list, n-length-1)
	}
	if list, ok := w.lists["BYMONTH"]; ok && !slices.Contains(list, int(on.Month())) {
		return false
	}
	monthLength := time.Date(on.Year(), on.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	yearDays := time.Date(on.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
	if !in("BYMONTHDAY", on.Day(), monthLength) || !in("BYYEARDAY", on.YearDay(), yearDays) {
		return false
	}
	if _, ok := w.lists["BYWEEKNO"]; ok {
		week, weeks := w.week(on)
		if !in("BYWEEKNO", week, weeks) {
			return false
		}
	}
	return w.matchesWeekday(on) && w.matchesStart(on)
}

// matchesStart holds a day to DTSTART where the rule says nothing of days.
func (w writtenRule) matchesStart(on time.Time) bool {
	_, byWeek := w.lists["BYWEEKNO"]
	_, byMonth := w.lists["BYMONTH"]
	_, byMonthDay := w.lists["BYMONTHDAY"]
	_, byYearDay := w.lists["BYYEARDAY"]
	if byMonthDay || byYearDay || len(w.weekdays) > 0 {
		return true
	}
	switch {
	case w.freq == "WEEKLY" || byWeek:
		return on.Weekday() == w.start.Weekday()
	case w.freq == "YEARLY" && !byMonth:
		return on.Day() == w.start.Day() && on.Month() == w.start.Month()
	case w.freq == "YEARLY" || w.freq == "MONTHLY":
		return on.Day() == w.start.Day()
	default:
		return true
	}
}

// week numbers the weeks of a year by counting them out: the first is the one with 4 January in it.
func (w writtenRule) week(on time.Time) (week, weeks int) {
	first := func(year int) time.Time {
		t := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
		for t.Weekday() != w.weekStart {
			t = t.AddDate(0, 0, -1)
		}
		return t
	}
	year := on.Year() + 1
	for first(year).After(on) {
		year--
	}
	for t := first(year); t.Before(first(year + 1)); t = t.AddDate(0, 0, 7) {
		weeks++
		if !t.After(on) {
			week = weeks
		}
	}
	return week, weeks
}

func (w writtenRule) matchesWeekday(on time.Time) bool {
	if len(w.weekdays) == 0 {
		return true
	}
	_, byMonth := w.lists["BYMONTH"]
	for _, item := range w.weekdays {
		if oracleWeekdays[item[len(item)-2:]] != on.Weekday() {
			continue
		}
		if len(item) == 2 {
			return true
		}
		var n int
		if _, err := fmt.Sscan(item[:len(item)-2], &n); err != nil {
			panic(err)
		}
		inMonth := w.freq == "MONTHLY" || byMonth
		same := func(t time.Time) bool { return t.Year() == on.Year() && (!inMonth || t.Month() == on.Month()) }
		back, forth := 0, 0
		for t := on; same(t); t = t.AddDate(0, 0, -7) {
			back++
		}
		for t := on; same(t); t = t.AddDate(0, 0, 7) {
			forth++
		}
		if n == back || n == -forth {
			return true
		}
	}
	return false
}

// slowInstants finds the instants of rising readings by looking at the clock every minute.
func slowInstants(readings []time.Time, zone *time.Location) []time.Time {
	var all []time.Time
	var at time.Time
	shown := func(at time.Time) time.Time {
		_, offset := at.In(zone).Zone()
		return at.Add(time.Duration(offset) * time.Second)
	}
	for _, reading := range readings {
		if reading.Sub(at) > 30*time.Hour {
			at = reading.Add(-27 * time.Hour).Truncate(time.Minute)
		}
		for !shown(at).Equal(reading.Truncate(time.Minute)) && !shown(at.Add(time.Minute)).After(reading) {
			at = at.Add(time.Minute)
		}
		// The offset of this minute reads it, whether the clock shows it within the minute or skips it
		// at the end.
		all = append(all, reading.Add(-shown(at).Sub(at)))
	}
	return all
}

// drawRule draws a rule and how long it should be looked at. Half of the rules are calm, with few parts
// about days, so that clock changes do meet them.
func drawRule(t *rapid.T, freq string, zone *time.Location) (writtenRule, time.Duration) {
	w := writtenRule{
		freq:      freq,
		weekStart: time.Weekday(rapid.SampledFrom([]int{1, 1, 0, 3, 6}).Draw(t, "week start")),
		lists:     map[string][]int{},
	}
	rank := oracleRanks[w.freq]
	w.start = readingOf(drawInstant(t, zone), zone).Add(time.Duration(rapid.SampledFrom([]int{0, 0, 7}).Draw(t, "start second")) * time.Second)
	w.interval = rapid.SampledFrom([]int{1, 2, 1, 3, 1, 2, 5, 7, 18, 61, 1439}[:11-max(rank-2, 0)]).Draw(t, "interval")
	length := []time.Duration{4 * time.Hour, 3 * day, 20 * day, 200 * day, 400 * day, 900 * day, 2600 * day}[rank]
	calm := rapid.Bool().Draw(t, "calm")
	some := func(name string, oneIn, low, high, most int, signed bool) {
		if calm && oneIn > 3 && name != "BYSETPOS" {
			return
		}
		if rapid.IntRange(1, oneIn).Draw(t, "with "+name) > 1 {
			return
		}
		for range rapid.IntRange(1, most).Draw(t, name+" items") {
			n := rapid.IntRange(low, high).Draw(t, name)
			if signed && rapid.Bool().Draw(t, name+" from the end") {
				n = -n
			}
			w.lists[name] = append(w.lists[name], n)
		}
	}
	some("BYMONTH", 5, 1, 12, 6, false)
	some("BYHOUR", 3, 0, 23, 6, false)
	some("BYMINUTE", 3, 0, 59, 5, false)
	some("BYSECOND", 4, 0, 59, 3, false)
	if w.freq != "WEEKLY" {
		some("BYMONTHDAY", 4, 1, 31, 5, true)
	}
	if rank == 6 || rank < 3 {
		some("BYYEARDAY", 8, 1, 366, 60, true)
	}
	if rank == 6 {
		some("BYWEEKNO", 4, 1, 53, 5, true)
	}
	w.weekdays = drawWeekdays(t, w)
	if len(w.lists)+len(w.weekdays) > 0 {
		some("BYSETPOS", 4, 1, 6, 3, true)
	}
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 0:
		w.count = rapid.IntRange(1, 60).Draw(t, "count")
	case 1:
		w.until = w.start.Add(time.Duration(rapid.Int64Range(0, int64(length/time.Second)).Draw(t, "until")) * time.Second)
	}
	return w, length
}

func drawWeekdays(t *rapid.T, w writtenRule) []string {
	if rapid.IntRange(0, 1).Draw(t, "with BYDAY") > 0 {
		return nil
	}
	limit := 0
	if _, byWeek := w.lists["BYWEEKNO"]; !byWeek && oracleRanks[w.freq] >= 5 {
		limit = 5
		if _, byMonth := w.lists["BYMONTH"]; !byMonth && w.freq == "YEARLY" {
			limit = 53
		}
	}
	var items []string
	for range rapid.IntRange(1, 4).Draw(t, "BYDAY items") {
		item := rapid.SampledFrom(weekdayNames).Draw(t, "BYDAY")
		if limit > 0 && rapid.Bool().Draw(t, "numbered") {
			n := rapid.IntRange(1, limit).Draw(t, "ordinal")
			item = fmt.Sprint(rapid.SampledFrom([]int{n, -n}).Draw(t, "signed ordinal")) + item
		}
		items = append(items, item)
	}
	return items
}
