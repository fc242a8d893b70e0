package scheduler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
