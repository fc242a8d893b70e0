package scheduler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func dueTask(kind ordinaut.ScheduleKind, expr string, next time.Time) ordinaut.DueTask {
	return ordinaut.DueTask{
		NamespaceID: ordinaut.NewNamespaceID(), TaskID: ordinaut.NewTaskID(), NextAt: &next, DueAt: next,
		Schedule: ordinaut.Schedule{
			Kind: kind, Expr: expr, Timezone: "UTC", StartsAt: &next,
			Overlap: ordinaut.OverlapSkip, CatchUp: ordinaut.CatchUpLatest,
		},
	}
}

// row is what a ledger row says, without its ids.
type row struct {
	From, To string
	Count    int
	Fate     ordinaut.Fate
	Reason   ordinaut.Reason
}

func decideOne(t *testing.T, now time.Time, task ordinaut.DueTask) ([]row, string) {
	t.Helper()
	decisions, undecided := NewDecider(1).Decide(now, []ordinaut.DueTask{task})
	if len(decisions) != 1 || len(undecided) != 0 {
		t.Fatalf("decided %d, undecided %v; want one decision", len(decisions), undecided)
	}
	return rowsOf(t, decisions[0])
}

func rowsOf(t *testing.T, d ordinaut.Decision) ([]row, string) {
	t.Helper()
	var rows []row
	for _, o := range d.Occurrences {
		rows = append(rows, row{o.NominalAt.Format("15:04:05"), o.LastAt.Format("15:04:05"), o.Count, o.Fate, o.Reason})
		if (o.Fate == ordinaut.FateStarted) != !o.RunID.IsZero() {
			t.Errorf("row %+v: a run belongs to a started occurrence and to no other", o)
		}
		if o.TaskID != d.TaskID || o.Kind != ordinaut.RunScheduled {
			t.Errorf("row %+v belongs to another task or kind", o)
		}
	}
	if d.NextAt == nil {
		return rows, ""
	}
	return rows, d.NextAt.Format("15:04:05")
}

// Law: each policy gives the fates it promises, alone and after an outage.
func TestDecideAppliesPolicies(t *testing.T) {
	t.Parallel()
	start := at("2026-11-22T10:00:00Z")
	for name, c := range map[string]struct {
		now    string
		change func(*ordinaut.DueTask)
		want   []row
		next   string
	}{
		"on time": {
			now: "10:00:00", want: []row{{"10:00:00", "10:00:00", 1, "started", ""}}, next: "10:01:00",
		},
		"busy": {
			now:    "10:00:00",
			change: func(d *ordinaut.DueTask) { d.Busy = true },
			want:   []row{{"10:00:00", "10:00:00", 1, "skipped", "overlap"}}, next: "10:01:00",
		},
		"busy but allowed": {
			now:    "10:00:00",
			change: func(d *ordinaut.DueTask) { d.Busy, d.Overlap = true, ordinaut.OverlapAllow },
			want:   []row{{"10:00:00", "10:00:00", 1, "started", ""}}, next: "10:01:00",
		},
		"outage, latest stands in": {
			now:  "10:10:30",
			want: []row{{"10:00:00", "10:09:00", 10, "coalesced", "caught_up"}, {"10:10:00", "10:10:00", 1, "started", ""}},
			next: "10:11:00",
		},
		"outage, no catch-up": {
			now:    "10:10:30",
			change: func(d *ordinaut.DueTask) { d.CatchUp = ordinaut.CatchUpNone },
			want:   []row{{"10:00:00", "10:10:00", 11, "missed", "scheduler_down"}}, next: "10:11:00",
		},
		"outage that ends on time, no catch-up": {
			now:    "10:10:02",
			change: func(d *ordinaut.DueTask) { d.CatchUp = ordinaut.CatchUpNone },
			want:   []row{{"10:00:00", "10:09:00", 10, "missed", "scheduler_down"}, {"10:10:00", "10:10:00", 1, "started", ""}},
			next:   "10:11:00",
		},
		"outage, the latest too late": {
			now:    "10:10:30",
			change: func(d *ordinaut.DueTask) { d.MaxLatenessSeconds = 20 },
			want:   []row{{"10:00:00", "10:10:00", 11, "missed", "too_late"}}, next: "10:11:00",
		},
		"outage, busy": {
			now:    "10:10:30",
			change: func(d *ordinaut.DueTask) { d.Busy = true },
			want:   []row{{"10:00:00", "10:10:00", 11, "skipped", "overlap"}}, next: "10:11:00",
		},
		"two due": {
			now:  "10:01:01",
			want: []row{{"10:00:00", "10:00:00", 1, "coalesced", "caught_up"}, {"10:01:00", "10:01:00", 1, "started", ""}},
			next: "10:02:00",
		},
		"the last one": {
			now: "10:00:00",
			change: func(d *ordinaut.DueTask) {
				end := start.Add(time.Minute)
				d.EndsAt = &end
			},
			want: []row{{"10:00:00", "10:00:00", 1, "started", ""}}, next: "",
		},
		"not due": {now: "09:59:59", want: nil, next: "10:00:00"},
		"daily, 61 minutes late": {
			now:    "11:01:00",
			change: func(d *ordinaut.DueTask) { d.Expr = "P1D" },
			want:   []row{{"10:00:00", "10:00:00", 1, "missed", "too_late"}}, next: "10:00:00",
		},
		"once, 23 hours late": {
			now: "33:00:00",
			change: func(d *ordinaut.DueTask) {
				d.Kind, d.Expr, d.StartsAt = ordinaut.ScheduleOnce, start.Format(time.RFC3339), nil
			},
			want: []row{{"10:00:00", "10:00:00", 1, "started", ""}}, next: "",
		},
		"once, 25 hours late": {
			now: "35:00:00",
			change: func(d *ordinaut.DueTask) {
				d.Kind, d.Expr, d.StartsAt = ordinaut.ScheduleOnce, start.Format(time.RFC3339), nil
			},
			want: []row{{"10:00:00", "10:00:00", 1, "missed", "too_late"}}, next: "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := dueTask(ordinaut.ScheduleInterval, "PT1M", start)
			if c.change != nil {
				c.change(&task)
			}
			rows, next := decideOne(t, clock(t, start, c.now), task)
			if diff := cmp.Diff(c.want, rows, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("rows (-want +got)\n%s", diff)
			}
			if next != c.next {
				t.Errorf("next is %q, want %q", next, c.next)
			}
		})
	}
}

// clock reads hh:mm:ss of the day of start; hours may pass 24.
func clock(t *testing.T, start time.Time, text string) time.Time {
	t.Helper()
	h, m, s := int(text[0]-'0')*10+int(text[1]-'0'), text[3:5], text[6:8]
	d, err := time.ParseDuration(m + "m" + s + "s")
	if err != nil {
		t.Fatal(err)
	}
	return start.Truncate(24 * time.Hour).Add(time.Duration(h)*time.Hour + d)
}

// Law: an occurrence that a change of the clocks swallowed starts at the end of the gap, and says so.
func TestDecideNamesTheGap(t *testing.T) {
	t.Parallel()
	task := dueTask(ordinaut.ScheduleCron, "30 2 * * *", at("2026-03-29T01:00:00Z"))
	task.Timezone, task.StartsAt = "Europe/Berlin", nil
	rows, _ := decideOne(t, at("2026-03-29T01:00:01Z"), task)
	want := []row{{"01:00:00", "01:00:00", 1, "started", ordinaut.ReasonDSTGapShifted}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	next := at("2026-03-30T00:30:00Z")
	task.NextAt = &next
	rows, _ = decideOne(t, at("2026-03-30T00:30:01Z"), task)
	if len(rows) != 1 || rows[0].Reason != "" {
		t.Errorf("the day after has rows %v, want one without a reason", rows)
	}
}

// Law: a task that cannot be read is left alone, and the others are decided.
func TestDecideLeavesTheUnknownAlone(t *testing.T) {
	t.Parallel()
	now := at("2026-11-22T10:00:00Z")
	known, unknown, lost := dueTask("interval", "PT1M", now), dueTask("lunar", "full moon", now), dueTask("cron", "* * * * *", now)
	lost.Timezone = "Atlantis/Capital"
	decisions, undecided := NewDecider(10).Decide(now, []ordinaut.DueTask{unknown, known, lost})
	if len(decisions) != 3 {
		t.Fatalf("%d decisions on three tasks", len(decisions))
	}
	for _, d := range decisions {
		if d.TaskID == known.TaskID {
			if len(d.Occurrences) != 1 || !d.NextAt.After(now) {
				t.Errorf("the interval got %+v, want one start and a later time", d)
			}
			continue
		}
		if len(d.Occurrences) != 0 || !d.NextAt.Equal(now) {
			t.Errorf("a task that cannot be read got %+v, want it as it stands", d)
		}
	}
	if len(undecided) != 2 || undecided[0].TaskID != unknown.TaskID || undecided[1].TaskID != lost.TaskID {
		t.Errorf("undecided %v, want the two that cannot be read", undecided)
	}
}

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

// Law: resuming applies catch_up, the task's or another, to what the pause passed over; what does not start
// is skipped in one row.
func TestDecideResume(t *testing.T) {
	t.Parallel()
	start := at("2026-11-22T10:00:00Z")
	minutely := ordinaut.Schedule{Kind: "interval", Expr: "PT1M", Timezone: "UTC", StartsAt: &start, CatchUp: ordinaut.CatchUpLatest}
	once := ordinaut.Schedule{Kind: "once", Expr: "2026-11-22T10:00:00Z", Timezone: "UTC", CatchUp: "latest"}
	for name, c := range map[string]struct {
		schedule ordinaut.Schedule
		after    time.Duration
		catchUp  ordinaut.CatchUp
		want     []row
		next     string
	}{
		"minutely": {
			minutely, 5*time.Minute + time.Second, "",
			[]row{{"10:00:00", "10:04:00", 5, "skipped", "paused"}, {"10:05:00", "10:05:00", 1, "started", ""}},
			"10:06:00",
		},
		"minutely, none": {minutely, 5*time.Minute + time.Second, "none", []row{{"10:00:00", "10:05:00", 6, "skipped", "paused"}}, "10:06:00"},
		"minutely, all": {
			minutely, time.Minute + time.Second, "all",
			[]row{{"10:00:00", "10:00:00", 1, "started", ""}, {"10:01:00", "10:01:00", 1, "started", ""}},
			"10:02:00",
		},
		"not due yet":          {minutely, -time.Hour, "", nil, "10:00:00"},
		"once, an hour late":   {once, time.Hour, "", []row{{"10:00:00", "10:00:00", 1, "started", ""}}, ""},
		"once, none":           {once, time.Hour, "none", []row{{"10:00:00", "10:00:00", 1, "skipped", "paused"}}, ""},
		"once, 25 hours late":  {once, 25 * time.Hour, "", []row{{"10:00:00", "10:00:00", 1, "skipped", "paused"}}, ""},
		"a zone that has gone": {ordinaut.Schedule{Kind: "cron", Expr: "* * * * *", Timezone: "Atlantis/Capital"}, time.Hour, "", nil, "10:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := ordinaut.DueTask{TaskID: ordinaut.NewTaskID(), Schedule: c.schedule, NextAt: &start}
			task.Overlap = ordinaut.OverlapAllow
			decision := DecideResume(start.Add(c.after), task, c.catchUp)
			rows, next := rowsOf(t, decision)
			if diff := cmp.Diff(c.want, rows); diff != "" || next != c.next || !decision.Resumed {
				t.Errorf("next %q, want %q, resumed %t, rows (-want +got)\n%s", next, c.next, decision.Resumed, diff)
			}
		})
	}
	if rows, next := rowsOf(t, DecideResume(start, ordinaut.DueTask{TaskID: ordinaut.NewTaskID(), Schedule: minutely}, "")); len(rows) != 0 || next != "" {
		t.Errorf("exhausted: rows %v, next %q; want neither", rows, next)
	}
}

// Law: the memory of plans stays within its size and never answers with another schedule's plan.
func TestPlansAreBounded(t *testing.T) {
	t.Parallel()
	p := newPlans(3)
	for i := range 10 {
		s := ordinaut.Schedule{Kind: "cron", Expr: string(rune('0'+i)) + " * * * *", Timezone: "UTC"}
		plan, err := p.get(s)
		if err != nil {
			t.Fatal(err)
		}
		next, _ := plan.Next(at("2026-11-22T10:59:59Z"))
		if next.Minute() != i {
			t.Errorf("minute %d: next is %s", i, next)
		}
		if again, _ := p.get(s); again != plan {
			t.Errorf("minute %d: read again", i)
		}
	}
	if p.order.Len() != 3 || len(p.byKey) != 3 {
		t.Errorf("remembers %d plans by %d keys, want 3", p.order.Len(), len(p.byKey))
	}
}
