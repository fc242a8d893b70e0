package scheduler

import (
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Law: beyond the 292 years that a duration can tell, searches end: what follows is strictly later, or there
// is nothing.
func TestFarTimesAreBounded(t *testing.T) {
	t.Parallel()
	starts := at("2026-11-25T14:00:00Z")
	far := at("9999-12-31T00:00:00Z")
	for _, s := range []ordinaut.Schedule{
		{Kind: ordinaut.ScheduleInterval, Expr: "PT10S", Timezone: "UTC", StartsAt: &starts},
		{Kind: ordinaut.ScheduleInterval, Expr: "P3650D", Timezone: "UTC", StartsAt: &starts},
		{Kind: ordinaut.ScheduleCron, Expr: "*/10 * * * * *", Timezone: "Europe/Berlin"},
		{Kind: ordinaut.ScheduleCron, Expr: "0 0 29 2 SUN", Timezone: "Europe/Berlin"},
		{Kind: ordinaut.ScheduleRRule, Expr: "DTSTART:20261125T140000\nFREQ=DAILY", Timezone: "Europe/Berlin"},
	} {
		plan, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, after := range []time.Time{{}, at("1700-01-01T00:00:00Z"), at("2318-01-01T00:00:00Z"), at("2400-01-01T00:00:00Z"), far} {
			if next, ok := plan.Next(after); ok && !next.After(after) {
				t.Errorf("%s %s: after %s comes %s", s.Kind, s.Expr, after, next)
			}
		}
		first, _ := plan.Next(starts)
		if last := plan.lastIn(first, far); last.Before(first) || last.After(far) {
			t.Errorf("%s %s: the last until %s is %s", s.Kind, s.Expr, far, last)
		}
	}
}

// A blackout that lasts for years is refused: all the times that it swallows are counted.
func TestBlackoutsAreShort(t *testing.T) {
	t.Parallel()
	for _, b := range []ordinaut.Blackout{{From: at("2026-01-01T00:00:00Z"), To: at("9999-12-31T00:00:00Z")}, {From: at("0001-01-01T00:00:00Z"), To: at("0001-02-01T00:00:00Z")}, {From: at("2026-01-01T00:00:00Z"), To: at("2028-01-01T00:00:00Z")}} {
		_, err := ParseQuiet("/quiet", &ordinaut.Quiet{Blackouts: []ordinaut.Blackout{b}}, "UTC")
		if err == nil || !strings.Contains(err.Error(), "at most 366 days in the years 1970 to 2200") {
			t.Errorf("%s to %s: %v", b.From, b.To, err)
		}
	}
}
