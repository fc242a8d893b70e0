package scheduler

import (
	"testing"

	"github.com/ordinaut/ordinaut"
)

// Law: the words say what the expression does, no more and no less.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, expr, want string }{
		{"cron", "30 8 * * *", "every day at 08:30 Europe/Berlin"},
		{"cron", "30 8 * * MON-FRI", "on Monday to Friday at 08:30 Europe/Berlin"},
		{"cron", "0 9,18 * * SAT,SUN", "on Sunday and Saturday at 09:00 and 18:00 Europe/Berlin"},
		{"cron", "* * * * *", "every minute Europe/Berlin"},
		{"cron", "*/15 * * * *", "every 15 minutes Europe/Berlin"},
		{"cron", "*/7 * * * *", "at minute */7 of every hour every day Europe/Berlin"},
		{"cron", "*/10 * * * * *", "every 10 seconds Europe/Berlin"},
		{"cron", "@hourly", "every hour Europe/Berlin"},
		{"cron", "20 * * * *", "every hour at minute 20 Europe/Berlin"},
		{"cron", "0 */6 * * *", "every 6 hours from midnight Europe/Berlin"},
		{"cron", "*/15 9-17 * * 1-5", "every 15 minutes from 09:00 to 17:45 on Monday to Friday Europe/Berlin"},
		{"cron", "0,30 * * * *", "every 30 minutes Europe/Berlin"},
		{"cron", "5,35 * * * *", "every 30 minutes from 00:05 to 23:35 Europe/Berlin"},
		{"cron", "* 9-10 * * *", "every minute from 09:00 to 10:59 Europe/Berlin"},
		{"cron", "*/20 8-11,14-17 * * *", "every 20 minutes from 08:00 to 11:40 and from 14:00 to 17:40 Europe/Berlin"},
		{"cron", "15 8-20/2 * * *", "every 2 hours from 08:15 to 20:15 Europe/Berlin"},
		{"cron", "0 1,2,4,8,16,17,18 * * *", "at minute 0 of hour 1, 2, 4, 8, 16, 17, 18 every day Europe/Berlin"},
		{"cron", "0 9 1W * *", "on the first workday (Monday to Friday) of the month at 09:00 Europe/Berlin"},
		{"cron", "0 9 * 1-7,9-12 *", "every day at 09:00 in every month but August Europe/Berlin"},
		{"cron", "0 0 1 * *", "on day 1 of the month at 00:00 Europe/Berlin"},
		{"cron", "0 0 L * *", "on the last day of the month at 00:00 Europe/Berlin"},
		{"cron", "0 9 15W * *", "on the workday nearest to day 15 of the month at 09:00 Europe/Berlin"},
		{"cron", "0 9 * * 1#1", "on the first Monday of the month at 09:00 Europe/Berlin"},
		{"cron", "0 9 * * 5L", "on the last Friday of the month at 09:00 Europe/Berlin"},
		{"cron", "0 9 24 12 *", "every year on 24 December at 09:00 Europe/Berlin"},
		{"cron", "0 9 13 * 5", "on day 13 of the month, and also on Friday at 09:00 Europe/Berlin"},
		{"cron", "0 9 13 * */5", "on day 13 of the month, but only when that falls on Sunday and Friday at 09:00 Europe/Berlin"},
		{"cron", "0 9 * 6-9 *", "every day at 09:00 in June to September Europe/Berlin"},
		{"cron", "15 30 8 1 1 * 2030", "every year on 1 January at 08:30:15 of the year 2030 Europe/Berlin"},
		{"rrule", "FREQ=DAILY;BYHOUR=8;BYMINUTE=30", "every day at 08:30 Europe/Berlin"},
		{"rrule", "FREQ=DAILY;INTERVAL=3", "every 3 days at 11:00 Europe/Berlin, counted from 2026-11-22 11:00"},
		{"rrule", "FREQ=WEEKLY", "on Sunday at 11:00 Europe/Berlin"},
		{"rrule", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8", "on Monday to Friday at 08:00 Europe/Berlin"},
		{"rrule", "DTSTART:20261123T083000\nFREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=10", "every 2 weeks on Monday and Friday at 08:30 Europe/Berlin, counted from 2026-11-23 08:30, 10 times"},
		{"rrule", "FREQ=MONTHLY;BYDAY=2TU;BYHOUR=9", "on the second Tuesday of the month at 09:00 Europe/Berlin"},
		{"rrule", "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9,17", "on the last Friday of the month at 09:00 and 17:00 Europe/Berlin"},
		{"rrule", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1,15,-1;BYHOUR=9", "every 3 months on day 1 and 15 and the last day of the month at 09:00 Europe/Berlin, counted from 2026-11-22 11:00"},
		{"rrule", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=17", "on the last workday (Monday to Friday) of the month at 17:00 Europe/Berlin"},
		{"rrule", "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR", "on day 13 of the month, but only when that falls on Friday at 11:00 Europe/Berlin"},
		{"rrule", "FREQ=YEARLY", "every year on 22 November at 11:00 Europe/Berlin"},
		{"rrule", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", "every year on 24 December at 11:00 Europe/Berlin"},
		{"rrule", "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;BYHOUR=9", "on the last Sunday of the month in March at 09:00 Europe/Berlin"},
		{"rrule", "FREQ=YEARLY;BYDAY=20MO", "on the 20th Monday of the year at 11:00 Europe/Berlin"},
		{"rrule", "FREQ=YEARLY;BYYEARDAY=100,-2", "on day 100 and the second to last day of the year at 11:00 Europe/Berlin"},
		{"rrule", "FREQ=YEARLY;BYWEEKNO=20,21,22;BYDAY=MO", "on Monday in week 20 to 22 of the year at 11:00 Europe/Berlin"},
		{"rrule", "FREQ=HOURLY", "every hour at minute 0 Europe/Berlin"},
		{"rrule", "FREQ=HOURLY;INTERVAL=2;BYMINUTE=0,30;BYDAY=SA", "every 2 hours at minute 0 and 30 on Saturday Europe/Berlin, counted from 2026-11-22 11:00"},
		{"rrule", "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12", "every 20 minutes within hour 9 to 12 Europe/Berlin, counted from 2026-11-22 11:00"},
		{"rrule", "FREQ=SECONDLY;INTERVAL=90", "every 90 seconds Europe/Berlin, counted from 2026-11-22 11:00"},
		{"rrule", "FREQ=DAILY;UNTIL=20261231", "every day at 11:00 Europe/Berlin, until 2026-12-31 23:59 CET"},
		{"rrule", "FREQ=DAILY\nRDATE:20270101T000000\nEXDATE:20261224,20261225T110000", "every day at 11:00 Europe/Berlin, and also at 1 other time, except at 2 times"},
		{"rrule", "FREQ=DAILY;BYHOUR=8,9,10;BYMINUTE=0,15,30", "every day at minute 0, 15 and 30 of hour 8 to 10 Europe/Berlin"},
		{"rrule", "FREQ=DAILY;BYHOUR=8,17;BYMINUTE=0,30;BYSETPOS=2,3", "every day at 08:30 and 17:00 Europe/Berlin"},
		{"rrule", "FREQ=DAILY;BYHOUR=8,17;BYMINUTE=0,30;BYSETPOS=-1,1", "every day at 08:00 and 17:30 Europe/Berlin"},
		{"rrule", "FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=8;BYSETPOS=1", "on Monday and Tuesday at 08:00 Europe/Berlin, of these only the first of each week"},
		{"rrule", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=9,17", "on Monday to Friday at 09:00 and 17:00 Europe/Berlin, of these only the last of each month"},
		{"interval", "PT15M", "every 15 minutes, counted from 2026-11-22 10:00:00 UTC"},
		{"interval", "25h", "every 1 day 1 hour, counted from 2026-11-22 10:00:00 UTC"},
		{"interval", "P1D", "every day, counted from 2026-11-22 10:00:00 UTC"},
		{"once", "2026-12-24T18:00", "once, on Thursday 2026-12-24 at 18:00 Europe/Berlin"},
		{"manual", "", "only when started by hand"},
	} {
		plan, _, err := Parse(ordinaut.Schedule{Kind: ordinaut.ScheduleKind(c.kind), Expr: c.expr, Timezone: "Europe/Berlin"}, created)
		if err != nil {
			t.Errorf("%q: %v", c.expr, err)
			continue
		}
		if got := plan.Words(); got != c.want {
			t.Errorf("%q reads %q, want %q", c.expr, got, c.want)
		}
	}
}

// Law: what bears on the times besides the rule is said too: windows by the schedule's own clock, limits,
// calendars and quiet hours. A plan that a scheduler shares among tasks tells of no policy.
func TestWordsOfPolicies(t *testing.T) {
	t.Parallel()
	starts, ends := at("2026-12-31T23:00:00Z"), at("2027-06-30T22:00:00Z")
	schedule := ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 9 * * *", Timezone: "Europe/Berlin"}
	for _, c := range []struct {
		set  func(*ordinaut.Schedule)
		want string
	}{
		{func(s *ordinaut.Schedule) { s.StartsAt, s.EndsAt = &starts, &ends }, ", from 2027-01-01 00:00 CET, until 2027-07-01 00:00 CEST"},
		{func(s *ordinaut.Schedule) { s.MaxRuns = 1 }, ", at most 1 time"},
		{func(s *ordinaut.Schedule) { s.MaxRuns, s.JitterSeconds = 10, 60 }, ", at most 10 times, each up to a minute later"},
		{func(s *ordinaut.Schedule) { s.Rules = &ordinaut.Rules{Calendars: []string{"holidays"}} }, ", skipped when calendar holidays excludes it"},
		{func(s *ordinaut.Schedule) {
			s.Rules = &ordinaut.Rules{Calendars: []string{"holidays", "school", "works"}, OnExcluded: ordinaut.ExcludedShift}
		}, ", moved to the next free day when calendar holidays, school or works excludes it"},
		{func(s *ordinaut.Schedule) {
			s.Rules = &ordinaut.Rules{Quiet: &ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "22:00", To: "07:00"}}}}
		}, "; quiet from 22:00 to 07:00 (the schedule's timezone); what is due meanwhile is deferred to their end"},
	} {
		s := schedule
		c.set(&s)
		plan, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := plan.Words(), "every day at 09:00 Europe/Berlin"+c.want; got != want {
			t.Errorf("reads %q, want %q", got, want)
		}
	}
	shared, err := newPlans(1).get(ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 9 * * *", Timezone: "UTC", MaxRuns: 3})
	if err != nil || shared.Words() != "every day at 09:00 UTC" {
		t.Errorf("a shared plan reads %q, %v", shared.Words(), err)
	}
}

// A length of one stands in a sentence with its article.
func TestWordsOfConditions(t *testing.T) {
	t.Parallel()
	plan, err := Compile(ordinaut.Schedule{
		Kind: ordinaut.ScheduleCondition, Timezone: "UTC",
		Rules: &ordinaut.Rules{Condition: &ordinaut.Condition{
			Every: "PT1M", Probe: ordinaut.Probe{Uses: "http.request"}, When: "status >= `500`", HoldSeconds: 60, CooldownSeconds: 3600,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = "every minute `http.request` is looked at; runs when `status >= `500`` becomes true and stays so for a minute, at most once in an hour"
	if got := plan.Words(); got != want {
		t.Errorf("reads %q, want %q", got, want)
	}
}
