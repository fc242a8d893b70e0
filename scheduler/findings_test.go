package scheduler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// Law: the changes of the clocks in the coming year that bear on a schedule are found, and only those.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schedule ordinaut.Schedule
		want     map[string]DST
	}{
		"in the gap and the overlap": {
			ordinaut.Schedule{Kind: "cron", Expr: "30 2 * * *", Timezone: "Europe/Berlin"},
			map[string]DST{"2027-03-28T01:00:00Z": DSTGapShifted, "2027-10-31T00:30:00Z": DSTFirstPass},
		},
		"not on that day":        {ordinaut.Schedule{Kind: "cron", Expr: "30 2 * * MON", Timezone: "Europe/Berlin"}, nil},
		"by day":                 {ordinaut.Schedule{Kind: "cron", Expr: "0 9 * * *", Timezone: "Europe/Berlin"}, nil},
		"follows the clock":      {ordinaut.Schedule{Kind: "cron", Expr: "30 * * * *", Timezone: "Europe/Berlin"}, nil},
		"a zone without changes": {ordinaut.Schedule{Kind: "cron", Expr: "30 2 * * *", Timezone: "Asia/Tokyo"}, nil},
		"real time":              {ordinaut.Schedule{Kind: "interval", Expr: "PT24H", Timezone: "Europe/Berlin"}, nil},
		"by rule": {
			ordinaut.Schedule{Kind: "rrule", Expr: "DTSTART:20261123T023000\nRRULE:FREQ=DAILY", Timezone: "Europe/Berlin"},
			map[string]DST{"2027-03-28T01:30:00Z": DSTGapShifted, "2027-10-31T00:30:00Z": DSTFirstPass},
		},
	} {
		plan, _, err := Parse(c.schedule, created)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got map[string]DST
		for _, f := range plan.ClockChanges(created) {
			if got == nil {
				got = map[string]DST{}
			}
			got[f.UTC.Format(time.RFC3339)] = f.DST
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Law: within so much on either side is near, a moment further is not.
func TestNear(t *testing.T) {
	t.Parallel()
	plan, _, err := Parse(ordinaut.Schedule{Kind: "cron", Expr: "0 9 * * *"}, created)
	if err != nil {
		t.Fatal(err)
	}
	nine := at("2026-11-25T09:00:00Z")
	for shift, want := range map[time.Duration]bool{
		0: true, time.Minute: true, -time.Minute: true, time.Minute + 1: false, -time.Minute - 1: false,
	} {
		if _, got := plan.Near(nine.Add(shift), time.Minute); got != want {
			t.Errorf("at 9 and %s: near is %t, want %t", shift, got, want)
		}
	}
}
