package scheduler

import (
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

func BenchmarkNext(b *testing.B) {
	berlin := mustLoad(b, "Europe/Berlin")
	for _, expr := range []string{
		"*/5 * * * *", "0 8 * * *", "30 8 * * MON-FRI", "0 0 L * *", "0 9 15W * *", "0 9 * * 1#2", "0 0 29 2 */7", "*/5 1 29 2 */7",
		"58,59 58,59 22,23 31 12 * 2060",
		"0-59/7,1-58/11,2-57/13,3-56/17,4-55/19 0-59/7,1-58/11,2-57/13,3-56/17,4-55/19 0-23/5,1-22/7 29W,30W 2,3 5#5,5L,4#5,3#5,2#5",
	} {
		b.Run(expr, func(b *testing.B) {
			plan := mustCompileCron(b, expr, berlin)
			after := at("2026-11-22T10:00:00Z")
			for b.Loop() {
				next, ok := plan.next(after)
				if !ok || next.Year() > 2060 {
					next = at("2026-11-22T10:00:00Z")
				}
				after = next
			}
		})
	}
}

// BenchmarkNextRRule asks rules of every sort; the old ones began years before, the new ones that day.
func BenchmarkNextRRule(b *testing.B) {
	berlin := mustLoad(b, "Europe/Berlin")
	for _, c := range []struct{ name, start, rule string }{
		{"daily", "20261122T083000", "FREQ=DAILY"},
		{"weekly", "20261122T083000", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR"},
		{"monthly ordinal", "20261122T090000", "FREQ=MONTHLY;BYDAY=2TU"},
		{"monthly last workday", "20261122T090000", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"},
		{"yearly", "20261122T090000", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"},
		{"new minutely", "20261122T090000", "FREQ=MINUTELY"},
		{"old minutely", "20211122T090000", "FREQ=MINUTELY"},
		{"new minutely every 7", "20261122T090000", "FREQ=MINUTELY;INTERVAL=7"},
		{"old minutely every 7", "20211122T090000", "FREQ=MINUTELY;INTERVAL=7"},
		{"old secondly", "20211122T090000", "FREQ=SECONDLY"},
		{"old with count", "20211122T090000", "FREQ=HOURLY;COUNT=100000"},
		{"a Sunday 29 February", "20211122T090000", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := mustCompileRRule(b, "DTSTART:"+c.start+"\n"+c.rule, berlin)
			after := at("2026-11-22T10:00:00Z")
			for b.Loop() {
				next, ok := r.next(after)
				if !ok || next.Year() > 2060 {
					next = at("2026-11-22T10:00:00Z")
				}
				after = next
			}
		})
	}
}

// BenchmarkCompileRRule includes finding the last time of a rule with COUNT.
func BenchmarkCompileRRule(b *testing.B) {
	berlin := mustLoad(b, "Europe/Berlin")
	for _, rule := range []string{"FREQ=WEEKLY;BYDAY=MO,FR", "FREQ=WEEKLY;BYDAY=MO,FR;COUNT=100", "FREQ=MINUTELY;COUNT=1000000", "FREQ=DAILY;COUNT=20000"} {
		b.Run(rule, func(b *testing.B) {
			for b.Loop() {
				mustCompileRRule(b, "DTSTART:20261122T083000\n"+rule, berlin)
			}
		})
	}
}

// BenchmarkCountRRule is a year's outage of a rule that is due every minute.
func BenchmarkCountRRule(b *testing.B) {
	r := mustCompileRRule(b, "DTSTART:20211122T090000\nFREQ=MINUTELY", mustLoad(b, "Europe/Berlin"))
	for b.Loop() {
		r.count(at("2025-11-22T10:00:00Z"), at("2026-11-22T10:00:00Z"))
	}
}

func BenchmarkParse(b *testing.B) {
	s := ordinaut.Schedule{Kind: "cron", Expr: "30 8 * * MON-FRI", Timezone: "Europe/Berlin"}
	for b.Loop() {
		if _, _, err := Parse(s, at("2026-11-22T10:00:00Z")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecide is a batch of on-time tasks over a hundred schedules.
func BenchmarkDecide(b *testing.B) {
	now := at("2026-11-22T10:00:00Z")
	due := make([]ordinaut.DueTask, 1000)
	for i := range due {
		due[i] = dueTask("cron", "*/5 * * * *", now)
		due[i].Expr = string(rune('0'+i%10)) + "-59/5 " + string(rune('0'+i/10%10)) + "-23 * * *"
		due[i].StartsAt = nil
	}
	d := NewDecider(4096)
	for b.Loop() {
		d.Decide(now, due)
	}
}

// BenchmarkDecideAfterOutage is a task due every second, ten minutes late.
func BenchmarkDecideAfterOutage(b *testing.B) {
	due := []ordinaut.DueTask{dueTask("cron", "* * * * * *", at("2026-11-22T10:00:00Z"))}
	d := NewDecider(1)
	for b.Loop() {
		d.Decide(at("2026-11-22T10:10:00.5Z"), due)
	}
}

// BenchmarkDecideWithPolicies is a batch of on-time tasks, each with jitter, a calendar of a hundred days and
// quiet hours of its own and of its agent.
func BenchmarkDecideWithPolicies(b *testing.B) {
	now := at("2026-11-22T10:00:00Z")
	calendar := ordinaut.Calendar{Name: "holidays", Version: 1}
	for i := range 100 {
		calendar.Entries = append(calendar.Entries, ordinaut.CalendarEntry{From: now.AddDate(0, 0, 3*i+1).Format(time.DateOnly)})
	}
	quiet := &ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "22:00", To: "07:00"}}}
	due := make([]ordinaut.DueTask, 1000)
	for i := range due {
		due[i] = dueTask("cron", "*/5 * * * *", now)
		due[i].JitterSeconds, due[i].AgentQuiet = 60, quiet
		due[i].Calendars, due[i].Rules = []ordinaut.Calendar{calendar}, &ordinaut.Rules{Calendars: []string{"holidays"}, Quiet: quiet}
	}
	d := NewDecider(4096)
	for b.Loop() {
		d.Decide(now.Add(time.Minute), due)
	}
}
