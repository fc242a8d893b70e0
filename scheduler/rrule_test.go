package scheduler

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
)

// Law: a recurrence rule is due exactly when one who looks at every day and every time of day would
// say so, from wherever one asks; counting agrees.
func TestRRuleEqualsTheWalk(t *testing.T) {
	t.Parallel()
	for _, freq := range frequencyNames {
		t.Run(freq, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { checkAgainstTheWalk(t, freq) })
		})
	}
}

func checkAgainstTheWalk(t *rapid.T, freq string) {
	zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	w, length := drawRule(t, freq, zone)
	r, err := compileRRule(w.text(), zone, time.Time{})
	if err != nil {
		if all := w.occurrences(w.start.Add(length), zone); len(all) > 0 && !strings.Contains(err.Error(), "settled") {
			t.Fatalf("%q in %s: refused although it is due at %s: %v", w.text(), zone, all[0], err)
		}
		return
	}
	plan := &Plan{rule: r, zone: zone}
	// A reading lies within 30 hours of its instant.
	all, through := w.occurrences(w.start.Add(length+30*time.Hour), zone), w.start.Add(length)
	from := w.start.Add(time.Duration(rapid.Int64Range(-100_000, int64(length/time.Second)).Draw(t, "from")) * time.Second)
	var want []time.Time
	for _, at := range all {
		if at.After(from) && !at.After(through) {
			want = append(want, at)
		}
	}
	if n := plan.count(from, through); n != len(want) && from.Before(through) {
		t.Fatalf("%q in %s after %s: counted %d, want %d", w.text(), zone, from, n, len(want))
	}
	want = want[:min(len(want), 300)]
	var got []time.Time
	for at, ok := plan.Next(from); ok && !at.After(through) && len(got) < len(want)+1; at, ok = plan.Next(at) {
		got = append(got, at)
	}
	got = got[:min(len(got), 300)]
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q in %s after %s (-want +got)\n%s", w.text(), zone, from, diff)
	}
}

func mustCompileRRule(t rapid.TB, text string, zone *time.Location) *rrule {
	t.Helper()
	compiled, err := compileRRule(text, zone, time.Time{})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return compiled.(*rrule)
}

// Law: the age of a rule changes neither what it is due at nor what that costs.
func TestOldRRulesAreAsGoodAsNew(t *testing.T) {
	t.Parallel()
	berlin := mustLoad(t, "Europe/Berlin")
	after := at("2026-11-22T10:00:30Z")
	for rule, ages := range map[string][2]string{
		"FREQ=SECONDLY":                         {"20261122T100000", "19210101T000000"},
		"FREQ=MINUTELY;INTERVAL=7":              {"20261122T080000", "19700101T000500"},
		"FREQ=HOURLY;INTERVAL=6;BYMINUTE=3":     {"20261122T080000", "19700101T020000"},
		"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR":    {"20261109T080000", "19700105T080000"},
		"FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1":  {"20261001T080000", "19000101T080000"},
		"FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=SU,TH": {"20250101T080000", "19000101T080000"},
		"FREQ=DAILY;BYHOUR=2;BYMINUTE=30":       {"20261001T080000", "19000101T080000"},
	} {
		var steps [2]int
		var due [2]time.Time
		for i, start := range ages {
			r := mustCompileRRule(t, "DTSTART:"+start+"\n"+rule, berlin)
			b := &budget{left: nextBudget}
			due[i], _ = r.nextWithin(after, b)
			steps[i] = nextBudget - b.left
		}
		if !due[0].Equal(due[1]) || steps[0] != steps[1] {
			t.Errorf("%s: the new one is due at %s after %d steps, the old one at %s after %d", rule, due[0], steps[0], due[1], steps[1])
		}
	}
}

// Law: RDATE adds and EXDATE takes away instants, in whatever form they are given, each once.
func TestRRuleDates(t *testing.T) {
	t.Parallel()
	berlin := mustLoad(t, "Europe/Berlin")
	r := mustCompileRRule(t, strings.Join([]string{
		"dtstart;tzid=Europe/Berlin:20270326T023000",
		"rrule:freq=daily;count=4",
		"RDATE:20270326T013000Z,20270401T120000",
		"RDATE;VALUE=DATE:20270402,20270405",
		"RDATE:20270328T023000",
		"EXDATE:20270327T013000Z,20270405T000000",
		"EXDATE:20270327T023000",
	}, "\n"), berlin)
	plan := &Plan{rule: r, zone: berlin}
	var got []string
	for _, f := range plan.Preview(at("2027-01-01T00:00:00Z"), 20) {
		got = append(got, strings.TrimSpace(f.Local.Format(time.RFC3339)+" "+string(f.DST)))
	}
	want := []string{
		"2027-03-26T02:30:00+01:00", "2027-03-28T03:30:00+02:00 gap_shifted", "2027-03-29T02:30:00+02:00",
		"2027-04-01T12:00:00+02:00", "2027-04-02T00:00:00+02:00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := plan.count(at("2027-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z")); n != len(want) {
		t.Errorf("counted %d, want %d", n, len(want))
	}
}

// Law: clock changes are told: what a gap shifts, and the one pass that a rule takes of an overlap.
func TestRRuleFlagsClockChanges(t *testing.T) {
	t.Parallel()
	berlin := mustLoad(t, "Europe/Berlin")
	for rule, want := range map[string][]string{
		"DTSTART:20270327T023000\nFREQ=DAILY":                 {"2027-03-27T02:30:00+01:00 ", "2027-03-28T03:30:00+02:00 gap_shifted", "2027-03-29T02:30:00+02:00 "},
		"DTSTART:20270328T013000\nFREQ=HOURLY":                {"2027-03-28T01:30:00+01:00 ", "2027-03-28T03:30:00+02:00 ", "2027-03-28T04:30:00+02:00 "},
		"DTSTART:20270328T023000\nFREQ=DAILY;BYHOUR=2,3":      {"2027-03-28T03:30:00+02:00 ", "2027-03-29T02:30:00+02:00 ", "2027-03-29T03:30:00+02:00 "},
		"DTSTART:20271031T013000\nFREQ=HOURLY":                {"2027-10-31T01:30:00+02:00 ", "2027-10-31T02:30:00+02:00 first_pass", "2027-10-31T03:30:00+01:00 "},
		"DTSTART:20270328T024500\nFREQ=MINUTELY;INTERVAL=10":  {"2027-03-28T03:05:00+02:00 ", "2027-03-28T03:15:00+02:00 ", "2027-03-28T03:25:00+02:00 "},
		"DTSTART:20270328T024500\nFREQ=MINUTELY;INTERVAL=130": {"2027-03-28T03:45:00+02:00 gap_shifted", "2027-03-28T04:55:00+02:00 ", "2027-03-28T07:05:00+02:00 "},
	} {
		plan := &Plan{rule: mustCompileRRule(t, rule, berlin), zone: berlin}
		var got []string
		for _, f := range plan.Preview(at("2027-01-01T00:00:00Z"), 3) {
			got = append(got, f.Local.Format(time.RFC3339)+" "+string(f.DST))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", rule, diff)
		}
	}
}

// hostileRules are texts that make other implementations loop, panic or run out of memory, and those
// that ask the most of this one.
func hostileRules() []string {
	numbers := func(from, to int) string {
		var list []string
		for n := from; n <= to; n++ {
			list = append(list, fmt.Sprint(n))
		}
		return strings.Join(list, ",")
	}
	return []string{
		"FREQ=HOURLY;INTERVAL=2;BYHOUR=1",
		"FREQ=MINUTELY;INTERVAL=60;BYMINUTE=1",
		"FREQ=MONTHLY;BYDAY=-6MO",
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
		"FREQ=YEARLY;BYMONTHDAY=31;BYMONTH=2,4,6,9,11",
		"FREQ=YEARLY;BYHOUR=" + numbers(0, 23) + ";BYMINUTE=" + numbers(0, 59) + ";BYSECOND=" + numbers(0, 59) + ";BYSETPOS=-1",
		"FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=" + numbers(1, 200),
		"FREQ=YEARLY;BYDAY=MO;BYSETPOS=" + numbers(54, 250),
		"FREQ=YEARLY;BYMONTHDAY=29;BYMONTH=2;BYDAY=SU;BYYEARDAY=61",
		"FREQ=YEARLY;INTERVAL=4;BYMONTHDAY=29;BYMONTH=2;BYDAY=SU;COUNT=50",
		"FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=200",
		"FREQ=YEARLY;INTERVAL=10000000",
		"FREQ=YEARLY;COUNT=1000000000",
		"FREQ=DAILY;COUNT=1000000000",
		"FREQ=SECONDLY;COUNT=1000000000",
		"FREQ=SECONDLY;INTERVAL=10000000;COUNT=1000000000",
		"FREQ=SECONDLY;INTERVAL=9999991;BYHOUR=3;BYMINUTE=4;BYSECOND=5",
		"FREQ=SECONDLY;INTERVAL=86399;BYHOUR=0;BYMINUTE=0;BYSECOND=0",
		"FREQ=SECONDLY;INTERVAL=4099;BYHOUR=0;BYMINUTE=0;BYSECOND=0;BYMONTH=2;BYMONTHDAY=29",
		"FREQ=SECONDLY;INTERVAL=4097;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU;BYHOUR=23;BYMINUTE=59;BYSECOND=59",
		"FREQ=SECONDLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU",
		"FREQ=SECONDLY;INTERVAL=7;BYSECOND=" + numbers(0, 59) + ";BYMINUTE=59;BYHOUR=23;COUNT=999999999",
		"FREQ=MINUTELY;INTERVAL=1441;BYHOUR=0;BYMINUTE=0;BYYEARDAY=366",
		"FREQ=HOURLY;INTERVAL=8761;BYMONTH=2;BYMONTHDAY=29;BYHOUR=5",
		"FREQ=HOURLY;INTERVAL=168;BYDAY=" + "SU,MO,TU" + ";BYYEARDAY=" + numbers(1, 90),
		"FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
		"FREQ=WEEKLY;INTERVAL=10000000;BYDAY=MO",
		"FREQ=WEEKLY;BYDAY=MO;BYMONTH=2;BYHOUR=" + numbers(0, 23) + ";BYMINUTE=" + numbers(0, 59) + ";BYSETPOS=" + numbers(1, 60),
		"FREQ=DAILY;INTERVAL=7;BYDAY=TU",
		"FREQ=DAILY;INTERVAL=14;BYMONTH=2;BYMONTHDAY=29",
		"FREQ=DAILY;UNTIL=99991231T235959Z;BYDAY=SU;BYMONTHDAY=29;BYMONTH=2",
		"FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31",
		"FREQ=MONTHLY;INTERVAL=2;BYMONTH=1,3,5",
		"FREQ=DAILY;COUNT=0", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=;;;;", ";", "=", "FREQ==DAILY",
		"FREQ=DAILY;BYHOUR=" + strings.Repeat("1,", 500) + "1",
		"FREQ=DAILY\nEXDATE:" + strings.TrimSuffix(strings.Repeat("20261123T080000,", 100), ","),
		"RDATE:20270101\n", "FREQ=DAILY\nFREQ=DAILY", "FREQ=DAILY\nDTSTART:00010101T000000", "FREQ=DAILY\nRDATE;VALUE=PERIOD:20270101T000000Z/PT1H",
		strings.Repeat("FREQ=DAILY;", 100_000), strings.Repeat("\n", 100_000), "\x00\u202e\x1b[2J;FREQ=DAILY",
	}
}

// Law: no rule, however hostile, costs more steps than its budget to refuse, to find a next time, or
// to say that there is none.
func TestHostileRRulesAreBounded(t *testing.T) {
	t.Parallel()
	berlin := mustLoad(t, "Europe/Berlin")
	for _, rule := range hostileRules() {
		for _, start := range []string{"19000101T000001", "20261122T100000", "22000229T235959"} {
			compiled, err := compileRRule("DTSTART:"+start+"\n"+rule, berlin, time.Time{})
			if err != nil {
				if refusal := (*ordinaut.Error)(nil); !errors.As(err, &refusal) || refusal.Pointer != "/schedule/expr" || refusal.Example == "" || len(refusal.Msg) > 500 {
					t.Errorf("%.80q: error is %v", rule, err)
				}
				continue
			}
			after := at("2026-11-22T10:00:30Z")
			for range 20 {
				b := &budget{left: nextBudget}
				next, ok := compiled.(*rrule).nextWithin(after, b)
				if b.left < 0 {
					t.Errorf("%.80q from %s: the next time after %s is not settled in %d steps", rule, start, after, nextBudget)
				}
				if !ok {
					break
				}
				if !next.After(after) {
					t.Fatalf("%.80q from %s: the next time after %s is %s", rule, start, after, next)
				}
				after = next
			}
		}
	}
}

// Law: what is refused says what is wrong and how to put it right.
func TestRRuleRefusals(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"FREQ=DAILY;COUNT=3;UNTIL=20300101":                            "keep one of them",
		"FREQ=WEEKLY;BYDAY=2TU":                                        "FREQ=MONTHLY",
		"FREQ=MONTHLY;BYDAY=6TU":                                       "1 to 5",
		"FREQ=HOURLY;INTERVAL=2;BYHOUR=2":                              "never due",
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30":                          "at most 29 days",
		"FREQ=DAILY;BYSETPOS=1":                                        "add one, such as BYDAY",
		"FREQ=DAILY;BYDAY=MO;BYSETPOS=2":                               "at most 1 times",
		"FREQ=SECONDLY;BYDAY=MO;BYHOUR=1;COUNT=1000000000":             "UNTIL",
		"FREQ=DAILY;UNTIL=20200101T000000Z":                            "before DTSTART",
		"DTSTART:20190101T000000\nFREQ=DAILY;UNTIL=20200101T000000Z":   "has ended it",
		"DTSTART;TZID=America/New_York:20270101T090000\nFREQ=DAILY":    "leave TZID out",
		"DTSTART:20270101T090000\nDTSTART:20270101T090000\nFREQ=DAILY": "twice",
		"DTSTART:20270230T090000\nFREQ=DAILY":                          "is not a time",
		"DTSTART;VALUE=DATE:20270130T090000\nFREQ=DAILY":               "is not a time",
		"FREQ=DAILY\nEXRULE:FREQ=WEEKLY":                               "allowed are DTSTART",
		"DTSTART:20270101T090000":                                      "FREQ=DAILY",
		"FREQ=DAILY;":                                                  "none at the end",
		"DTSTART:22000101T000000\nFREQ=DAILY":                          "coming 40 years",
	} {
		_, _, err := Parse(ordinaut.Schedule{Kind: "rrule", Expr: expr, Timezone: "Europe/Berlin"}, created)
		refusal := (*ordinaut.Error)(nil)
		if !errors.As(err, &refusal) || refusal.Pointer != "/schedule/expr" || refusal.Example == "" {
			t.Errorf("%q: error is %v", expr, err)
			continue
		}
		if !strings.Contains(refusal.Msg, want) {
			t.Errorf("%q: %s; want the words %q", expr, refusal.Msg, want)
		}
	}
}

// Law: what is stored no longer depends on when it was created, and means the same.
func TestRRuleIsStoredSelfContained(t *testing.T) {
	t.Parallel()
	starts := at("2026-12-01T07:15:00Z")
	for _, c := range []struct {
		in     string
		starts *time.Time
		want   string
	}{
		{"freq=daily", nil, "DTSTART:20261122T110000\nRRULE:FREQ=DAILY"},
		{"RRULE:FREQ=DAILY", &starts, "DTSTART:20261201T081500\nRRULE:FREQ=DAILY"},
		{" RRULE:FREQ=DAILY \r\n dtstart:20270101T080000Z\r\n", nil, "DTSTART:20270101T090000\nRRULE:FREQ=DAILY"},
		{
			"DTSTART;VALUE=DATE:20270101\nEXDATE:20270105T070000Z,20270104\nRDATE;TZID=\"Europe/Berlin\":20270103T070000\nRDATE:20270102T070000\nFREQ=DAILY", nil,
			"DTSTART:20270101T000000\nRRULE:FREQ=DAILY\nRDATE:20270102T070000,20270103T070000\nEXDATE:20270104T000000,20270105T070000Z",
		},
	} {
		plan, s, err := Parse(ordinaut.Schedule{Kind: "rrule", Expr: c.in, Timezone: "Europe/Berlin", StartsAt: c.starts}, created)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if s.Expr != c.want {
			t.Errorf("%q is stored as %q, want %q", c.in, s.Expr, c.want)
		}
		_, again, err := Parse(s, created.Add(time.Hour))
		if err != nil || again.Expr != s.Expr {
			t.Errorf("%q is stored as %q when it is stored again (%v)", s.Expr, again.Expr, err)
		}
		compiled, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plan.Preview(created, 5), compiled.Preview(created, 5)); diff != "" {
			t.Errorf("%q compiled differs (-parsed +compiled)\n%s", s.Expr, diff)
		}
	}
}

// FuzzRRule holds that no text makes the parser or the search misbehave: it is refused with a message,
// or gives increasing occurrences, within the budget, that the counting agrees with.
func FuzzRRule(f *testing.F) {
	for _, rule := range hostileRules() {
		if len(rule) < maxRRuleLength {
			f.Add("DTSTART:20261122T100000\n"+rule, int64(1_800_000_000))
		}
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, expr string, seconds int64) {
		compiled, err := compileRRule(expr, berlin, at("2026-11-22T10:00:00Z"))
		if err != nil {
			if refusal := (*ordinaut.Error)(nil); !errors.As(err, &refusal) || refusal.Pointer != "/schedule/expr" {
				t.Fatalf("%q: error is %v", expr, err)
			}
			return
		}
		r := compiled.(*rrule)
		after := time.Unix(seconds%4_000_000_000, 0)
		for range 5 {
			b := &budget{left: nextBudget}
			next, ok := r.nextWithin(after, b)
			if b.left < 0 {
				t.Fatalf("%q after %s: not settled in %d steps", expr, after, nextBudget)
			}
			if !ok {
				if n := r.count(after, after.AddDate(horizonYears, 0, 0)); n != 0 {
					t.Fatalf("%q after %s: none found, %d counted", expr, after, n)
				}
				return
			}
			if n := r.count(after, next); !next.After(after) || n != 1 {
				t.Fatalf("%q after %s: next is %s, %d counted until then", expr, after, next, n)
			}
			after = next
		}
		if r.words() == "" || !slices.Contains([]DST{DSTNone, DSTGapShifted, DSTFirstPass, DSTSecondPass}, r.flag(after)) {
			t.Fatalf("%q has no words", expr)
		}
	})
}
