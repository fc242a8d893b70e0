package scheduler

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
)

// Law: what lies ahead of a task begins with its next time if that is still to come, ends with max_runs,
// and has the snoozed occurrence where it is due; nothing is ahead of a task that is not active.
func TestAhead(t *testing.T) {
	t.Parallel()
	now := at("2026-11-26T10:15:00Z")
	hourly := ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 * * * *", Timezone: "UTC"}
	morning := &ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "08:00", To: "11:30"}}}
	for name, c := range map[string]struct {
		schedule ordinaut.Schedule
		quiet    *ordinaut.Quiet
		task     func(*ordinaut.Task)
		want     []string
	}{
		"from its next time": {hourly, nil, func(*ordinaut.Task) {}, []string{"11:00 11:00", "12:00 12:00", "13:00 13:00"}},
		"overdue":            {hourly, nil, nextAt("2026-11-26T09:00:00Z"), []string{"11:00 11:00", "12:00 12:00", "13:00 13:00"}},
		"put off":            {hourly, morning, nextAt("2026-11-26T08:00:00Z"), []string{"11:00 11:30", "12:00 12:00", "13:00 13:00"}},
		"a late once": {
			ordinaut.Schedule{Kind: ordinaut.ScheduleOnce, Expr: "2026-11-26T10:00:00Z", Timezone: "UTC"},
			nil,
			nextAt("2026-11-26T10:00:00Z"),
			[]string{"10:00 10:00"},
		},
		"one run left": {hourly, nil, func(task *ordinaut.Task) { task.Spec.Schedule.MaxRuns, task.RunsStarted = 3, 2 }, []string{"11:00 11:00"}},
		"no run left":  {hourly, nil, func(task *ordinaut.Task) { task.Spec.Schedule.MaxRuns, task.RunsStarted = 3, 4 }, nil},
		"snoozed":      {hourly, nil, snoozedTo("2026-11-26T11:00:00Z", "2026-11-26T12:30:00Z", "2026-11-26T12:00:00Z"), []string{"12:00 12:00", "11:00 12:30", "13:00 13:00"}},
		"snoozed beyond what is asked for": {
			hourly, nil, snoozedTo("2026-11-26T11:00:00Z", "2026-11-27T12:30:00Z", "2026-11-26T12:00:00Z"), []string{"12:00 12:00", "13:00 13:00", "14:00 14:00"},
		},
		"only the snoozed one": {hourly, nil, func(task *ordinaut.Task) {
			snoozedTo("2026-11-26T11:00:00Z", "2026-11-26T12:30:00Z", "2026-11-26T12:00:00Z")(task)
			task.NextAt = nil
		}, []string{"11:00 12:30"}},
		"paused": {hourly, nil, func(task *ordinaut.Task) { task.State = ordinaut.TaskPaused }, nil},
		"max_runs is not about probes": {
			ordinaut.Schedule{
				Kind: ordinaut.ScheduleCondition, Timezone: "UTC", StartsAt: new(at("2026-11-26T00:00:00Z")),
				Rules: &ordinaut.Rules{Condition: &ordinaut.Condition{Every: "PT1H", When: "@"}},
			},
			nil,
			func(task *ordinaut.Task) { task.Spec.Schedule.MaxRuns = 1 },
			[]string{"11:00 11:00", "12:00 12:00", "13:00 13:00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := timeline(t, c.schedule, ordinaut.TaskID{}, nil, c.quiet)
			task := ordinaut.Task{State: ordinaut.TaskActive, Spec: ordinaut.TaskSpec{Schedule: c.schedule}}
			nextAt("2026-11-26T11:00:00Z")(&task)
			c.task(&task)
			var got []string
			for _, f := range l.Ahead(&task, now, 3) {
				got = append(got, f.UTC.Format("15:04 ")+f.Due.Format("15:04"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Law: what lies ahead of a task comes to pass: a scheduler that is always on time starts the same nominal
// times at the same instants, whatever the policies.
func TestWhatLiesAheadComesToPass(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(restless).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		s := drawSchedule(t, zone)
		s.CatchUp, s.Overlap = ordinaut.CatchUpLatest, ordinaut.OverlapAllow
		s.MaxRuns = rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "max runs")
		now := drawInstant(t, zone)
		due := ordinaut.DueTask{
			TaskID: ordinaut.NewTaskID(), Schedule: s, State: ordinaut.TaskActive,
			Calendars: drawCalendars(t, now), AgentQuiet: drawQuiet(t, now),
		}
		line, err := NewTimeline(s, due.TaskID, due.Calendars, due.AgentQuiet)
		if err != nil {
			t.Fatal(err)
		}
		next, ok := line.Plan().Next(now)
		if !ok || line.Plan().checkShift(s, now) != nil {
			return // Parse lets no such schedule pass
		}
		due.NextAt, due.DueAt = &next, next
		task := ordinaut.Task{State: ordinaut.TaskActive, Spec: ordinaut.TaskSpec{Schedule: s}, NextAt: &next}
		var foretold []string
		for _, f := range line.Ahead(&task, now, 4) {
			if f.Fate == ordinaut.FateStarted {
				foretold = append(foretold, f.UTC.Format(time.RFC3339)+" at "+f.Due.Format(time.RFC3339Nano))
			}
		}
		came, gaveUp := punctual(t, due, len(foretold))
		if gaveUp {
			came = append(came, foretold[len(came):]...) // policies leave so little that the test's patience ends
		}
		if diff := cmp.Diff(foretold, came); diff != "" {
			t.Fatalf("%+v, quiet %+v, calendars %+v (-foretold +came)\n%s", s, due.AgentQuiet, due.Calendars, diff)
		}
	})
}

// punctual ticks whenever the task is due, and returns the first n starts. It gives up after a while, and says so.
func punctual(t *rapid.T, task ordinaut.DueTask, n int) (came []string, gaveUp bool) {
	decider := NewDecider(1)
	for range 2000 {
		if len(came) == n || task.NextAt == nil {
			return came, false
		}
		decisions, undecided := decider.Decide(task.DueAt, []ordinaut.DueTask{task})
		if len(undecided) > 0 {
			t.Fatalf("undecided: %v", undecided)
		}
		for _, o := range decisions[0].Occurrences {
			if o.Fate == ordinaut.FateStarted {
				task.RunsStarted++
				came = append(came, o.LastAt.UTC().Format(time.RFC3339)+" at "+task.DueAt.UTC().Format(time.RFC3339Nano))
			}
		}
		if task.NextAt = decisions[0].NextAt; task.NextAt != nil {
			task.DueAt = *decisions[0].DueAt
		}
	}
	return came, true
}

func nextAt(text string) func(*ordinaut.Task) {
	return func(task *ordinaut.Task) { task.NextAt = new(at(text)) }
}

func snoozedTo(nominal, until, next string) func(*ordinaut.Task) {
	return func(task *ordinaut.Task) {
		nextAt(next)(task)
		task.SnoozedAt, task.SnoozedUntil = new(at(nominal)), new(at(until))
	}
}

// Law: what a timeline remembers of quiet is what it would find anew, in whatever order it is asked, also
// of quiet that never ends.
func TestQuietIsRememberedRight(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	always := ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "00:00", To: "00:00"}}}
	nights := ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "22:00", To: "06:00"}, {From: "05:00", To: "09:00", Days: []string{"SAT"}}}}
	for name, q := range map[string]ordinaut.Quiet{"always": always, "nights": nights} {
		l := timeline(t, ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 * * * *", Timezone: "Europe/Berlin"}, ordinaut.TaskID{}, nil, &q)
		asked := at("2026-03-20T00:00:00Z")
		for range 2000 {
			asked = asked.Add(time.Duration(random.IntN(5*3600)-3600) * time.Second)
			if _, held, _ := l.quiet.end(asked); !held {
				continue
			}
			got, ends := l.pass(asked)
			want, wantEnds := l.quiet.pass(asked)
			if ends != wantEnds || ends && !got.Equal(want) {
				t.Fatalf("%s: quiet at %s ends %s (%v), want %s (%v)", name, asked, got, ends, want, wantEnds)
			}
		}
	}
}

// BenchmarkAhead is what an answer about a task costs at its worst: nothing ever starts.
func BenchmarkAhead(b *testing.B) {
	now := at("2026-11-25T10:17:00Z")
	for _, expr := range []string{"0 9 * * *", "30 * * * *", "* * * * * *"} {
		for _, action := range []ordinaut.QuietAction{ordinaut.QuietDefer, ordinaut.QuietDrop} {
			b.Run(fmt.Sprintf("%s/%s", expr, action), func(b *testing.B) {
				quiet := &ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "00:00", To: "00:00"}}, Action: action}
				s := ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: expr, Timezone: "Europe/Berlin"}
				task := ordinaut.Task{State: ordinaut.TaskActive, Spec: ordinaut.TaskSpec{Schedule: s}, NextAt: &now}
				for b.Loop() {
					l, err := NewTimeline(s, ordinaut.TaskID{}, nil, quiet)
					if err != nil {
						b.Fatal(err)
					}
					l.Ahead(&task, now, 5)
				}
			})
		}
	}
}
