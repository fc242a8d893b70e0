package scheduler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

func eventSchedule(change func(*ordinaut.Schedule)) ordinaut.Schedule {
	s := ordinaut.Schedule{Kind: ordinaut.ScheduleEvent, Expr: "email.*", Rules: &ordinaut.Rules{Event: &ordinaut.EventTrigger{}}}
	change(&s)
	return s
}

// Law: an event schedule is refused with the place of what it cannot mean, and told in words else.
func TestEventSchedulesAreRead(t *testing.T) {
	t.Parallel()
	past := created.Add(-time.Hour)
	for name, c := range map[string]struct {
		change         func(*ordinaut.Schedule)
		pointer, words string
	}{
		"plain": {func(s *ordinaut.Schedule) { s.Expr = " email.* "; s.Rules = nil }, "", "whenever an event email.* is published"},
		"all of it": {
			func(s *ordinaut.Schedule) {
				*s.Rules.Event = ordinaut.EventTrigger{Filter: "payload.n  >\x00 `1`", DedupeBy: "payload.id", DedupeWindowSeconds: 3600, DebounceSeconds: 30}
			},
			"", "whenever an event email.* is published, if payload.n > `1`, once per hour for each payload.id, when none has followed for 30 seconds",
		},
		"no pattern":        {func(s *ordinaut.Schedule) { s.Expr = "" }, "/schedule/expr", "needs a topic pattern"},
		"capital":           {func(s *ordinaut.Schedule) { s.Expr = "Email.*" }, "/schedule/expr", `at "Email"`},
		"star in a word":    {func(s *ordinaut.Schedule) { s.Expr = "email.re*" }, "/schedule/expr", `at "re*"`},
		"empty word":        {func(s *ordinaut.Schedule) { s.Expr = "email..x" }, "/schedule/expr", `at ""`},
		"too many stars":    {func(s *ordinaut.Schedule) { s.Expr = "**.**.**.**" }, "/schedule/expr", "at most 3"},
		"long":              {func(s *ordinaut.Schedule) { s.Expr = strings.Repeat("a", 201) }, "/schedule/expr", "at most 200"},
		"jitter":            {func(s *ordinaut.Schedule) { s.JitterSeconds = 5 }, "/schedule/jitter_seconds", "no times of its own"},
		"calendars":         {func(s *ordinaut.Schedule) { s.Rules.Calendars = []string{"x"} }, "/schedule/calendars", "no times of its own"},
		"catch_up":          {func(s *ordinaut.Schedule) { s.CatchUp = "none" }, "/schedule/catch_up", "no times of its own"},
		"window without by": {func(s *ordinaut.Schedule) { s.Rules.Event.DedupeWindowSeconds = 5 }, "/schedule/event/dedupe_by", "needs dedupe_by"},
		"debounce":          {func(s *ordinaut.Schedule) { s.Rules.Event.DebounceSeconds = 1e6 }, "/schedule/event/debounce_seconds", "0 to 86400"},
		"ended":             {func(s *ordinaut.Schedule) { s.EndsAt = &past }, "/schedule/ends_at", "has passed"},
		"event of a cron":   {func(s *ordinaut.Schedule) { s.Kind, s.Expr = "cron", "@daily" }, "/schedule/event", "schedules of kind event"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, s, err := Parse(eventSchedule(c.change), created)
			if c.pointer == "" {
				if err != nil || plan.Words() != c.words || s.Overlap != ordinaut.OverlapAllow {
					t.Fatalf("got %v, %+v; want the words %q", err, s, c.words)
				}
				if _, ok := plan.First(created); ok {
					t.Error("it has a time of its own")
				}
				return
			}
			refusal, ok := err.(*ordinaut.Error) //nolint:errorlint // Parse returns it bare
			if !ok || refusal.Pointer != c.pointer || !strings.Contains(refusal.Msg, c.words) {
				t.Errorf("got %v at %v, want %s with %q", err, refusal, c.pointer, c.words)
			}
		})
	}
}

// Law: * is one word, ** any number of them, and all else is itself.
func TestTopicsMatchPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern  string
		yes, not []string
	}{
		{"email.received", []string{"email.received"}, []string{"email", "email.sent", "email.received.x", "xemail.received"}},
		{"email.*", []string{"email.received"}, []string{"email", "email.a.b"}},
		{"*.received", []string{"email.received"}, []string{"received", "a.b.received"}},
		{"**", []string{"a", "a.b.c"}, nil},
		{"email.**", []string{"email", "email.a", "email.a.b"}, []string{"emails.a", "x.email"}},
		{"**.done", []string{"done", "a.done", "a.b.done"}, []string{"done.a"}},
		{"a.**.z", []string{"a.z", "a.b.z", "a.z.z"}, []string{"a", "a.z.b"}},
		{"*.**", []string{"a", "a.b"}, nil},
	} {
		for _, topic := range c.yes {
			if !ordinaut.TopicMatches(c.pattern, topic) {
				t.Errorf("%s does not match %s", c.pattern, topic)
			}
		}
		for _, topic := range c.not {
			if ordinaut.TopicMatches(c.pattern, topic) {
				t.Errorf("%s matches %s", c.pattern, topic)
			}
		}
	}
}

// Law: whatever a pattern is, it is refused or matches as one that is read word by word from behind does.
func FuzzTopicPattern(f *testing.F) {
	f.Add("email.*", "email.received")
	f.Add("**.a.**", "b.a.a.c")
	f.Add("*..**", "")
	f.Fuzz(func(t *testing.T, pattern, topic string) {
		if checkPattern(pattern) != nil || ordinaut.CheckTopic(topic) != nil {
			return
		}
		want := matchesBackwards(strings.Split(pattern, "."), strings.Split(topic, "."))
		if got := ordinaut.TopicMatches(pattern, topic); got != want {
			t.Errorf("%s matches %s: %t, want %t", pattern, topic, got, want)
		}
	})
}

func matchesBackwards(pattern, topic []string) bool {
	if len(pattern) == 0 {
		return len(topic) == 0
	}
	head, last := pattern[:len(pattern)-1], pattern[len(pattern)-1]
	if last == "**" {
		for n := range len(topic) + 1 {
			if matchesBackwards(head, topic[:n]) {
				return true
			}
		}
		return false
	}
	return len(topic) > 0 && (last == "*" || last == topic[len(topic)-1]) && matchesBackwards(head, topic[:len(topic)-1])
}

// Law: events that meet a task together have the fates that its policies give them, one after the other.
func TestEventsMeetPolicies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*ordinaut.EventTask)
		want   string
	}{
		{"allow", func(*ordinaut.EventTask) {}, "started started started"},
		{"skip", func(e *ordinaut.EventTask) { e.Overlap = "skip" }, "started skipped(overlap) skipped(overlap)"},
		{"skip while busy", func(e *ordinaut.EventTask) { e.Overlap, e.Busy = "skip", true }, "skipped(overlap) skipped(overlap) skipped(overlap)"},
		{"buffer_one", func(e *ordinaut.EventTask) { e.Overlap = "buffer_one" }, "started started(buffered) skipped(buffer_full)"},
		{"buffer_all", func(e *ordinaut.EventTask) { e.Overlap, e.Busy = "buffer_all", true }, "started(buffered) started(buffered) started(buffered)"},
		{"buffer_all full", func(e *ordinaut.EventTask) { e.Overlap, e.Busy, e.Buffered = "buffer_all", true, maxBuffered-1 }, "started(buffered) skipped(buffer_full) skipped(buffer_full)"},
		{"cancel_running", func(e *ordinaut.EventTask) { e.Overlap, e.Busy = "cancel_running", true }, "coalesced(overlap) coalesced(overlap) started(buffered) cancel"},
		{"cancel_running, none live", func(e *ordinaut.EventTask) { e.Overlap = "cancel_running" }, "coalesced(overlap) coalesced(overlap) started"},
		{"max_runs", func(e *ordinaut.EventTask) { e.MaxRuns, e.RunsStarted = 5, 3 }, "started started finished"},
		{"max_runs spent", func(e *ordinaut.EventTask) { e.MaxRuns, e.RunsStarted = 5, 5 }, "finished"},
		{"repeated", func(e *ordinaut.EventTask) {
			e.Matches[0].Key, e.Matches[1].Key, e.Matches[2].Key = []byte("a"), []byte("a"), []byte("b")
		}, "started skipped(deduplicated) started keys=2"},
		{"seen", func(e *ordinaut.EventTask) { e.Matches[0].Seen = true }, "skipped(deduplicated) started started"},
		{"a skipped one does not count as seen", func(e *ordinaut.EventTask) {
			e.Overlap, e.Busy, e.Matches[0].Key = "skip", true, []byte("a")
		}, "skipped(overlap) skipped(overlap) skipped(overlap)"},
		{"void and judged", func(e *ordinaut.EventTask) {
			e.Matches[0].Void, e.Matches[1].Reason, e.Matches[2].Reason = true, ordinaut.ReasonEventLoop, ordinaut.ReasonTooLate
		}, "skipped(event_loop) missed(too_late)"},
		{"debounce", func(e *ordinaut.EventTask) { e.Rules.Event.DebounceSeconds = 10 }, "coalesced(debounced) coalesced(debounced) held 10s"},
		{"debounce goes on", func(e *ordinaut.EventTask) {
			e.Rules.Event.DebounceSeconds = 10
			e.Held = &ordinaut.HeldEvent{EventAt: created.Add(-95 * time.Second), FirstAt: created.Add(-95 * time.Second), DueAt: created.Add(1)}
		}, "coalesced(debounced) coalesced(debounced) coalesced(debounced) held 5s"},
		{"burst is over", func(e *ordinaut.EventTask) {
			e.Rules.Event.DebounceSeconds = 10
			e.Held = &ordinaut.HeldEvent{EventAt: created.Add(-20 * time.Second), FirstAt: created.Add(-20 * time.Second), DueAt: created.Add(-time.Second)}
			e.Matches = nil
		}, "started"},
		{"burst is over while paused", func(e *ordinaut.EventTask) {
			e.State, e.PausedReason = ordinaut.TaskPaused, "paused"
			e.Held = &ordinaut.HeldEvent{DueAt: created}
			e.Matches = nil
		}, "skipped(paused)"},
		{"burst is over, task deleted", func(e *ordinaut.EventTask) {
			e.State = ordinaut.TaskDeleted
			e.Held = &ordinaut.HeldEvent{DueAt: created}
			e.Matches = nil
		}, "skipped(task_deleted)"},
		{"quiet hours defer", func(e *ordinaut.EventTask) { e.Rules.Quiet = quietNow("") }, "coalesced(quiet_hours) coalesced(quiet_hours) held 1h0m0s"},
		{"quiet hours of the agent drop", func(e *ordinaut.EventTask) { e.AgentQuiet = quietNow("drop") }, "skipped(quiet_hours) skipped(quiet_hours) skipped(quiet_hours)"},
		{"quiet hours are over", func(e *ordinaut.EventTask) {
			e.Held = &ordinaut.HeldEvent{EventAt: created.Add(-time.Hour), FirstAt: created.Add(-time.Hour), DueAt: created}
			e.Matches = nil
		}, "started(quiet_hours)"},
		{"a burst is over in quiet hours", func(e *ordinaut.EventTask) {
			e.Rules.Event.DebounceSeconds, e.Rules.Quiet, e.Matches = 10, quietNow(""), nil
			e.Held = &ordinaut.HeldEvent{EventAt: created.Add(-time.Minute), FirstAt: created.Add(-time.Minute), DueAt: created}
		}, "held 1h0m0s"},
		{"no run is left for what was held", func(e *ordinaut.EventTask) {
			e.Held = &ordinaut.HeldEvent{EventAt: created.Add(-time.Minute), FirstAt: created.Add(-time.Minute), DueAt: created}
			e.Matches, e.MaxRuns, e.RunsStarted = nil, 5, 5
		}, "skipped(schedule_changed) finished"},
		{"what was held and then changed its kind", func(e *ordinaut.EventTask) {
			e.Held = &ordinaut.HeldEvent{EventAt: created.Add(-time.Minute), FirstAt: created.Add(-time.Minute), DueAt: created}
			e.Matches, e.Kind, e.Expr, e.MaxRuns, e.RunsStarted = nil, ordinaut.ScheduleCron, "0 9 * * *", 5, 5
		}, "skipped(schedule_changed)"},
	} {
		task := ordinaut.EventTask{State: ordinaut.TaskActive, TaskID: ordinaut.NewTaskID(), Schedule: ordinaut.Schedule{
			Kind: ordinaut.ScheduleEvent, Expr: "a", Timezone: "UTC", Overlap: ordinaut.OverlapAllow, Rules: &ordinaut.Rules{Event: &ordinaut.EventTrigger{}},
		}}
		for i := range 3 {
			task.Matches = append(task.Matches, ordinaut.EventMatch{Event: &ordinaut.Event{ID: ordinaut.NewEventID(), At: created.Add(time.Duration(i-5) * time.Millisecond)}})
		}
		c.change(&task)
		decisions, undecided := NewDecider(1).decideEvents(created, []ordinaut.EventTask{task})
		if len(undecided) > 0 {
			t.Error(undecided[0].Err)
		}
		got := tellDecision(decisions[0])
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}

// quietNow is quiet for an hour from now on.
func quietNow(action ordinaut.QuietAction) *ordinaut.Quiet {
	return &ordinaut.Quiet{Action: action, Blackouts: []ordinaut.Blackout{{From: created.Add(-time.Minute), To: created.Add(time.Hour)}}}
}

// tellDecision puts a decision into few words, and checks what holds of each.
func tellDecision(d ordinaut.EventDecision) string {
	var words []string
	slices.SortStableFunc(d.Occurrences, func(a, b ordinaut.Occurrence) int { return a.NominalAt.Compare(b.NominalAt) })
	for _, o := range d.Occurrences {
		word := string(o.Fate)
		if o.Reason != "" {
			word += "(" + string(o.Reason) + ")"
		}
		if o.Buffered != (o.Reason == ordinaut.ReasonBuffered) || (o.Fate == ordinaut.FateStarted) == o.RunID.IsZero() {
			word += " with the wrong run"
		}
		words = append(words, word)
	}
	if d.Held != nil {
		words = append(words, "held", d.Held.DueAt.Sub(created).String())
	}
	if len(d.Keys) > 0 {
		words = append(words, "keys="+string(rune('0'+len(d.Keys))))
	}
	if d.CancelRunning {
		words = append(words, "cancel")
	}
	if d.Finished {
		words = append(words, "finished")
	}
	return strings.Join(words, " ")
}
