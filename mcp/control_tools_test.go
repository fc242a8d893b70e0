package mcp

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

// hourlyTask is a task that is due each hour from a time that is long past.
func (v *visitor) hourlyTask(t *testing.T, title string) string {
	t.Helper()
	args := manual(title)
	args["schedule"] = object{"kind": "interval", "expr": "1h", "starts_at": "2026-01-01T00:30:00Z"}
	return v.newTask(t, args)
}

// A pause with an end says when it ends, and a scheduler ends it then.
func TestPauseUntil(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	id := v.hourlyTask(t, "Paused")
	r := v.must(t, "pause_task", object{"task_id": id, "until": "in 2h", "note": "holiday"})
	end, err := time.Parse(time.RFC3339, r.text1(t, "task", "resumes_at"))
	if err != nil || time.Until(end) < 119*time.Minute || time.Until(end) > 2*time.Hour || !strings.Contains(r.text, "It is paused until") {
		t.Errorf("paused: %s", r.raw)
	}
	h.tick(t)
	if r := v.must(t, "get_task", object{"task_id": id}); r.text1(t, "task", "state") != "paused" {
		t.Errorf("before the end: %s", r.raw)
	}
	if _, err := h.pool.Exec(t.Context(), `UPDATE task SET due_at = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	h.tick(t)
	r = v.must(t, "get_task", object{"task_id": id})
	task := r.content["task"].(object)
	if task["state"] != "active" || task["note"] != nil || task["resumes_at"] != nil || task["next_at"] == nil {
		t.Errorf("after the end: %s", r.raw)
	}
	for until, want := range map[string]string{
		"2020-01-01T00:00:00Z": "has passed", "tomorrow": "is not an instant", "in 5 minutes": "is not a duration", "in 400h0m0s": "", "2999-01-01T00:00:00Z": "too far ahead",
	} {
		r := v.call(t, "pause_task", object{"task_id": id, "until": until})
		if refused := want != ""; r.failed != refused || refused && (r.content["pointer"] != "/until" || !strings.Contains(r.text, want)) {
			t.Errorf("until %q: %s", until, r.text)
		}
	}
}

// Resuming catches up as it is told: what the pause passed over runs, or is skipped with the pause's reason.
func TestResumeCatchesUp(t *testing.T) {
	t.Parallel()
	for catchUp, runs := range map[string]int{"none": 0, "latest": 1, "all": 3, "": 1} {
		t.Run("catch_up "+catchUp, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			v := h.connect(t, h.key)
			args := manual("Paused")
			args["schedule"] = object{"kind": "interval", "expr": "10m", "overlap": "allow", "max_lateness_seconds": 7200}
			id := v.newTask(t, args)
			v.must(t, "pause_task", object{"task_id": id})
			const late = `UPDATE task SET next_at = next_at - interval '30 minutes 5 seconds', starts_at = starts_at - interval '30 minutes 5 seconds',
    paused_reason = 'paused_after_failures'`
			if _, err := h.pool.Exec(t.Context(), late); err != nil {
				t.Fatal(err)
			}
			call := object{"task_id": id}
			if catchUp != "" {
				call["catch_up"] = catchUp
			}
			told := fmt.Sprintf("Times that the pause passed over: 3, of which runs start now: %d. ", runs)
			if runs == 0 {
				told = "Times that the pause passed over: 3, of which none is made up for; backfill_task can. "
			}
			if next := v.must(t, "resume_task", call).text1(t, "next"); !strings.HasPrefix(next, told) {
				t.Errorf("it says %q", next)
			}
			if got := len(v.must(t, "list_runs", object{"task_id": id}).content["runs"].([]any)); got != runs {
				t.Errorf("%d runs, want %d", got, runs)
			}
			occurrences := v.must(t, "get_task", object{"task_id": id, "detail": "full"}).content["occurrences"].([]any)
			for _, o := range occurrences {
				if row := o.(object); row["fate"] == "skipped" && row["reason"] != "paused_after_failures" {
					t.Errorf("occurrence %v", row)
				}
			}
			if len(occurrences) == 0 {
				t.Error("what the pause passed over has no fate")
			}
		})
	}
}

// A snooze moves the next occurrence and no other, says so, and its run is still that of its nominal time.
func TestSnoozeMovesOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	id := v.hourlyTask(t, "Snoozed")
	first := v.must(t, "get_task", object{"task_id": id}).text1(t, "task", "next_at")
	at, err := time.Parse(time.RFC3339, first)
	if err != nil {
		t.Fatal(err)
	}
	until, second := stamp(at.Add(20*time.Minute)), stamp(at.Add(time.Hour))
	r := v.must(t, "snooze_task", object{"task_id": id, "until": until, "note": "in a meeting"})
	for key, want := range (object{"snoozed_at": first, "snoozed_until": until, "next_at": second, "state": "active", "note": "in a meeting"}) {
		if got := r.at(t, "task", key); got != want {
			t.Errorf("task %s is %v, want %v", key, got, want)
		}
	}
	want := fmt.Sprintf("The occurrence of %s starts at %s instead; the one of %s stays where it is.", first, until, second)
	if !strings.Contains(r.text, want) {
		t.Errorf("the text lacks %q: %s", want, r.text)
	}
	if r := v.call(t, "snooze_task", object{"task_id": id, "until": stamp(at.Add(-time.Second))}); r.content["pointer"] != "/until" {
		t.Errorf("brought forward: %s", r.text)
	}
	if r := v.call(t, "snooze_task", object{"task_id": id, "until": "in 1000h"}); r.content["pointer"] != "/until" {
		t.Errorf("far ahead: %s", r.text)
	}
	if _, err := h.pool.Exec(t.Context(), `UPDATE task SET due_at = clock_timestamp(), snoozed_until = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	h.tick(t)
	a := h.claim(t)
	if a.NominalAt == nil || stamp(*a.NominalAt) != first {
		t.Errorf("the run is that of %v, want %s", a.NominalAt, first)
	}
	task := v.must(t, "get_task", object{"task_id": id}).content["task"].(object)
	if task["snoozed_at"] != nil || task["next_at"] != second || task["note"] != nil {
		t.Errorf("after the snoozed one: %v", task)
	}
	v.must(t, "pause_task", object{"task_id": id})
	if r := v.call(t, "snooze_task", object{"task_id": id, "until": "in 3h"}); r.content["code"] != "conflict" || !strings.Contains(r.text, "resume_task") {
		t.Errorf("paused: %s", r.text)
	}
	if r := v.call(t, "snooze_task", object{"task_id": v.newTask(t, manual("By hand")), "until": "in 3h"}); r.content["code"] != "conflict" {
		t.Errorf("manual: %s", r.text)
	}
}

// A backfill counts, makes, and makes nothing twice; calendars leave out what they exclude; a range that
// is too long says where to split it.
func TestBackfillTask(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	id := v.hourlyTask(t, "Late")
	args := object{"task_id": id, "from": "2026-02-01T00:30:00Z", "until": "2026-02-01T05:30:00Z", "dry_run": true, "rate_per_minute": 6}
	check := func(want object) {
		t.Helper()
		r := v.must(t, "backfill_task", args)
		for key, value := range want {
			if got := r.at(t, key); got != value {
				t.Errorf("%s is %v, want %v: %s", key, got, value, r.text)
			}
		}
	}
	made := object{"runs": 5.0, "existing": 0.0, "first_at": "2026-02-01T00:30:00Z", "last_at": "2026-02-01T04:30:00Z"}
	check(made)
	if runs := v.must(t, "list_runs", object{"task_id": id}).content["runs"].([]any); len(runs) != 0 {
		t.Errorf("a dry run made %v", runs)
	}
	args["dry_run"], args["idempotency_key"] = false, "k-backfill"
	check(made)
	check(made) // a repetition is told what the first call made
	delete(args, "idempotency_key")
	check(object{"runs": 0.0, "existing": 5.0})
	runs := v.must(t, "list_runs", object{"task_id": id}).content["runs"].([]any)
	if len(runs) != 5 || runs[0].(object)["kind"] != "backfill" || runs[0].(object)["state"] != "waiting" {
		t.Errorf("runs: %v", runs)
	}
	for name, c := range map[string]struct {
		change  object
		pointer string
		example string
	}{
		"too many":  {object{"from": "2026-01-01T00:00:00Z", "until": "2026-06-01T00:00:00Z"}, "/until", "2026-02-11T16:30:00Z"},
		"no start":  {object{"from": ""}, "/from", ""},
		"no end":    {object{"until": ""}, "/until", ""},
		"ahead":     {object{"until": "2999-01-01T00:00:00Z"}, "/until", ""},
		"backwards": {object{"until": "2026-01-01T00:00:00Z"}, "/until", ""},
		"no time":   {object{"from": "yesterday"}, "/from", ""},
	} {
		bad := object{"task_id": id, "from": "2026-02-01T00:30:00Z", "until": "2026-02-01T05:30:00Z"}
		maps.Copy(bad, c.change)
		r := v.call(t, "backfill_task", bad)
		if r.content["pointer"] != c.pointer || c.example != "" && r.content["example"] != c.example {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	args["task_id"] = v.newTask(t, manual("By hand"))
	if r := v.call(t, "backfill_task", args); r.content["code"] != "conflict" {
		t.Errorf("manual: %s", r.text)
	}
}

// A task that fails too often says so, and says what to do; resume_task gives it another chance.
func TestFailingTaskIsPaused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	args := manual("Fails")
	args["schedule"], args["pause_after_failures"] = object{"kind": "interval", "expr": "1h"}, 1
	created := v.must(t, "create_task", args)
	id := created.text1(t, "task", "id")
	if created.at(t, "task", "pause_after_failures") != 1.0 {
		t.Errorf("created: %s", created.raw)
	}
	if _, err := h.pool.Exec(t.Context(), `UPDATE task SET due_at = clock_timestamp(), next_at = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	h.tick(t)
	a := h.claim(t)
	h.finish(t, a, ordinaut.RunFailed, "")
	r := v.must(t, "get_task", object{"task_id": id})
	if r.text1(t, "task", "state") != "paused" || r.text1(t, "task", "paused_reason") != "paused_after_failures" ||
		!strings.Contains(r.text1(t, "task", "note"), a.RunID.String()) {
		t.Errorf("after a failure: %s", r.raw)
	}
	if r := v.must(t, "resume_task", object{"task_id": id}); r.text1(t, "task", "state") != "active" || r.content["task"].(object)["paused_reason"] != nil {
		t.Errorf("resumed: %s", r.raw)
	}
	if r := v.must(t, "update_task", object{"task_id": id, "pause_after_failures": 0}); r.content["task"].(object)["pause_after_failures"] != nil {
		t.Errorf("never: %s", r.raw)
	}
	if r := v.must(t, "create_task", manual("Default")); r.at(t, "task", "pause_after_failures") != 10.0 {
		t.Errorf("default: %s", r.raw)
	}
}

// Law: a time that is put off when its task is deleted is skipped for that, and keeps its row.
func TestDeletedTaskLeavesNoTimeWithoutFate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	task := dueWith(t, h, v, blackout(-40*time.Minute, 20*time.Minute, "defer"))
	h.tick(t)
	v.must(t, "delete_task", object{"task_id": task})
	id, err := ordinaut.ParseTaskID(task)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := h.store.ListOccurrences(t.Context(), h.local.NamespaceID, id, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].Fate != ordinaut.FateSkipped || rows[0].Reason != ordinaut.ReasonTaskDeleted {
		t.Errorf("rows %+v, want one skipped(task_deleted)", rows)
	}
}
