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
		{"cron", "*/15 9-17 * * 1-5", "at minute 0, 15, 30 and 45 of hour 9-17 on Monday to Friday Europe/Berlin"},
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
		{"rrule", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=17", "on Monday to Friday at 17:00 Europe/Berlin, of these only the last of each month"},
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
		{"rrule", "FREQ=DAILY;UNTIL=20261231", "every day at 11:00 Europe/Berlin, until 2026-12-31 22:59 UTC"},
		{"rrule", "FREQ=DAILY\nRDATE:20270101T000000\nEXDATE:20261224,20261225T110000", "every day at 11:00 Europe/Berlin, and also at 1 other time, except at 2 times"},
		{"rrule", "FREQ=DAILY;BYHOUR=8,9,10;BYMINUTE=0,15,30", "every day at minute 0, 15 and 30 of hour 8 to 10 Europe/Berlin"},
		{"interval", "PT15M", "every 15 minutes, counted from 2026-11-22 10:00:00 UTC"},
		{"interval", "25h", "every 1 day 1 hour, counted from 2026-11-22 10:00:00 UTC"},
		{"interval", "P1D", "every day, counted from 2026-11-22 10:00:00 UTC"},
		{"once", "2026-12-24T18:00", "once, at 2026-12-24 18:00:00 Europe/Berlin"},
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
