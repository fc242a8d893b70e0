package scheduler

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// icsNow is when the calendars of the tests are read.
var icsNow = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

// vevent is a calendar of one event with these lines.
func vevent(lines ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

// shown is entries in one line each: from..to title.
func shown(entries []ordinaut.CalendarEntry) []string {
	lines := []string{}
	for _, e := range entries {
		lines = append(lines, strings.TrimSpace(e.From+".."+e.To+" "+e.Title))
	}
	return lines
}

// Days stay days, times become instants, whatever way the calendar has of saying them.
func TestReadICSReadsEvents(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, zone, text string
		want             []string
	}{
		{"a day", "", vevent("DTSTART;VALUE=DATE:20301225", "SUMMARY:Christmas"), []string{"2030-12-25..2030-12-26 Christmas"}},
		{"a day that says where it ends", "", vevent("DTSTART;VALUE=DATE:20301225", "DTEND;VALUE=DATE:20301226"), []string{"2030-12-25..2030-12-26"}},
		{"a day that ends where it begins", "", vevent("DTSTART;VALUE=DATE:20301225", "DTEND;VALUE=DATE:20301225"), []string{"2030-12-25..2030-12-26"}},
		{"days by duration", "", vevent("DTSTART;VALUE=DATE:20301225", "DURATION:P1W"), []string{"2030-12-25..2031-01-01"}},
		{"a date without VALUE", "", vevent("DTSTART:20301225"), []string{"2030-12-25..2030-12-26"}},
		{"UTC", "", vevent("DTSTART:20301225T090000Z", "DTEND:20301225T100000Z"), []string{"2030-12-25T09:00:00Z..2030-12-25T10:00:00Z"}},
		{"a zone", "", vevent("DTSTART;TZID=Europe/Berlin:20301225T090000", "DURATION:PT90M"), []string{"2030-12-25T08:00:00Z..2030-12-25T09:30:00Z"}},
		{"a quoted zone", "", vevent(`DTSTART;TZID="Europe/Berlin";X-A="a;b:c":20301225T090000`, "DURATION:PT1H"), []string{"2030-12-25T08:00:00Z..2030-12-25T09:00:00Z"}},
		{"a zone behind a vendor's prefix", "", vevent("DTSTART;TZID=/example.org/20300101_1/Europe/Berlin:20301225T090000", "DURATION:PT1H"), []string{"2030-12-25T08:00:00Z..2030-12-25T09:00:00Z"}},
		{
			"a zone that the calendar locates", "",
			"BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:W. Europe\nX-LIC-LOCATION:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:19700101T000000\nEND:STANDARD\nEND:VTIMEZONE\n" +
				"BEGIN:VEVENT\nDTSTART;TZID=W. Europe:20301225T090000\nDURATION:PT1H\nEND:VEVENT\nEND:VCALENDAR",
			[]string{"2030-12-25T08:00:00Z..2030-12-25T09:00:00Z"},
		},
		{"a floating time", "America/New_York", vevent("DTSTART:20301225T090000", "DURATION:PT1H"), []string{"2030-12-25T14:00:00Z..2030-12-25T15:00:00Z"}},
		{"an end in another zone", "", vevent("DTSTART;TZID=Europe/Berlin:20301225T090000", "DTEND:20301225T100000Z"), []string{"2030-12-25T08:00:00Z..2030-12-25T10:00:00Z"}},
		{"a start that the clocks skip", "", vevent("DTSTART;TZID=Europe/Berlin:20310330T023000", "DURATION:PT2H"), []string{"2031-03-30T01:30:00Z..2031-03-30T02:30:00Z"}},
		{"folded, escaped, lower case", "", vevent("dtstart;value=date:2030", " 1225", `summary:Eve\, and`, "\t more\\nof it\\; end"), []string{"2030-12-25..2030-12-26 Eve, and more of it; end"}},
		{"canceled", "", vevent("DTSTART:20301225", "STATUS:CANCELLED"), []string{}},
		{"transparent", "", vevent("DTSTART:20301225", "TRANSP:TRANSPARENT"), []string{"2030-12-25..2030-12-26"}},
		{"an alarm within", "", vevent("DTSTART:20301225", "BEGIN:VALARM", "DURATION:nonsense", "END:VALARM"), []string{"2030-12-25..2030-12-26"}},
		{"other components, a mark at the beginning", "", "\ufeffBEGIN:VCALENDAR\nX-A:1\nBEGIN:VTODO\nDTSTART:x\nEND:VTODO\n\nBEGIN:VEVENT\nDTSTART:20301225\nEND:VEVENT\nEND:VCALENDAR", []string{"2030-12-25..2030-12-26"}},
		{"more dates", "", vevent("DTSTART:20301225", "RDATE;VALUE=DATE:20301227,20301225"), []string{"2030-12-25..2030-12-26", "2030-12-27..2030-12-28"}},
		{
			"periods", "", vevent("DTSTART:20301225T090000Z", "DURATION:PT1H", "RDATE;VALUE=PERIOD:20301226T090000Z/PT2H,20301227T090000Z/20301227T093000Z"),
			[]string{"2030-12-25T09:00:00Z..2030-12-25T10:00:00Z", "2030-12-26T09:00:00Z..2030-12-26T11:00:00Z", "2030-12-27T09:00:00Z..2030-12-27T09:30:00Z"},
		},
		{"sorted, each once", "", strings.ReplaceAll(vevent("DTSTART:20301225")+vevent("DTSTART:20300701")+vevent("DTSTART:20301225"), "\r", ""), []string{"2030-07-01..2030-07-02", "2030-12-25..2030-12-26"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			entries, _, err := ReadICS(tc.text, tc.zone, icsNow)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, shown(entries)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Rules are written out around now, in the zone of their event, and obey what the calendar says of single
// occurrences.
func TestReadICSFollowsRules(t *testing.T) {
	t.Parallel()
	weekly := []string{"UID:a", "DTSTART;TZID=Europe/Berlin:20301014T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=4"}
	with := func(more ...string) string { return vevent(append(slices.Clone(weekly), more...)...) }
	first, second, third, fourth := "2030-10-14T07:00:00Z..2030-10-14T08:00:00Z", "2030-10-21T07:00:00Z..2030-10-21T08:00:00Z",
		"2030-10-28T08:00:00Z..2030-10-28T09:00:00Z", "2030-11-04T08:00:00Z..2030-11-04T09:00:00Z"
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"over a clock change", with(), []string{first, second, third, fourth}},
		{"EXDATE", with("EXDATE;TZID=Europe/Berlin:20301021T090000,20301104T090000"), []string{first, third}},
		{"EXDATE of the first, in UTC", with("EXDATE:20301014T070000Z"), []string{second, third, fourth}},
		{"EXDATE as days", with("EXDATE;VALUE=DATE:20301021"), []string{first, third, fourth}},
		{"EXDATE of none", with("EXDATE;TZID=Europe/Berlin:20301021T090001"), []string{first, second, third, fourth}},
		{"RDATE", with("RDATE:20301022T070000Z"), []string{first, second, "2030-10-22T07:00:00Z..2030-10-22T08:00:00Z", third, fourth}},
		{
			"moved", with() + vevent("UID:a", "RECURRENCE-ID;TZID=Europe/Berlin:20301021T090000", "DTSTART:20301022T100000Z", "DURATION:PT2H"),
			[]string{first, "2030-10-22T10:00:00Z..2030-10-22T12:00:00Z", third, fourth},
		},
		{
			"moved, told before", vevent("UID:a", "RECURRENCE-ID:20301021T070000Z", "DTSTART:20301021T070000Z", "DURATION:PT2H") + with(),
			[]string{first, "2030-10-21T07:00:00Z..2030-10-21T09:00:00Z", third, fourth},
		},
		{"one canceled", with() + vevent("UID:a", "RECURRENCE-ID:20301021T070000Z", "DTSTART:20301021T070000Z", "STATUS:CANCELLED"), []string{first, third, fourth}},
		{"another's moved", with() + vevent("UID:b", "RECURRENCE-ID:20301021T070000Z", "DTSTART:20301021T070000Z", "STATUS:CANCELLED"), []string{first, second, third, fourth}},
		{"days until a day", vevent("DTSTART:20301225", "DTEND:20301227", "RRULE:FREQ=YEARLY;UNTIL=20311225"), []string{"2030-12-25..2030-12-27", "2031-12-25..2031-12-27"}},
		{
			"from long ago to the horizon", vevent("DTSTART:19700105", "RRULE:FREQ=YEARLY;BYMONTH=1;BYDAY=1MO"),
			[]string{
				"2030-01-07..2030-01-08", "2031-01-06..2031-01-07", "2032-01-05..2032-01-06", "2033-01-03..2033-01-04", "2034-01-02..2034-01-03", "2035-01-01..2035-01-02",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			entries, _, err := ReadICS(tc.text, "", icsNow)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, shown(entries)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, warnings, _ := ReadICS(vevent("DTSTART:20300101", "RRULE:FREQ=DAILY"), "", icsNow); len(warnings) != 1 || !strings.Contains(warnings[0], "until 2035-06-01") {
		t.Errorf("an endless rule: %q", warnings)
	}
	for want, rule := range map[string]string{
		"line 5: RRULE:": "FREQ=SOMETIMES", "more than 5000 entries": "FREQ=HOURLY",
	} {
		if _, _, err := ReadICS(vevent("DTSTART:20300101T000000Z", "RRULE:"+rule, "DURATION:PT1M"), "", icsNow); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", rule, err, want)
		}
	}
	if _, _, err := ReadICS(strings.Repeat(vevent("DTSTART:20300101", "RRULE:FREQ=YEARLY;COUNT=1"), 201), "", icsNow); err == nil || !strings.Contains(err.Error(), "more than 200 events with an RRULE") {
		t.Errorf("many rules: %v", err)
	}
}

// What is wrong is told with its line and what is allowed.
func TestReadICSRefusesWithTheLine(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"line 1: want BEGIN:VCALENDAR, got BEGIN:\"VEVENT\"":            "BEGIN:VEVENT",
		"line 1: want BEGIN:VCALENDAR, got \"VERSION\"":                 "VERSION:2.0",
		"line 1: \"hello\" is not a line of a calendar":                 "hello",
		"line 4: \"SUMMARY\" has no colon and no value":                 vevent("SUMMARY;X=\"a:b"),
		"line 4: the text is not UTF-8":                                 vevent("SUMMARY:\xff"),
		"line 1: the text ends within \"VCALENDAR\"":                    "BEGIN:VCALENDAR",
		"the calendar has no VEVENT":                                    "BEGIN:VCALENDAR\nEND:VCALENDAR",
		"line 2: END:\"VEVENT\" has no BEGIN of its own":                "BEGIN:VCALENDAR\nEND:VEVENT",
		"line 9: BEGIN lines nest more than 8 deep":                     "BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:X\n", 9),
		"line 3: the event has no DTSTART":                              vevent("SUMMARY:x"),
		"line 5: the event has another DTSTART in line 4":               vevent("DTSTART:20301225", "DTSTART:20301226"),
		"line 4: DTSTART \"TOMORROW\" is not a time":                    vevent("DTSTART:tomorrow"),
		"line 4: DTSTART \"20301325\" is not a time":                    vevent("DTSTART:20301325"),
		"line 4: DTSTART \"18991231\" is out of range":                  vevent("DTSTART:18991231"),
		"line 4: TZID \"Customized\" is not an IANA zone":               vevent("DTSTART;TZID=Customized:20301225T090000"),
		"line 5: DTEND is before DTSTART":                               vevent("DTSTART:20301225", "DTEND:20301224"),
		"line 5: DTSTART and DTEND must both be days or both be times":  vevent("DTSTART:20301225", "DTEND:20301225T100000"),
		"line 6: the event has DTEND and DURATION":                      vevent("DTSTART:20301225", "DTEND:20301226", "DURATION:P1D"),
		"line 5: DTSTART is a day, so DURATION must be whole days":      vevent("DTSTART:20301225", "DURATION:PT1H"),
		"line 5: DURATION \"-P1D\" is not a duration":                   vevent("DTSTART:20301225", "DURATION:-P1D"),
		"line 5: EXRULE is not read":                                    vevent("DTSTART:20301225", "EXRULE:FREQ=DAILY"),
		"line 5: EXDATE \"x\" is not a time":                            vevent("DTSTART:20301225", "EXDATE:x"),
		"line 5: RECURRENCE-ID with RANGE is not read":                  vevent("DTSTART:20301225", "RECURRENCE-ID;RANGE=THISANDFUTURE:20301225"),
		"the calendar is 524289 bytes long; at most 524288 are allowed": strings.Repeat("a", maxICSBytes+1),
		"line 6: the rules of the calendar have more times than":        vevent("DTSTART:20290529T000000", "DURATION:PT1S", "RRULE:FREQ=SECONDLY;UNTIL=20290531T000000Z"),
		"more times than it is worth to follow":                         costlyEvents("RRULE:FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=200"),
		"COUNT=1000000 reaches too far":                                 costlyEvents("RRULE:FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU;COUNT=1000000"),
		"with this event the calendar has more than 5000 entries":       strings.TrimSuffix(vevent(manyDates()), "\r\n"),
	} {
		_, _, err := ReadICS(text, "", icsNow)
		var public *ordinaut.Error
		if !errors.As(err, &public) || public.Code != ordinaut.CodeInvalidArgument || public.Pointer != "/ics" {
			t.Errorf("%s: got %v", want, err)
			continue
		}
		if got := strings.ReplaceAll(public.Msg, `"X"`, `"x"`); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// costlyEvents is as many events as may recur, with a rule that takes long to follow.
func costlyEvents(rule string) string {
	return strings.Repeat(vevent("DTSTART:19000101T000001", "DURATION:PT1H", rule), maxRecurring)
}

// A rule whose events have no length is not followed: it may be due each second for years.
func TestReadICSPassesOverEmptyRules(t *testing.T) {
	t.Parallel()
	entries, _, err := ReadICS(strings.Repeat(vevent("DTSTART:20300101T000000", "RRULE:FREQ=SECONDLY"), maxRecurring+1), "UTC", icsNow)
	if err != nil || len(entries) != 0 {
		t.Errorf("%d entries, error %v; want neither", len(entries), err)
	}
}

// manyDates is lines with one day more than a calendar may have.
func manyDates() string {
	var b strings.Builder
	b.WriteString("DTSTART:20300601\r\nRDATE:20300601")
	for i := 1; i <= maxCalendarEntries; i++ {
		b.WriteString("," + icsNow.AddDate(0, 0, i).Format("20060102"))
	}
	return b.String()
}

// What is left out is said.
func TestReadICSWarns(t *testing.T) {
	t.Parallel()
	text := vevent("DTSTART:20280101") + vevent("DTSTART:20300701T090000") + vevent("DTSTART:20300702T090000", "DURATION:PT1H")
	entries, warnings, err := ReadICS(text, "", icsNow)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2030-07-02T09:00:00Z..2030-07-02T10:00:00Z"}, shown(entries)); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"times without a zone were read in UTC; give timezone if another is meant",
		"left out as over before 2029-06-01: 1 occurrence",
		"left out as without length, which exclude nothing: 1 occurrence",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Error(diff)
	}
}

// Titles are what a person may see on one line, cut at the border of a character.
func TestTitlesAreTidy(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"  a\tb\x1b[31m\u202e ", "a b[31m"},
		{strings.Repeat("ä", 50), strings.Repeat("ä", 50)},
		{strings.Repeat("ä", 60), strings.Repeat("ä", 48) + "…"},
		{strings.Repeat("a", 100), strings.Repeat("a", 100)},
		{strings.Repeat("a", 101), strings.Repeat("a", 97) + "…"},
	} {
		text, want := pair[0], pair[1]
		if got := title(text); got != want {
			t.Errorf("title(%q) = %q, want %q", text, got, want)
		}
	}
}

// A calendar as a calendar server hands it out becomes what a person sees in it.
func TestReadICSReadsAHolidayFeed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/holidays.ics")
	if err != nil {
		t.Fatal(err)
	}
	entries, warnings, err := ReadICS(string(text), "Europe/Berlin", icsNow)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2030-06-10..2030-06-11 Whit Monday",
		"2030-10-03..2030-10-04 Day of German Unity",
		"2030-12-24T11:00:00Z..2030-12-24T23:00:00Z Christmas Eve, from noon",
		"2030-12-25..2030-12-27 Christmas",
		"2031-01-01..2031-01-02 New Year",
	}
	if diff := cmp.Diff(want, shown(entries)); diff != "" || len(warnings) > 0 {
		t.Errorf("warnings %q, entries (-want +got):\n%s", warnings, diff)
	}
}

// Whatever the text, reading it ends without a panic, within bounds, and gives entries that are good ones.
func FuzzReadICS(f *testing.F) {
	feed, err := os.ReadFile("testdata/holidays.ics")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(feed))
	for _, lines := range []string{
		"DTSTART:20301225", "DTSTART;TZID=Europe/Berlin:20301225T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3",
		"UID:a\nDTSTART:20301225\nRECURRENCE-ID:20301224\nRDATE;VALUE=PERIOD:20301226T090000Z/PT2H\nEXDATE:20301225", "SUMMARY:a\\\n b",
	} {
		f.Add(vevent(lines))
	}
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		entries, _, err := ReadICS(text, "America/New_York", icsNow)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %s", took)
		}
		if err != nil {
			return
		}
		if len(entries) > maxCalendarEntries {
			t.Errorf("%d entries", len(entries))
		}
		again, err := CheckEntries(entries, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(shown(entries), shown(again)); diff != "" {
			t.Error(diff)
		}
	})
}

// Entries are stored sorted and in one form; what cannot be one is refused with its place.
func TestCheckEntries(t *testing.T) {
	t.Parallel()
	entry := func(from, to string) ordinaut.CalendarEntry { return ordinaut.CalendarEntry{From: from, To: to} }
	got, err := CheckEntries([]ordinaut.CalendarEntry{
		entry("2030-12-25T09:00", "2030-12-25T10:00:00+01:00"), entry("2030-12-25", ""), entry("2030-12-25", "2030-12-26"), entry("2030-07-01", "2030-07-15"),
	}, "Europe/Chisinau")
	want := []string{"2030-07-01..2030-07-15", "2030-12-25..2030-12-26", "2030-12-25T07:00:00Z..2030-12-25T09:00:00Z"}
	if diff := cmp.Diff(want, shown(got)); diff != "" || err != nil {
		t.Errorf("error %v, entries (-want +got):\n%s", err, diff)
	}
	for want, e := range map[string]ordinaut.CalendarEntry{
		"/entries/1/from": entry("Christmas", ""), "/entries/1/to": entry("2030-12-25", "soon"),
	} {
		_, err := CheckEntries([]ordinaut.CalendarEntry{entry("2030-12-25", ""), e}, "")
		if public := asInvalid(err); err == nil || public.Pointer != want {
			t.Errorf("%v: got %v, want it at %s", e, err, want)
		}
	}
	for want, e := range map[string]ordinaut.CalendarEntry{
		"only a day needs none":           entry("2030-12-25T09:00", ""),
		"both be days or both be times":   entry("2030-12-25", "2030-12-26T09:00"),
		"not its last day":                entry("2030-12-25", "2030-12-25"),
		"allowed are the years 1900 to 2": entry("1500-12-25", ""),
	} {
		if _, err := CheckEntries([]ordinaut.CalendarEntry{e}, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", e, err, want)
		}
	}
	if _, err := CheckEntries(make([]ordinaut.CalendarEntry, maxCalendarEntries+1), ""); err == nil {
		t.Error("more entries than a calendar has were taken")
	}
	if _, err := CheckEntries(nil, "Mars/Base"); err == nil || asInvalid(err).Pointer != "/timezone" {
		t.Errorf("an unknown zone: %v", err)
	}
}

func BenchmarkReadICS(b *testing.B) {
	var text strings.Builder
	text.WriteString("BEGIN:VCALENDAR\r\n")
	for i := range 4000 {
		fmt.Fprintf(&text, "BEGIN:VEVENT\r\nUID:%d\r\nDTSTART;VALUE=DATE:%s\r\nSUMMARY:Day %d\r\nEND:VEVENT\r\n", i, icsNow.AddDate(0, 0, i%1000).Format("20060102"), i)
	}
	text.WriteString("END:VCALENDAR\r\n")
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, _, err := ReadICS(text.String(), "", icsNow); err != nil {
			b.Fatal(err)
		}
	}
}
