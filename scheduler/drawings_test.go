package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// drawings are the timelines of docs/scheduling.md, in its order.
func drawings() []drawing {
	morning := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	tenMinutes := func(change func(*ordinaut.Schedule)) ordinaut.Schedule {
		s := ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "*/10 * * * *", Timezone: "UTC"}
		change(&s)
		return s
	}
	overlap := drawing{name: "overlap", from: morning, unit: time.Minute, mark: 10 * time.Minute, width: 71, layout: "15:04"}
	for _, o := range ordinaut.Overlaps() {
		overlap.lanes = append(overlap.lanes, lane{
			name: string(o), takes: 25 * time.Minute, schedule: tenMinutes(func(s *ordinaut.Schedule) { s.Overlap = o }),
		})
	}
	catchUp := drawing{name: "catch_up", from: morning, unit: time.Minute, mark: 10 * time.Minute, width: 71, layout: "15:04"}
	for _, l := range []struct {
		name   string
		change func(*ordinaut.Schedule)
	}{
		{"latest", func(s *ordinaut.Schedule) {}},
		{"all", func(s *ordinaut.Schedule) { s.CatchUp, s.Overlap = ordinaut.CatchUpAll, ordinaut.OverlapBufferAll }},
		{"all, max_catch_up 2", func(s *ordinaut.Schedule) {
			s.CatchUp, s.Overlap, s.MaxCatchUp = ordinaut.CatchUpAll, ordinaut.OverlapBufferAll, 2
		}},
		{"none", func(s *ordinaut.Schedule) { s.CatchUp = ordinaut.CatchUpNone }},
		{"max_lateness_seconds 60", func(s *ordinaut.Schedule) { s.MaxLatenessSeconds = 60 }},
	} {
		catchUp.lanes = append(catchUp.lanes, lane{
			name: l.name, takes: 3 * time.Minute, schedule: tenMinutes(l.change),
			down: [2]time.Time{morning.Add(5 * time.Minute), morning.Add(43 * time.Minute)},
		})
	}
	return []drawing{overlap, catchUp, quietDrawing(), calendarDrawing()}
}

// quietDrawing is an evening of a task that is due every half hour.
func quietDrawing() drawing {
	evening := time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)
	d := drawing{name: "quiet", from: evening, unit: 10 * time.Minute, mark: 2 * time.Hour, width: 80, layout: "15:04"}
	for _, action := range ordinaut.QuietActions() {
		d.lanes = append(d.lanes, lane{
			name: string(action), takes: 10 * time.Minute, schedule: ordinaut.Schedule{
				Kind: ordinaut.ScheduleCron, Expr: "*/30 * * * *", Timezone: "UTC", Rules: &ordinaut.Rules{Quiet: &ordinaut.Quiet{
					Hours: []ordinaut.QuietHours{{From: "22:00", To: "07:00"}}, Action: action,
				}},
			},
		})
	}
	return d
}

// calendarDrawing is a week with a holiday on Thursday and Friday.
func calendarDrawing() drawing {
	monday := time.Date(2026, 12, 21, 0, 0, 0, 0, time.UTC)
	d := drawing{name: "calendar", from: monday, unit: 3 * time.Hour, mark: 24 * time.Hour, width: 80, layout: "Mon 2"}
	holidays := []ordinaut.Calendar{{Name: "holidays", Version: 1, Entries: []ordinaut.CalendarEntry{{From: "2026-12-24", To: "2026-12-26"}}}}
	for _, l := range []struct {
		name, expr string
		rule       ordinaut.OnExcluded
	}{
		{"9:00 MON-FRI, skip", "0 9 * * MON-FRI", ordinaut.ExcludedSkip},
		{"9:00 MON-FRI, shift", "0 9 * * MON-FRI", ordinaut.ExcludedShift},
		{"9:00 daily, shift", "0 9 * * *", ordinaut.ExcludedShift},
	} {
		d.lanes = append(d.lanes, lane{
			name: l.name, takes: 3 * time.Hour, calendars: holidays, schedule: ordinaut.Schedule{
				Kind: ordinaut.ScheduleCron, Expr: l.expr, Timezone: "UTC",
				Rules: &ordinaut.Rules{Calendars: []string{"holidays"}, OnExcluded: l.rule},
			},
		})
	}
	return d
}
