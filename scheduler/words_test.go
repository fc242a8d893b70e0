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
