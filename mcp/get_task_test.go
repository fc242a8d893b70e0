package mcp

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

// away is a house in which nobody ticked for four hours and a half: tasks were made when that began.
func away(t *testing.T) (*house, *visitor) {
	t.Helper()
	past := time.Now().Add(-270 * time.Minute).Truncate(time.Second)
	h := newHouse(t, func(c *Config) { c.Clock = func() time.Time { return past } })
	return h, h.connect(t, h.key)
}

// hourly is the arguments of a task that is due each hour, with more said of its schedule.
func hourly(title string, more object) object {
	args := manual(title)
	schedule := object{"kind": "interval", "expr": "1h"}
	maps.Copy(schedule, more)
	args["schedule"] = schedule
	return args
}

// tick decides on what is due, as the scheduler does.
func (h *house) tick(t *testing.T) {
	t.Helper()
	decider := scheduler.NewDecider(10)
	if _, err := h.store.Tick(t.Context(), 10, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		decisions, undecided := decider.Decide(now, due)
		if len(undecided) > 0 {
			t.Errorf("undecided: %v", undecided)
		}
		return decisions
	}); err != nil {
		t.Fatal(err)
	}
}

// An assistant that asks why a task did not run is told what became of each time, and why.
func TestGetTaskTellsWhyATaskDidNotRun(t *testing.T) {
	t.Parallel()
	h, v := away(t)
	tasks, firsts := map[string]string{}, map[string]time.Time{}
	for title, more := range map[string]object{
		"busy": nil, "late": {"max_lateness_seconds": 60}, "strict": {"catch_up": "none"}, "caught up": nil,
	} {
		r := v.must(t, "create_task", hourly(title, more))
		first, err := time.Parse(time.RFC3339, r.text1(t, "task", "next_at"))
		if err != nil {
			t.Fatal(err)
		}
		tasks[title], firsts[title] = r.text1(t, "task", "id"), first
	}
	v.newRun(t, tasks["busy"])
	h.tick(t)
	run := v.must(t, "list_runs", object{"task_id": tasks["caught up"]}).text1(t, "runs", 0, "id")
	hours := func(title string, n int) string { return stamp(firsts[title].Add(time.Duration(n) * time.Hour)) }
	// stretch is a row that stands for the first n times of a task.
	stretch := func(title string, n int, fate, reason string) object {
		return object{"nominal_at": hours(title, 0), "last_at": hours(title, n-1), "count": float64(n), "fate": fate, "reason": reason}
	}
	for title, want := range map[string][]any{
		"busy":   {stretch("busy", 4, "skipped", "overlap")},
		"late":   {stretch("late", 4, "missed", "too_late")},
		"strict": {stretch("strict", 4, "missed", "scheduler_down")},
		"caught up": {
			object{"nominal_at": hours("caught up", 3), "fate": "started", "run_id": run},
			stretch("caught up", 3, "coalesced", "caught_up"),
		},
	} {
		r := v.must(t, "get_task", object{"task_id": tasks[title], "detail": "full"})
		if diff := cmp.Diff(want, r.at(t, "occurrences")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
	text := v.must(t, "get_task", object{"task_id": tasks["caught up"], "detail": "full"}).text
	want := "\nOccurrences, newest first:\n" + hours("caught up", 3) + ": started, " + run +
		"\n" + hours("caught up", 0) + " to " + hours("caught up", 2) + ", 3 times: coalesced (caught_up)"
	if !strings.HasSuffix(text, want) {
		t.Errorf("the text is %q, want it to end with %q", text, want)
	}
}

// Times are told the latest first and ten rows at most; none is said to be none, and nothing is said
// unless it was asked for.
func TestGetTaskTellsTheLatestOccurrences(t *testing.T) {
	t.Parallel()
	h, v := away(t)
	id := v.newTask(t, hourly("often", object{"overlap": "allow"}))
	full := object{"task_id": id, "detail": "full"}
	r := v.must(t, "get_task", full)
	if diff := cmp.Diff([]any{}, r.at(t, "occurrences")); diff != "" || !strings.HasSuffix(r.text, "\nOccurrences: none, its schedule has not been due yet.") {
		t.Errorf("before the first time (-want +got):\n%s\n%s", diff, r.text)
	}
	var first time.Time
	if _, err := h.store.Tick(t.Context(), 1, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		first = *due[0].NextAt
		later := now.Add(time.Hour)
		d := ordinaut.Decision{TaskID: due[0].TaskID, NextAt: &later, DueAt: &later}
		for i := range 12 {
			at := first.Add(time.Duration(i) * time.Minute)
			d.Occurrences = append(d.Occurrences, ordinaut.Occurrence{
				NominalAt: at, LastAt: at, Count: 1, Kind: ordinaut.RunScheduled, Fate: ordinaut.FateMissed, Reason: ordinaut.ReasonTooLate,
			})
		}
		return []ordinaut.Decision{d}
	}); err != nil {
		t.Fatal(err)
	}
	var want []any
	for i := range 10 {
		want = append(want, object{"nominal_at": stamp(first.Add(time.Duration(11-i) * time.Minute)), "fate": "missed", "reason": "too_late"})
	}
	if diff := cmp.Diff(want, v.must(t, "get_task", full).at(t, "occurrences")); diff != "" {
		t.Errorf("occurrences (-want +got):\n%s", diff)
	}
	if r := v.must(t, "get_task", object{"task_id": id}); r.content["occurrences"] != nil || strings.Contains(r.text, "ccurrences") {
		t.Errorf("the brief answer tells them too: %s\n%s", r.raw, r.text)
	}
}
