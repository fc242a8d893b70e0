package scheduler

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

var created = at("2026-11-22T10:00:00.25Z")

// Law: what is stored says everything that was left out, and no longer depends on the time of creation.
func TestParseNormalises(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   ordinaut.Schedule
		expr string
		zone string
		next string
	}{
		"cron":              {ordinaut.Schedule{Kind: "cron", Expr: "  30   8 * * mon-fri "}, "30 8 * * mon-fri", "UTC", "2026-11-23T08:30:00Z"},
		"cron in a zone":    {ordinaut.Schedule{Kind: "CRON", Expr: "30 8 * * *", Timezone: "Europe/Berlin"}, "30 8 * * *", "Europe/Berlin", "2026-11-23T07:30:00Z"},
		"interval":          {ordinaut.Schedule{Kind: "interval", Expr: "PT15M"}, "PT15M", "UTC", "2026-11-22T10:15:00Z"},
		"interval, Go":      {ordinaut.Schedule{Kind: "interval", Expr: "1h30m"}, "1h30m", "UTC", "2026-11-22T11:30:00Z"},
		"interval, days":    {ordinaut.Schedule{Kind: "interval", Expr: "P1DT12H"}, "P1DT12H", "UTC", "2026-11-23T22:00:00Z"},
		"once":              {ordinaut.Schedule{Kind: "once", Expr: "2026-12-24T18:00:00+01:00"}, "2026-12-24T18:00:00+01:00", "UTC", "2026-12-24T17:00:00Z"},
		"once, local":       {ordinaut.Schedule{Kind: "once", Expr: "2026-12-24 18:00", Timezone: "Europe/Berlin"}, "2026-12-24 18:00", "Europe/Berlin", "2026-12-24T17:00:00Z"},
		"once, in a gap":    {ordinaut.Schedule{Kind: "once", Expr: "2027-03-28T02:30", Timezone: "Europe/Berlin"}, "2027-03-28T02:30", "Europe/Berlin", "2027-03-28T01:00:00Z"},
		"once, twice shown": {ordinaut.Schedule{Kind: "once", Expr: "2027-10-31T02:30", Timezone: "Europe/Berlin"}, "2027-10-31T02:30", "Europe/Berlin", "2027-10-31T00:30:00Z"},
		"once, relative":    {ordinaut.Schedule{Kind: "once", Expr: "in 20m"}, "2026-11-22T10:20:00Z", "UTC", "2026-11-22T10:20:00Z"},
		"once, just past":   {ordinaut.Schedule{Kind: "once", Expr: "2026-11-22T09:00:00Z"}, "2026-11-22T09:00:00Z", "UTC", "2026-11-22T09:00:00Z"},
		"manual":            {ordinaut.Schedule{Kind: "manual"}, "", "UTC", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, s, err := Parse(c.in, created)
			if err != nil {
				t.Fatal(err)
			}
			next := ""
			if first, ok := plan.First(created); ok {
				next = first.Format(time.RFC3339)
			}
			if s.Expr != c.expr || s.Timezone != c.zone || next != c.next {
				t.Errorf("got %q %q, next %q; want %q %q, next %q", s.Expr, s.Timezone, next, c.expr, c.zone, c.next)
			}
			if s.Overlap != ordinaut.OverlapSkip || s.CatchUp != ordinaut.CatchUpLatest {
				t.Errorf("policies are %q and %q, want the defaults", s.Overlap, s.CatchUp)
			}
			_, again, err := Parse(s, created.Add(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s, again); diff != "" {
				t.Errorf("parsed again it differs (-first +again)\n%s", diff)
			}
		})
	}
}

// Law: a refusal says where, what is allowed and what would do; it never repeats hostile text at length.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	soon, later := created.Add(time.Hour), created.Add(2*time.Hour)
	ancient := at("1900-01-01T00:00:00Z")
	for name, c := range map[string]struct {
		in      ordinaut.Schedule
		pointer string
		words   string
	}{
		"unknown kind":         {ordinaut.Schedule{Kind: "weekly", Expr: "MON"}, "/schedule/kind", "cron, rrule, interval, once, event, condition, manual"},
		"no kind":              {ordinaut.Schedule{Expr: "* * * * *"}, "/schedule/kind", "allowed are"},
		"a step too long":      {ordinaut.Schedule{Kind: "cron", Expr: "*/90 * * * *"}, "/schedule/expr", "interval"},
		"hour 24":              {ordinaut.Schedule{Kind: "cron", Expr: "0 24 * * *"}, "/schedule/expr", "hour field"},
		"last workday":         {ordinaut.Schedule{Kind: "cron", Expr: "0 9 LW * *"}, "/schedule/expr", "BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"},
		"days before the last": {ordinaut.Schedule{Kind: "cron", Expr: "0 9 L-2 * *"}, "/schedule/expr", "BYMONTHDAY=-3"},
		"a long expression":    {ordinaut.Schedule{Kind: "cron", Expr: strings.Repeat("1,", 1000) + "1 * * * *"}, "/schedule/expr", "at most 200"},
		"never":                {ordinaut.Schedule{Kind: "cron", Expr: "0 0 30 2 *"}, "/schedule/expr", "never due"},
		"ends before it is":    {ordinaut.Schedule{Kind: "cron", Expr: "0 0 1 1 *", EndsAt: &soon}, "/schedule/ends_at", "before it is due"},
		"ends before starts":   {ordinaut.Schedule{Kind: "cron", Expr: "* * * * *", StartsAt: &later, EndsAt: &soon}, "/schedule/ends_at", "later than starts_at"},
		"ancient start":        {ordinaut.Schedule{Kind: "interval", Expr: "1m", StartsAt: &ancient}, "/schedule/starts_at", "1970"},
		"local zone":           {ordinaut.Schedule{Kind: "cron", Expr: "* * * * *", Timezone: "Local"}, "/schedule/timezone", "IANA"},
		"zone by path":         {ordinaut.Schedule{Kind: "cron", Expr: "* * * * *", Timezone: "../../etc/passwd"}, "/schedule/timezone", "IANA"},
		"zone by tree":         {ordinaut.Schedule{Kind: "cron", Expr: "* * * * *", Timezone: "right/Europe/Berlin"}, "/schedule/timezone", "IANA"},
		"zone in lower case":   {ordinaut.Schedule{Kind: "cron", Expr: "* * * * *", Timezone: "europe/berlin"}, "/schedule/timezone", "Europe/Berlin"},
		"a directory":          {ordinaut.Schedule{Kind: "cron", Expr: "* * * * *", Timezone: "Europe"}, "/schedule/timezone", "IANA"},
		"month":                {ordinaut.Schedule{Kind: "interval", Expr: "P1M"}, "/schedule/expr", "months"},
		"half a second":        {ordinaut.Schedule{Kind: "interval", Expr: "500ms"}, "/schedule/expr", "whole number of seconds"},
		"no time at all":       {ordinaut.Schedule{Kind: "interval", Expr: "0s"}, "/schedule/expr", "1 second"},
		"backwards":            {ordinaut.Schedule{Kind: "interval", Expr: "-5m"}, "/schedule/expr", "1 second"},
		"centuries":            {ordinaut.Schedule{Kind: "interval", Expr: "P99999D"}, "/schedule/expr", "40 years"},
		"nonsense duration":    {ordinaut.Schedule{Kind: "interval", Expr: "PT"}, "/schedule/expr", "ISO 8601"},
		"once, long past":      {ordinaut.Schedule{Kind: "once", Expr: "2026-11-21T09:00:00Z"}, "/schedule/expr", "has passed"},
		"once, nonsense":       {ordinaut.Schedule{Kind: "once", Expr: "tomorrow"}, "/schedule/expr", "RFC 3339"},
		"once, relative":       {ordinaut.Schedule{Kind: "once", Expr: "in a bit"}, "/schedule/expr", "not a duration"},
		"once, after its end":  {ordinaut.Schedule{Kind: "once", Expr: "in 3h", EndsAt: &later}, "/schedule/", ""},
		"manual with expr":     {ordinaut.Schedule{Kind: "manual", Expr: "now"}, "/schedule/expr", "no expr"},
		"unknown overlap":      {ordinaut.Schedule{Kind: "manual", Overlap: "queue"}, "/schedule/overlap", "skip, buffer_one, buffer_all, cancel_running, allow"},
		"unknown catch-up":     {ordinaut.Schedule{Kind: "manual", CatchUp: "some"}, "/schedule/catch_up", "latest, all, none"},
		"negative lateness":    {ordinaut.Schedule{Kind: "manual", MaxLatenessSeconds: -1}, "/schedule/max_lateness_seconds", "604800"},
		"bytes in the kind":    {ordinaut.Schedule{Kind: ordinaut.ScheduleKind("\x1b[2J" + strings.Repeat("x", 5000))}, "/schedule/kind", "allowed are"},
		"bytes in a cron item": {ordinaut.Schedule{Kind: "cron", Expr: "\u202e\x00 * * * *"}, "/schedule/expr", "minute field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Parse(c.in, created)
			var refusal *ordinaut.Error
			if !errors.As(err, &refusal) || refusal.Code != ordinaut.CodeInvalidArgument {
				t.Fatalf("error is %v, want an invalid_argument", err)
			}
			if !strings.HasPrefix(refusal.Pointer, c.pointer) || !strings.Contains(refusal.Msg, c.words) {
				t.Errorf("got %s: %s; want %s and the words %q", refusal.Pointer, refusal.Msg, c.pointer, c.words)
			}
			if len(refusal.Msg) > 500 || strings.ContainsAny(refusal.Msg, "\x00\x1b\u202e") {
				t.Errorf("the message repeats what it should not: %q", refusal.Msg)
			}
		})
	}
}

// Law: a preview shows UTC and local time, and names what a change of the clocks did.
func TestPreviewFlagsClockChanges(t *testing.T) {
	t.Parallel()
	show := func(expr, after string) []string {
		plan, _, err := Parse(ordinaut.Schedule{Kind: "cron", Expr: expr, Timezone: "Europe/Berlin"}, created)
		if err != nil {
			t.Fatal(err)
		}
		var shown []string
		for _, f := range plan.Preview(at(after), 3) {
			if !f.UTC.Equal(f.Local) {
				t.Errorf("%s is not %s", f.UTC, f.Local)
			}
			shown = append(shown, f.Local.Format(time.RFC3339)+" "+string(f.DST))
		}
		return shown
	}
	for _, c := range []struct {
		expr, after string
		want        []string
	}{
		{"30 2 * * *", "2027-03-27T12:00:00Z", []string{"2027-03-28T03:00:00+02:00 gap_shifted", "2027-03-29T02:30:00+02:00 ", "2027-03-30T02:30:00+02:00 "}},
		{"30 2 * * *", "2027-10-30T12:00:00Z", []string{"2027-10-31T02:30:00+02:00 first_pass", "2027-11-01T02:30:00+01:00 ", "2027-11-02T02:30:00+01:00 "}},
		{"30 * * * *", "2027-10-31T00:00:00Z", []string{"2027-10-31T02:30:00+02:00 first_pass", "2027-10-31T02:30:00+01:00 second_pass", "2027-10-31T03:30:00+01:00 "}},
		{"0 3 * * *", "2027-03-27T12:00:00Z", []string{"2027-03-28T03:00:00+02:00 ", "2027-03-29T03:00:00+02:00 ", "2027-03-30T03:00:00+02:00 "}},
	} {
		if diff := cmp.Diff(c.want, show(c.expr, c.after)); diff != "" {
			t.Errorf("%s after %s (-want +got)\n%s", c.expr, c.after, diff)
		}
	}
}

// Law: occurrences lie in [starts_at, ends_at).
func TestWindowBoundsOccurrences(t *testing.T) {
	t.Parallel()
	starts, ends := at("2026-11-22T12:00:00Z"), at("2026-11-22T15:00:00Z")
	for _, s := range []ordinaut.Schedule{{Kind: "cron", Expr: "0 * * * *"}, {Kind: "interval", Expr: "PT1H"}} {
		s.StartsAt, s.EndsAt = &starts, &ends
		plan, _, err := Parse(s, created)
		if err != nil {
			t.Fatal(err)
		}
		var hours []int
		for _, f := range plan.Preview(created, 10) {
			hours = append(hours, f.UTC.Hour())
		}
		if diff := cmp.Diff([]int{12, 13, 14}, hours); diff != "" {
			t.Errorf("%s (-want +got)\n%s", s.Kind, diff)
		}
	}
}

// FuzzCron holds that no text makes the parser or the search misbehave: it is refused with a message,
// or gives increasing occurrences that the counting agrees with.
func FuzzCron(f *testing.F) {
	for _, expr := range []string{"*/5 * * * *", "0 0 L,15W * 1#2,5L", "1 2 3 4 5 6 2030", "@daily", "0 0 29 2 */7", "5-1 * * * *", "*,* ?/2 1W 5 7#5 2000-9999/7"} {
		f.Add(expr, int64(1_800_000_000))
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, expr string, seconds int64) {
		r, err := compileCron(expr, berlin)
		if err != nil {
			if refusal := (*ordinaut.Error)(nil); !errors.As(err, &refusal) || refusal.Pointer != "/schedule/expr" {
				t.Fatalf("%q: error is %v", expr, err)
			}
			return
		}
		plan := &Plan{rule: r, zone: berlin}
		after := time.Unix(seconds%4_000_000_000, 0)
		for range 5 {
			next, ok := plan.Next(after)
			if !ok {
				if n := plan.count(after, after.AddDate(horizonYears-1, 0, 0)); n != 0 {
					t.Fatalf("%q after %s: none found, %d counted", expr, after, n)
				}
				return
			}
			if n := plan.count(after, next); !next.After(after) || n != 1 {
				t.Fatalf("%q after %s: next is %s, %d counted until then", expr, after, next, n)
			}
			after = next
		}
		if plan.Words() == "" {
			t.Fatalf("%q has no words", expr)
		}
	})
}
