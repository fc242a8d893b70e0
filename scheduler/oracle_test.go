package scheduler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// restless are zones whose clocks change in unlike ways: by an hour, by half an hour, at midnight, in
// the south, in winter, by a whole day, or never.
var restless = []string{
	"Europe/Berlin", "Europe/Chisinau", "Europe/Dublin", "America/New_York", "America/Sao_Paulo",
	"America/Santiago", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Apia", "Africa/Casablanca",
	"Africa/Cairo", "Asia/Kathmandu", "UTC",
}

// expression is a cron expression with its meaning, told apart from the parser under test.
type expression struct {
	text                             string
	minutes, hours, days, months     map[int]bool
	weekdays                         map[int]bool
	follows, dayStar, weekdayStarred bool
}

func (e expression) matches(local time.Time) bool {
	if !e.minutes[local.Minute()] || !e.hours[local.Hour()] || !e.months[int(local.Month())] {
		return false
	}
	byDay, byWeekday := e.days[local.Day()], e.weekdays[int(local.Weekday())]
	if e.dayStar || e.weekdayStarred {
		return byDay && byWeekday
	}
	return byDay || byWeekday
}

// occurrences walks every minute of (from, through] and looks at what the clock shows.
func (e expression) occurrences(from, through time.Time, zone *time.Location) []time.Time {
	var all []time.Time
	// The clock's highest reading so far; two days earlier, so that an overlap before from is known.
	walk := from.Truncate(time.Minute).Add(-48 * time.Hour)
	highest := readingOf(walk, zone)
	for at := walk.Add(time.Minute); !at.After(through); at = at.Add(time.Minute) {
		shown := readingOf(at, zone)
		due := false
		if e.follows {
			due = e.matches(shown)
		} else {
			for skipped := highest.Add(time.Minute); !skipped.After(shown); skipped = skipped.Add(time.Minute) {
				due = due || e.matches(skipped)
			}
		}
		if shown.After(highest) {
			highest = shown
		}
		if due && at.After(from) {
			all = append(all, at)
		}
	}
	return all
}

func readingOf(at time.Time, zone *time.Location) time.Time {
	l := at.In(zone)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC)
}

func drawExpression(t *rapid.T) expression {
	minute, minutes, m := drawField(t, "minute", 0, 59)
	hour, hours, h := drawField(t, "hour", 0, 23)
	dayText, days, d := drawDayField(t, "day", 1, 31)
	month, months, _ := drawDayField(t, "month", 1, 12)
	weekday, weekdays, w := drawDayField(t, "weekday", 0, 6)
	return expression{
		text:    strings.Join([]string{minute, hour, dayText, month, weekday}, " "),
		minutes: minutes, hours: hours, days: days, months: months, weekdays: weekdays,
		follows: m || h, dayStar: d, weekdayStarred: w,
	}
}

// drawDayField is mostly *, or else few windows hold an occurrence.
func drawDayField(t *rapid.T, name string, low, high int) (string, map[int]bool, bool) {
	if rapid.IntRange(0, 3).Draw(t, name+" star") > 0 {
		return "*", stepped(low, high, 1), true
	}
	return drawField(t, name, low, high)
}

// drawField draws the text of a field, the numbers it means and whether it begins with *.
func drawField(t *rapid.T, name string, low, high int) (string, map[int]bool, bool) {
	text, means := "", map[int]bool{}
	for i := range rapid.IntRange(1, 3).Draw(t, name+" items") {
		item, set := drawItem(t, name, low, high)
		for n := range set {
			means[n] = true
		}
		if i > 0 {
			text += ","
		}
		text += item
	}
	return text, means, text[0] == '*'
}

func drawItem(t *rapid.T, name string, low, high int) (string, map[int]bool) {
	a := rapid.IntRange(low, high).Draw(t, name+" from")
	b := rapid.IntRange(a, high).Draw(t, name+" to")
	step := rapid.IntRange(1, high-low+1).Draw(t, name+" step")
	switch rapid.IntRange(0, 6).Draw(t, name+" form") {
	case 0:
		return "*", stepped(low, high, 1)
	case 1:
		return fmt.Sprintf("*/%d", step), stepped(low, high, step)
	case 2:
		return fmt.Sprintf("%d-%d", a, b), stepped(a, b, 1)
	case 3:
		return fmt.Sprintf("%d-%d/%d", a, b, step), stepped(a, b, step)
	case 4:
		return fmt.Sprintf("%d/%d", a, step), stepped(a, high, step)
	default:
		return fmt.Sprint(a), map[int]bool{a: true}
	}
}

func stepped(low, high, step int) map[int]bool {
	set := map[int]bool{}
	for n := low; n <= high; n += step {
		set[n] = true
	}
	return set
}

// drawInstant draws an instant near a change of the zone's clocks, if it has any.
func drawInstant(t *rapid.T, zone *time.Location) time.Time {
	day := rapid.IntRange(0, 365*62).Draw(t, "days since 1999")
	at := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day)
	if rapid.IntRange(0, 9).Draw(t, "near a turn of the year") == 0 {
		at = time.Date(at.Year(), 12, 31, 23, 0, 0, 0, time.UTC)
	} else if _, end := at.In(zone).ZoneBounds(); !end.IsZero() && rapid.IntRange(0, 4).Draw(t, "near a change") > 0 {
		at = end.UTC()
	}
	return at.Add(time.Duration(rapid.IntRange(-26*3600_000, 2*3600_000).Draw(t, "offset in ms")) * time.Millisecond)
}

func mustCompileCron(t rapid.TB, text string, zone *time.Location) *Plan {
	t.Helper()
	r, err := compileCron(text, zone)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return &Plan{rule: r, zone: zone}
}

// Law: near any change of the clocks, cron is due exactly when one who reads the clock every minute
// would say so: nothing lost, nothing doubled.
func TestCronEqualsTheMinuteWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		e := drawExpression(t)
		from := drawInstant(t, zone)
		through := from.Add(52 * time.Hour)
		plan := mustCompileCron(t, e.text, zone)
		want := e.occurrences(from, through, zone)
		var got []time.Time
		for at, ok := plan.Next(from); ok && !at.After(through); at, ok = plan.Next(at) {
			got = append(got, at)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q in %s after %s (-want +got)\n%s", e.text, zone, from.Format(time.RFC3339Nano), diff)
		}
		if n := plan.count(from, through); n != len(want) {
			t.Fatalf("%q in %s after %s: counted %d, want %d", e.text, zone, from.Format(time.RFC3339Nano), n, len(want))
		}
	})
}

// Law: from wherever one asks, the answer is the first occurrence later than that; an occurrence is
// its own predecessor's successor.
func TestNextIsTheFirstLaterOccurrence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		plan := mustCompileCron(t, drawExpression(t).text, zone)
		from := drawInstant(t, zone)
		first, ok := plan.Next(from)
		if !ok {
			return
		}
		if !first.After(from) {
			t.Fatalf("next of %s is %s", from, first)
		}
		second, ok := plan.Next(first)
		if ok && !second.After(first) {
			t.Fatalf("next of the occurrence %s is %s", first, second)
		}
		for _, between := range []time.Time{first.Add(-1), first.Add(-time.Millisecond), from.Add(first.Sub(from) / 2)} {
			if again, _ := plan.Next(between); !between.Before(first) || !again.Equal(first) {
				if between.Before(first) {
					t.Fatalf("next of %s is %s, want %s as from %s", between, again, first, from)
				}
			}
		}
		if after, okAfter := plan.Next(first.Add(time.Nanosecond)); okAfter != ok || !after.Equal(second) {
			t.Fatalf("next just after %s is %s, want %s", first, after, second)
		}
	})
}

// Law: rare dates are found however far they are, and those that never come are refused at creation.
func TestCronFindsRareDates(t *testing.T) {
	t.Parallel()
	after := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for expr, want := range map[string]string{
		"0 0 29 2 */7":          "2032-02-29T00:00:00Z", // a 29 February that is a Sunday
		"0 0 29 2 *":            "2028-02-29T00:00:00Z",
		"59 59 23 31 12 ? 2066": "", // beyond the horizon by a month
		"59 59 23 31 12 ? 2060": "2060-12-31T23:59:59Z",
		"0 0 31W 3 *":           "2027-03-31T00:00:00Z",
		"0 0 * * 6#5":           "2027-01-30T00:00:00Z",
		"0 0 30W 2 *":           "",
		"0 0 30 2 *":            "",
	} {
		plan := mustCompileCron(t, expr, time.UTC)
		got, ok := plan.Next(after)
		if text := got.Format(time.RFC3339); ok != (want != "") || (ok && text != want) {
			t.Errorf("%q: next is %s (%v), want %q", expr, text, ok, want)
		}
	}
	sunday := mustCompileCron(t, "0 0 29 2 */7", time.UTC)
	if got, ok := sunday.Next(time.Date(2032, 2, 29, 0, 0, 0, 0, time.UTC)); !ok || got.Year() != 2060 {
		t.Errorf("the 29 February on a Sunday after 2032 is %s (%v), want one in 2060", got, ok)
	}
}

// Law: a rare expression that follows the clock is due in both passes of an overlap, also when its
// next date is a year away.
func TestRareRepeatedHourIsNotSkipped(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	plan := mustCompileCron(t, "*/30 2 25 10 *", berlin)
	var got []string
	for _, f := range plan.Preview(at("2026-10-25T00:30:00Z"), 3) {
		got = append(got, f.UTC.Format(time.RFC3339)+" "+string(f.DST))
	}
	want := []string{"2026-10-25T01:00:00Z second_pass", "2026-10-25T01:30:00Z second_pass", "2027-10-25T00:00:00Z "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func mustLoad(t rapid.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
