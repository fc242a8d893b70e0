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
	return []drawing{overlap, catchUp}
}
