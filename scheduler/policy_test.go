package scheduler

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// Law: overlap decides start by start within one tick, and max_runs ends the schedule.
func TestDecideCountsWhatItStarts(t *testing.T) {
	t.Parallel()
	start := at("2026-11-22T10:00:00Z")
	for name, c := range map[string]struct {
		now    string
		change func(*ordinaut.DueTask)
		want   []row
		next   string
	}{
		"all, skip": {
			"10:02:30", func(d *ordinaut.DueTask) { d.CatchUp = ordinaut.CatchUpAll },
			[]row{{"10:00:00", "10:00:00", 1, "started", ""}, {"10:01:00", "10:02:00", 2, "skipped", "overlap"}},
			"10:03:00",
		},
		"all, buffer_one": {
			"10:02:30", func(d *ordinaut.DueTask) { d.CatchUp, d.Overlap = ordinaut.CatchUpAll, ordinaut.OverlapBufferOne },
			[]row{{"10:00:00", "10:00:00", 1, "started", ""}, {"10:01:00", "10:01:00", 1, "started", "buffered"}, {"10:02:00", "10:02:00", 1, "skipped", "buffer_full"}},
			"10:03:00",
		},
		"all, the limit": {
			"10:04:30", func(d *ordinaut.DueTask) {
				d.CatchUp, d.Overlap, d.MaxCatchUp, d.MaxLatenessSeconds = ordinaut.CatchUpAll, ordinaut.OverlapAllow, 1, 180
			},
			[]row{{"10:00:00", "10:01:00", 2, "missed", "too_late"}, {"10:02:00", "10:03:00", 2, "coalesced", "catch_up_limit"}, {"10:04:00", "10:04:00", 1, "started", ""}},
			"10:05:00",
		},
		"buffer_all, full": {
			"10:00:00", func(d *ordinaut.DueTask) {
				d.Overlap, d.Busy, d.Buffered = ordinaut.OverlapBufferAll, true, maxBuffered
			},
			[]row{{"10:00:00", "10:00:00", 1, "skipped", "buffer_full"}},
			"10:01:00",
		},
		"max_runs, the last": {
			"10:00:00", func(d *ordinaut.DueTask) { d.MaxRuns, d.RunsStarted = 3, 2 },
			[]row{{"10:00:00", "10:00:00", 1, "started", ""}},
			"",
		},
		"max_runs, two of three": {
			"10:02:30", func(d *ordinaut.DueTask) {
				d.CatchUp, d.Overlap, d.MaxRuns = ordinaut.CatchUpAll, ordinaut.OverlapAllow, 2
			},
			[]row{{"10:00:00", "10:00:00", 1, "started", ""}, {"10:01:00", "10:01:00", 1, "started", ""}},
			"",
		},
		"snoozed": {
			"10:00:00", func(d *ordinaut.DueTask) { snooze(d, start.Add(-time.Hour), start) },
			[]row{{"09:00:00", "09:00:00", 1, "started", "snoozed"}, {"10:00:00", "10:00:00", 1, "skipped", "overlap"}},
			"10:01:00",
		},
		"snoozed, too late": {
			"10:00:00", func(d *ordinaut.DueTask) { snooze(d, start.Add(-3*time.Hour), start.Add(-61*time.Minute)) },
			[]row{{"07:00:00", "07:00:00", 1, "missed", "too_late"}, {"10:00:00", "10:00:00", 1, "started", ""}},
			"10:01:00",
		},
		"max_runs, the last is a snoozed one's": {
			"10:02:30", func(d *ordinaut.DueTask) { lastSnoozed(d, start.Add(5*time.Minute)) },
			nil,
			"10:00:00",
		},
		"max_runs, the snoozed one starts": {
			"10:02:30", func(d *ordinaut.DueTask) { lastSnoozed(d, start.Add(2*time.Minute)) },
			[]row{{"09:00:00", "09:00:00", 1, "started", "snoozed"}},
			"",
		},
		"max_runs, the snoozed one starts although others would cancel it": {
			"10:02:30", func(d *ordinaut.DueTask) {
				lastSnoozed(d, start.Add(2*time.Minute))
				d.Overlap = ordinaut.OverlapCancelRunning
			},
			[]row{{"09:00:00", "09:00:00", 1, "started", "snoozed"}},
			"",
		},
		"max_runs, the snoozed one is skipped": {
			"10:02:30", func(d *ordinaut.DueTask) {
				lastSnoozed(d, start.Add(2*time.Minute))
				d.Busy = true
			},
			[]row{{"09:00:00", "09:00:00", 1, "skipped", "overlap"}, {"10:00:00", "10:02:00", 3, "skipped", "overlap"}},
			"10:03:00",
		},
		"max_runs, the snoozed one is too late": {
			"11:30:30", func(d *ordinaut.DueTask) { lastSnoozed(d, start.Add(2*time.Minute)) },
			[]row{{"09:00:00", "09:00:00", 1, "missed", "too_late"}, {"10:00:00", "11:29:00", 90, "coalesced", "caught_up"}, {"11:30:00", "11:30:00", 1, "started", ""}},
			"",
		},
		"max_runs, the last but one before a snoozed one": {
			"10:02:30", func(d *ordinaut.DueTask) {
				lastSnoozed(d, start.Add(5*time.Minute))
				d.CatchUp, d.Overlap, d.MaxRuns = ordinaut.CatchUpAll, ordinaut.OverlapAllow, 4
			},
			[]row{{"10:00:00", "10:00:00", 1, "started", ""}},
			"10:01:00",
		},
		"the pause is over": {
			"10:02:30", func(d *ordinaut.DueTask) { d.State = ordinaut.TaskPaused },
			[]row{{"10:00:00", "10:01:00", 2, "skipped", "paused"}, {"10:02:00", "10:02:00", 1, "started", ""}},
			"10:03:00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := dueTask(ordinaut.ScheduleInterval, "PT1M", start)
			task.State = ordinaut.TaskActive
			c.change(&task)
			rows, next := decideOne(t, clock(t, start, c.now), task)
			if diff := cmp.Diff(c.want, rows); diff != "" || next != c.next {
				t.Errorf("next is %q, want %q; rows (-want +got)\n%s", next, c.next, diff)
			}
		})
	}
}

func snooze(d *ordinaut.DueTask, nominal, until time.Time) {
	d.SnoozedAt, d.SnoozedUntil = &nominal, &until
}

// lastSnoozed keeps the last of three runs for an occurrence that is snoozed until until.
func lastSnoozed(d *ordinaut.DueTask, until time.Time) {
	snooze(d, d.NextAt.Add(-time.Hour), until)
	d.MaxRuns, d.RunsStarted = 3, 2
}

// Law: cancel_running asks for the live run to be canceled, and lets its own wait for the end of that.
func TestDecideCancelsWhatRuns(t *testing.T) {
	t.Parallel()
	start := at("2026-11-22T10:00:00Z")
	task := dueTask(ordinaut.ScheduleInterval, "PT1M", start)
	task.Overlap, task.CatchUp, task.Busy = ordinaut.OverlapCancelRunning, ordinaut.CatchUpAll, true
	decisions, _ := NewDecider(1).Decide(start.Add(150*time.Second), []ordinaut.DueTask{task})
	rows, _ := rowsOf(t, decisions[0])
	want := []row{{"10:00:00", "10:01:00", 2, "coalesced", "caught_up"}, {"10:02:00", "10:02:00", 1, "started", "buffered"}}
	if diff := cmp.Diff(want, rows); diff != "" || !decisions[0].CancelRunning || !decisions[0].Occurrences[1].Buffered {
		t.Errorf("cancels %t, rows (-want +got)\n%s", decisions[0].CancelRunning, diff)
	}
}

// Law: jitter is the same for the same task and time, differs between tasks, and passes neither its length nor
// the nominal time that follows.
func TestJitterKeepsOrder(t *testing.T) {
	t.Parallel()
	start := at("2026-11-22T10:00:00Z")
	s := ordinaut.Schedule{Kind: ordinaut.ScheduleInterval, Expr: "PT1M", Timezone: "UTC", StartsAt: &start, JitterSeconds: 600}
	delays := map[time.Duration]bool{}
	for range 50 {
		task := ordinaut.NewTaskID()
		fires := timeline(t, s, task, nil, nil).Preview(start, 20)
		again := timeline(t, s, task, nil, nil).Preview(start, 20)
		if diff := cmp.Diff(fires, again); diff != "" {
			t.Fatalf("asked again it differs (-first +again)\n%s", diff)
		}
		for _, f := range fires {
			late := f.Due.Sub(f.UTC)
			if late < 0 || late >= time.Minute {
				t.Fatalf("the time of %s is delayed by %s", f.UTC, late)
			}
			delays[late] = true
		}
	}
	if len(delays) < 900 {
		t.Errorf("1000 times have %d delays", len(delays))
	}
}

func timeline(t *testing.T, s ordinaut.Schedule, task ordinaut.TaskID, calendars []ordinaut.Calendar, quiet *ordinaut.Quiet) *Timeline {
	t.Helper()
	l, err := NewTimeline(s, task, calendars, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// told is what a preview says of one time, in short.
type told struct {
	First, UTC, Due string
	Count           int
	Fate            ordinaut.Fate
	Reason          ordinaut.Reason
	Calendar        string
}

// Law: a preview applies every policy, and says what becomes of what does not start by itself.
func TestPreviewAppliesPolicies(t *testing.T) {
	t.Parallel()
	daily := ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 9 * * *", Timezone: "Europe/Berlin"}
	weekend := ordinaut.Calendar{Name: "weekend", Entries: []ordinaut.CalendarEntry{{From: "2026-11-28", To: "2026-11-30"}}}
	lunch := ordinaut.Calendar{Name: "lunch", Entries: []ordinaut.CalendarEntry{{From: "2026-11-27T08:00:00Z", To: "2026-11-27T10:30:00Z"}}}
	after := at("2026-11-26T12:00:00Z")
	shift := &ordinaut.Rules{OnExcluded: ordinaut.ExcludedShift}
	for name, c := range map[string]struct {
		schedule  ordinaut.Schedule
		calendars []ordinaut.Calendar
		quiet     *ordinaut.Quiet
		rules     *ordinaut.Rules
		want      []told
	}{
		"skipped": {daily, []ordinaut.Calendar{weekend}, nil, &ordinaut.Rules{}, []told{
			{"27T08:00", "27T08:00", "27T08:00", 1, "started", "", ""},
			{"28T08:00", "29T08:00", "29T08:00", 2, "skipped", "excluded_by_calendar", "weekend"},
			{"30T08:00", "30T08:00", "30T08:00", 1, "started", "", ""},
		}},
		"shifted onto one that is there": {daily, []ordinaut.Calendar{weekend}, nil, shift, []told{
			{"27T08:00", "27T08:00", "27T08:00", 1, "started", "", ""},
			{"28T08:00", "30T08:00", "30T08:00", 3, "started", "", ""},
		}},
		"shifted to the end of an entry": {daily, []ordinaut.Calendar{lunch, weekend}, nil, shift, []told{
			{"27T08:00", "27T08:00", "27T10:30", 1, "started", "shifted_by_calendar", "lunch"},
			{"28T08:00", "30T08:00", "30T08:00", 3, "started", "", ""},
		}},
		"deferred": {
			ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 */4 * * *", Timezone: "Europe/Berlin"},
			nil,
			&ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "22:00", To: "07:30"}}}, nil,
			[]told{
				{"26T15:00", "26T15:00", "26T15:00", 1, "started", "", ""},
				{"26T19:00", "26T19:00", "26T19:00", 1, "started", "", ""},
				{"26T23:00", "27T03:00", "27T06:30", 2, "started", "quiet_hours", ""},
			},
		},
		"dropped": {
			daily, nil,
			&ordinaut.Quiet{Action: ordinaut.QuietDrop, Hours: []ordinaut.QuietHours{{From: "00:00", To: "12:00", Days: []string{"FRI"}}}}, nil,
			[]told{
				{"27T08:00", "27T08:00", "27T08:00", 1, "skipped", "quiet_hours", ""},
				{"28T08:00", "28T08:00", "28T08:00", 1, "started", "", ""},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.schedule.Rules = c.rules
			starts := 0
			for _, w := range c.want {
				if w.Fate == ordinaut.FateStarted {
					starts++
				}
			}
			l := timeline(t, c.schedule, ordinaut.TaskID{}, c.calendars, c.quiet)
			var got []told
			const short = "02T15:04"
			for _, f := range l.Preview(after, starts) {
				got = append(got, told{f.First.Format(short), f.UTC.Format(short), f.Due.Format(short), f.Count, f.Fate, f.Reason, f.Calendar})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if next, ok := l.Next(after); !ok || next.Format(short) != firstStart(c.want) {
				t.Errorf("next is %s, want %s", next, firstStart(c.want))
			}
		})
	}
}

func firstStart(all []told) string {
	for _, a := range all {
		if a.Fate == ordinaut.FateStarted {
			return a.Due
		}
	}
	return ""
}

// Law: one nominal time can be asked about: what is coalesced into a later one says so.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	s := ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 * * * *", Timezone: "UTC"}
	quiet := &ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "22:00", To: "01:30"}}}
	l := timeline(t, s, ordinaut.TaskID{}, nil, quiet)
	after, through := at("2026-11-26T20:30:00Z"), at("2026-11-27T02:00:00Z")
	var got []string
	for _, f := range l.Between(after, through, 100) {
		got = append(got, fmt.Sprintf("%s %s %s", f.UTC.Format("15"), f.Fate, f.Due.Format("15:04")))
	}
	want := []string{"21 started 21:00", "22 coalesced 01:30", "23 coalesced 01:30", "00 coalesced 01:30", "01 started 01:30", "02 started 02:00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := l.Count(after, through); n != len(want) {
		t.Errorf("counts %d, want %d", n, len(want))
	}
	if got := l.Between(after, through, 2); len(got) != 2 {
		t.Errorf("of at most 2 there are %d", len(got))
	}
}

// Law: what a tick looks at for one task is bounded, however long it was away and however often policies
// change; what is left is settled by the ticks that follow, in one row each.
func TestDecideIsBounded(t *testing.T) {
	t.Parallel()
	start := at("2016-01-01T00:00:00Z")
	task := dueTask(ordinaut.ScheduleInterval, "PT1M", start)
	task.AgentQuiet = &ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "22:00", To: "07:00"}, {From: "12:00", To: "13:00"}}}
	now, d := at("2026-01-01T10:00:30Z"), NewDecider(1)
	rows, ticks, covered := 0, 0, 0
	for ; !task.NextAt.After(now); ticks++ {
		if ticks > 1000 {
			t.Fatal("it never ends")
		}
		began := time.Now()
		decisions, _ := d.Decide(now, []ordinaut.DueTask{task})
		if took := time.Since(began); took > time.Second {
			t.Fatalf("a tick took %s", took)
		}
		for _, o := range decisions[0].Occurrences {
			covered += o.Count
		}
		rows += len(decisions[0].Occurrences)
		task.NextAt = decisions[0].NextAt
	}
	if want := int(now.Sub(start)/time.Minute) + 1; covered != want {
		t.Errorf("%d times are covered, want %d", covered, want)
	}
	if rows > ticks+maxPhases {
		t.Errorf("ten years are %d rows in %d ticks", rows, ticks)
	}
}

// Law: a task whose plan has changed under it, as by a release of the time zones, waits for a time that is one.
func TestDecideRevisesTheNextTime(t *testing.T) {
	t.Parallel()
	task := dueTask(ordinaut.ScheduleCron, "0 9 * * *", at("2026-11-23T08:00:00Z"))
	task.StartsAt = nil
	now := at("2026-11-22T10:00:00Z")
	if _, next := decideOne(t, now, task); next != "09:00:00" {
		t.Errorf("next is %s, want 09:00:00", next)
	}
	nominal, until := at("2026-11-23T09:00:00Z"), at("2026-11-23T09:30:00Z")
	task.SnoozedAt, task.SnoozedUntil = &nominal, &until
	decisions, _ := NewDecider(1).Decide(now, []ordinaut.DueTask{task})
	if got := decisions[0]; !got.NextAt.Equal(at("2026-11-24T09:00:00Z")) || !got.DueAt.Equal(until) {
		t.Errorf("with that snoozed, next is %s and due %s", got.NextAt, got.DueAt)
	}
}

// Law: a stretch of excluded days may be long: what would move more than sixty days is skipped.
func TestShiftsAreShort(t *testing.T) {
	t.Parallel()
	s := ordinaut.Schedule{
		Kind: ordinaut.ScheduleCron, Expr: "0 9 * * *", Timezone: "UTC", Rules: &ordinaut.Rules{OnExcluded: ordinaut.ExcludedShift},
	}
	for _, days := range []int{1, 60, 61, 10_000} {
		t.Run(strconv.Itoa(days), func(t *testing.T) {
			t.Parallel()
			first := at("2026-12-01T00:00:00Z")
			closed := ordinaut.Calendar{Name: "closed", Entries: []ordinaut.CalendarEntry{{
				From: first.Format(time.DateOnly), To: first.AddDate(0, 0, days).Format(time.DateOnly),
			}}}
			l := timeline(t, s, ordinaut.TaskID{}, []ordinaut.Calendar{closed}, nil)
			fires := l.Preview(first, 1)
			skipped := 0
			for _, f := range fires[:len(fires)-1] {
				skipped += f.Count
			}
			last := fires[len(fires)-1]
			if want := max(0, days-60); skipped != want || last.Count != days-want+1 || !last.UTC.Equal(first.AddDate(0, 0, days).Add(9*time.Hour)) {
				t.Errorf("%d are skipped and %d are one at %s", skipped, last.Count, last.UTC)
			}
		})
	}
}
