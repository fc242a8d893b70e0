package scheduler

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
)

// Law: over any sequence of outages and under any policies, each nominal time is covered by exactly
// one row, rows count what they cover, no more runs start than catch-up allows, and what is due next lies
// ahead.
func TestEveryNominalTimeHasOneFate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		s := drawSchedule(t, zone)
		plan, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		start := drawInstant(t, zone)
		next, ok := plan.Next(start)
		if !ok {
			return
		}
		decider, now, most := NewDecider(1), next, 1
		if s.CatchUp == ordinaut.CatchUpAll {
			most = defaultCatchUp
		}
		var rows []ordinaut.Occurrence
		task := ordinaut.DueTask{
			TaskID: ordinaut.NewTaskID(), Schedule: s, NextAt: &next, DueAt: next, State: ordinaut.TaskActive,
			Calendars: drawCalendars(t, start), AgentQuiet: drawQuiet(t, start),
		}
		for range rapid.IntRange(1, 6).Draw(t, "ticks") {
			late := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 50 * time.Minute, 5 * time.Hour, 40 * time.Hour}).Draw(t, "lateness")
			now = laterTime(now, task.DueAt).Add(time.Duration(rapid.Int64Range(0, int64(late)).Draw(t, "late by")))
			task.Busy = rapid.Bool().Draw(t, "busy")
			decisions, _ := decider.Decide(now, []ordinaut.DueTask{task})
			rows = append(rows, decisions[0].Occurrences...)
			if countStarted(decisions[0].Occurrences) > most {
				t.Fatalf("%+v: more than %d starts in a tick: %+v", s, most, decisions[0].Occurrences)
			}
			if task.NextAt = decisions[0].NextAt; task.NextAt == nil {
				break
			}
			if task.DueAt = *decisions[0].DueAt; task.DueAt.Before(now) || task.DueAt.Equal(now) && len(decisions[0].Occurrences) == 0 {
				t.Fatalf("%+v: next due %s is not later than now %s", s, task.DueAt, now)
			}
		}
		for at, ok := plan.Next(start); ok && !at.After(now) && (task.NextAt == nil || at.Before(*task.NextAt)); at, ok = plan.Next(at) {
			if len(rows) == 0 || at.Before(rows[0].NominalAt) || at.After(rows[0].LastAt) {
				t.Fatalf("%+v: nominal time %s has no row; left are %+v", s, at, rows)
			}
			if rows[0].Count--; at.Equal(rows[0].LastAt) {
				if rows[0].Count != 0 {
					t.Fatalf("%+v: the row to %s counts %d too many", s, at, rows[0].Count)
				}
				rows = rows[1:]
			}
		}
		if len(rows) > 0 {
			t.Fatalf("%+v: rows without nominal times: %+v", s, rows)
		}
	})
}

func drawSchedule(t *rapid.T, zone *time.Location) ordinaut.Schedule {
	s := ordinaut.Schedule{
		Kind: ordinaut.ScheduleCron, Expr: drawExpression(t).text, Timezone: zone.String(),
		Overlap:            rapid.SampledFrom(ordinaut.Overlaps()).Draw(t, "overlap"),
		CatchUp:            rapid.SampledFrom(ordinaut.CatchUps()).Draw(t, "catch up"),
		MaxLatenessSeconds: rapid.SampledFrom([]int{0, 0, 5, 300, 86400}).Draw(t, "max lateness"),
	}
	if rapid.Bool().Draw(t, "interval") {
		anchor := time.Date(1999, 1, 1, 0, 0, 7, 0, time.UTC)
		s.Kind, s.StartsAt = ordinaut.ScheduleInterval, &anchor
		s.Expr = (time.Duration(rapid.IntRange(30, 90_000).Draw(t, "every")) * time.Second).String()
	}
	drawRules(t, &s)
	return s
}

// drawRules makes half of the schedules observe two calendars, keep quiet and jitter.
func drawRules(t *rapid.T, s *ordinaut.Schedule) {
	if rapid.Bool().Draw(t, "plain") {
		return
	}
	s.JitterSeconds = rapid.SampledFrom([]int{0, 30, 7200}).Draw(t, "jitter")
	s.Rules = &ordinaut.Rules{
		Calendars:  []string{"one", "two"},
		OnExcluded: rapid.SampledFrom([]ordinaut.OnExcluded{"", ordinaut.ExcludedShift}).Draw(t, "on excluded"),
	}
}

func drawCalendars(t *rapid.T, start time.Time) []ordinaut.Calendar {
	calendars := []ordinaut.Calendar{{Name: "one"}, {Name: "two"}}
	for i := range calendars {
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			from := start.Add(time.Duration(rapid.IntRange(-48, 150).Draw(t, "from hour")) * time.Hour)
			length := time.Duration(rapid.IntRange(1, 72).Draw(t, "hours")) * time.Hour
			layout := rapid.SampledFrom([]string{time.DateOnly, time.RFC3339}).Draw(t, "layout")
			entry := ordinaut.CalendarEntry{From: from.Format(layout), To: from.Add(length).Format(layout)}
			calendars[i].Entries = append(calendars[i].Entries, entry)
		}
	}
	return calendars
}

func drawQuiet(t *rapid.T, start time.Time) *ordinaut.Quiet {
	if rapid.Bool().Draw(t, "never quiet") {
		return nil
	}
	hour := rapid.Custom(func(t *rapid.T) string {
		return clockWords(time.Duration(rapid.IntRange(0, 1439).Draw(t, "minute")) * time.Minute)
	})
	q := &ordinaut.Quiet{
		Hours:  []ordinaut.QuietHours{{From: hour.Draw(t, "quiet from"), To: hour.Draw(t, "quiet to")}},
		Action: rapid.SampledFrom([]ordinaut.QuietAction{"", ordinaut.QuietDrop}).Draw(t, "action"),
	}
	if rapid.Bool().Draw(t, "weekdays") {
		q.Hours[0].Days = []string{"MON", "WED", "SUN"}
	}
	if rapid.Bool().Draw(t, "blackout") {
		from := start.Add(time.Duration(rapid.IntRange(-10, 60).Draw(t, "blackout from")) * time.Hour)
		q.Blackouts = []ordinaut.Blackout{{From: from, To: from.Add(25 * time.Hour)}}
	}
	return q
}

func laterTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func countStarted(rows []ordinaut.Occurrence) int {
	n := 0
	for _, o := range rows {
		if o.Fate == ordinaut.FateStarted {
			n++
		}
	}
	return n
}
