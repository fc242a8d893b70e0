package mcp

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// newPolicies opens the house of newWednesday with calendars and an agent whose nights are quiet.
func newPolicies(t *testing.T) (*house, *visitor) {
	t.Helper()
	h, v := newWednesday(t)
	v.must(t, "set_calendar", object{"name": "holidays", "entries": []object{{"from": "2026-11-27", "to": "2026-11-29", "title": "Feast"}}})
	v.must(t, "set_calendar", object{"name": "always", "entries": []object{{"from": "2020-01-01", "to": "2090-01-01"}}})
	h.exec(t, `UPDATE agent SET quiet = '{"hours": [{"from": "22:00", "to": "06:00"}], "timezone": "UTC"}' WHERE id = $1`, h.local.ID)
	return h, v
}

// plannedSchedules are schedules on which each policy bears, and several of them together.
func plannedSchedules() map[string]object {
	cron := func(expr string, more object) object {
		s := object{"kind": "cron", "expr": expr, "timezone": "Europe/Berlin"}
		maps.Copy(s, more)
		return s
	}
	quiet := func(action string) object {
		return object{"hours": []object{{"from": "08:00", "to": "10:30"}}, "action": action}
	}
	return map[string]object{
		"plain":                    cron("0 12 * * *", nil),
		"by rrule":                 {"kind": "rrule", "expr": "FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=0", "timezone": "Europe/Berlin"},
		"by interval":              {"kind": "interval", "expr": "PT90M", "timezone": "UTC"},
		"every 5 seconds":          {"kind": "interval", "expr": "5s", "timezone": "UTC"},
		"once":                     {"kind": "once", "expr": "2026-12-24T18:00", "timezone": "Europe/Berlin"},
		"once, passed":             {"kind": "once", "expr": "2026-11-25T10:05:00Z", "timezone": "UTC"},
		"once, in quiet hours":     {"kind": "once", "expr": "2026-11-25T23:00:00Z", "timezone": "UTC"},
		"once, excluded":           {"kind": "once", "expr": "2026-11-27T12:00:00Z", "timezone": "UTC", "calendars": []string{"holidays"}},
		"skipped":                  cron("0 12 * * *", object{"calendars": []string{"holidays"}}),
		"shifted":                  cron("0 12 * * *", object{"calendars": []string{"holidays"}, "on_excluded": "shift"}),
		"nothing left":             cron("0 12 * * *", object{"calendars": []string{"always"}}),
		"put off by the agent":     cron("0 * * * *", nil),
		"put off by the task":      cron("0 9 * * *", object{"quiet": quiet("defer")}),
		"dropped":                  cron("0 */3 * * *", object{"quiet": quiet("drop")}),
		"blackout":                 cron("0 12 * * *", object{"quiet": object{"blackouts": []object{{"from": "2026-11-26T00:00:00Z", "to": "2026-12-03T00:00:00Z"}}}}),
		"one run":                  cron("0 12 * * *", object{"max_runs": 1}),
		"two runs around holidays": cron("0 12 * * *", object{"max_runs": 2, "calendars": []string{"holidays"}}),
		"ends soon":                cron("0 12 * * *", object{"ends_at": "2026-11-28T00:00:00Z"}),
		"starts late":              cron("0 12 * * *", object{"starts_at": "2027-03-20T00:00:00Z"}),
		"clock change":             cron("30 2 * * *", object{"starts_at": "2027-03-27T00:00:00Z"}),
		"odd days":                 cron("0 12 13 * FRI", object{"catch_up": "all"}),
		"by hand":                  {"kind": "manual", "timezone": "UTC"},
		"by event":                 {"kind": "event", "expr": "mail.*", "timezone": "UTC"},
		"by condition": {"kind": "condition", "timezone": "UTC", "max_runs": 1, "calendars": []string{"holidays"}, "condition": object{
			"every": "PT6H", "probe": object{"uses": "data.transform", "with": object{"input": 1, "expression": "@"}}, "when": "result == `1`",
		}},
	}
}

// What a schedule was previewed as is what the answer to its creation says, word by word: times, what is
// left out of them, and warnings. So do the task that is made of the preview, one that is given the
// schedule later, and the task whenever it is looked at.
func TestTasksAreMadeAsPreviewed(t *testing.T) {
	t.Parallel()
	_, v := newPolicies(t)
	for name, schedule := range plannedSchedules() {
		seen := v.must(t, "preview_schedule", object{"schedule": schedule, "count": previewTimes})
		want := object{"times": seen.content["times"], "excluded": seen.content["excluded"], "warnings": seen.content["warnings"]}
		if want["times"] == nil {
			want["times"] = []any{}
		}
		args := manual(name)
		args["schedule"] = schedule
		given := v.must(t, "create_task", args)
		other := v.newTask(t, manual(name+", later"))
		for way, r := range map[string]reply{
			"given":      given,
			"by preview": v.must(t, "create_task", fromPreview(name, seen.text1(t, "preview_id"))),
			"updated":    v.must(t, "update_task", object{"task_id": other, "preview_id": seen.text1(t, "preview_id")}),
			"looked at":  v.must(t, "get_task", object{"task_id": given.text1(t, "task", "id")}),
		} {
			got := object{"times": r.content["next_times"], "excluded": r.content["excluded"], "warnings": r.content["warnings"]}
			if way == "looked at" {
				got["warnings"] = want["warnings"] // which are for those who give a schedule
			}
			if r.at(t, "words") != seen.at(t, "words") {
				t.Errorf("%s, %s: previewed as %q, it reads %q", name, way, seen.at(t, "words"), r.at(t, "words"))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s (-previewed +answered):\n%s", name, way, diff)
			}
		}
	}
	if list := v.must(t, "list_tasks", object{"text": "skipped"}).text; !strings.Contains(list, ", unless excluded by holidays") {
		t.Errorf("a next time that a calendar may exclude is told as certain:\n%s", list)
	}
}

// Policies are in the times that are answered, not beside them: the warnings and times of a few schedules
// read as a person would count them out.
func TestAnswersHoldPolicies(t *testing.T) {
	t.Parallel()
	_, v := newPolicies(t)
	for name, want := range map[string]struct {
		times []string
		text  string
	}{
		"plain":                    {[]string{"2026-11-25T11:00:00Z", "2026-11-26T11:00:00Z", "2026-11-27T11:00:00Z"}, ""},
		"skipped":                  {[]string{"2026-11-25T11:00:00Z", "2026-11-26T11:00:00Z", "2026-11-29T11:00:00Z"}, "Left out: 2 times from 2026-11-27T12:00:00+01:00 to 2026-11-28T12:00:00+01:00, excluded_by_calendar holidays"},
		"shifted":                  {[]string{"2026-11-25T11:00:00Z", "2026-11-26T11:00:00Z", "2026-11-29T11:00:00Z"}, "one run for 3 times"},
		"put off by the task":      {[]string{"2026-11-26T09:30:00Z", "2026-11-27T09:30:00Z", "2026-11-28T09:30:00Z"}, "moved from 2026-11-26T09:00:00+01:00: quiet_hours"},
		"blackout":                 {[]string{"2026-11-25T11:00:00Z", "2026-12-03T06:00:00Z", "2026-12-03T11:00:00Z"}, "one run for 7 times"},
		"nothing left":             {nil, "Warning: calendars and quiet hours leave no time at which it starts"},
		"two runs around holidays": {[]string{"2026-11-25T11:00:00Z", "2026-11-26T11:00:00Z"}, "Warning: the schedule ends soon: times left: 2"},
		"one run":                  {[]string{"2026-11-25T11:00:00Z"}, "Warning: the schedule ends soon: times left: 1"},
		"once, passed":             {[]string{"2026-11-25T10:05:00Z"}, "Warning: 2026-11-25T10:05:00Z has passed already, so it starts at once, 12m0s late: is that meant?"},
		"once, in quiet hours":     {[]string{"2026-11-26T06:00:00Z"}, "moved from 2026-11-25T23:00:00Z: quiet_hours"},
		"every 5 seconds":          {[]string{"2026-11-25T10:17:05Z", "2026-11-25T10:17:10Z", "2026-11-25T10:17:15Z"}, "Warning: the schedule is due every 5s: is that meant?"},
		"clock change":             {[]string{"2027-03-27T06:00:00Z", "2027-03-28T06:00:00Z", "2027-03-29T06:00:00Z"}, "(gap_shifted), moved from 2027-03-28T03:00:00+02:00: quiet_hours"},
	} {
		args := manual(name)
		args["schedule"] = plannedSchedules()[name]
		r := v.must(t, "create_task", args)
		if got := r.times(t, "next_times"); !slices.Equal(got, want.times) {
			t.Errorf("%s: times %v, want %v", name, got, want.times)
		}
		if !strings.Contains(r.text, want.text) {
			t.Errorf("%s: %q is not in %s", name, want.text, r.text)
		}
	}
}

// times returns the instants in UTC of a list of times.
func (r reply) times(t *testing.T, list string) []string {
	t.Helper()
	var all []string
	for i := range r.at(t, list).([]any) {
		all = append(all, r.text1(t, list, i, "utc"))
	}
	return all
}

// Jitter goes by the id of a task: a preview warns of its range, the task's answers hold it, and the
// scheduler keeps to it.
func TestAnswersHoldJitter(t *testing.T) {
	t.Parallel()
	_, v := newWednesday(t)
	schedule := object{"kind": "cron", "expr": "0 12 * * *", "timezone": "UTC", "jitter_seconds": 3600}
	seen := v.must(t, "preview_schedule", object{"schedule": schedule, "count": previewTimes})
	made := v.must(t, "create_task", fromPreview("Jittered", seen.text1(t, "preview_id")))
	if diff := cmp.Diff(seen.content["warnings"], made.content["warnings"]); diff != "" {
		t.Errorf("warnings (-previewed +made):\n%s", diff)
	}
	for i := range previewTimes {
		nominal, due := seen.text1(t, "times", i, "utc"), made.text1(t, "next_times", i, "utc")
		if made.at(t, "next_times", i, "nominal_at") != nominal {
			t.Errorf("time %d is %v, want the nominal time %s", i, made.at(t, "next_times", i), nominal)
		}
		from, _ := time.Parse(time.RFC3339, nominal)
		at, err := time.Parse(time.RFC3339, due)
		if err != nil || at.Before(from) || !at.Before(from.Add(time.Hour)) {
			t.Errorf("%s lies outside the hour from %s (%v)", due, nominal, err)
		}
	}
	if !strings.Contains(made.text, "jitter included") {
		t.Errorf("the text does not tell of jitter: %s", made.text)
	}
}

// A task that is looked at later tells what is left of it: what max_runs leaves, the occurrence that was
// snoozed at the time it was snoozed to, the one that waits for quiet hours to end, nothing when paused.
func TestGetTaskTellsWhatIsAhead(t *testing.T) {
	t.Parallel()
	h, v := newWednesday(t)
	create := func(schedule object) string {
		args := manual("Later")
		args["schedule"] = schedule
		return v.newTask(t, args)
	}
	daily := object{"kind": "cron", "expr": "0 12 * * *", "timezone": "UTC", "max_runs": 3}
	put := func(task, sql string, args ...any) {
		id, err := ordinaut.ParseTaskID(task)
		if err != nil {
			t.Fatal(err)
		}
		h.exec(t, `UPDATE task SET `+sql+` WHERE id = $1`, append([]any{id}, args...)...)
	}
	counted := create(daily)
	put(counted, `runs_started = 2`)
	snoozed := create(daily)
	put(snoozed, `snoozed_at = '2026-11-25T12:00:00Z', snoozed_until = '2026-11-26T18:00:00Z', next_at = '2026-11-26T12:00:00Z'`)
	// At a quarter past ten the time of nine o'clock is still to come.
	waiting := create(object{"kind": "cron", "expr": "0 9 * * *", "timezone": "UTC", "quiet": object{"hours": []object{{"from": "08:00", "to": "11:00"}}}})
	put(waiting, `next_at = '2026-11-25T09:00:00Z', due_at = '2026-11-25T11:00:00Z'`)
	paused := create(daily)
	v.must(t, "pause_task", object{"task_id": paused})
	for _, c := range []struct {
		task string
		want []string
		text string
	}{
		{counted, []string{"2026-11-25T12:00:00Z"}, ""},
		{snoozed, []string{"2026-11-26T12:00:00Z", "2026-11-26T18:00:00Z", "2026-11-27T12:00:00Z"}, "moved from 2026-11-25T12:00:00Z: snoozed"},
		{waiting, []string{"2026-11-25T11:00:00Z", "2026-11-26T11:00:00Z", "2026-11-27T11:00:00Z"}, "moved from 2026-11-25T09:00:00Z: quiet_hours"},
		{paused, nil, ""},
	} {
		r := v.must(t, "get_task", object{"task_id": c.task})
		if got := r.times(t, "next_times"); !slices.Equal(got, c.want) || !strings.Contains(r.text, c.text) {
			t.Errorf("times %v, want %v with %q: %s", got, c.want, c.text, r.text)
		}
	}
}
