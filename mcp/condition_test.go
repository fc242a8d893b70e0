package mcp

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An edge starts one run when the condition becomes met, and the next one only after it was seen not met;
// the run reaches what was found. Probes are runs of their own and do not drown the others.
func TestConditionEdge(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	w.work(t)
	task := w.newTask(t, w.watching(nil))
	if got := w.state(t, task); got["looks"] != "Not probed yet." {
		t.Errorf("before the first probe: %v", got)
	}
	for _, level := range []int{0, 7, 8, 1, 9} {
		w.says(fmt.Sprintf(`{"level": %d}`, level))
		w.probe(t)
		w.ended(t)
	}
	w.startsAre(t, task, "started", "started")
	runs := w.must(t, "list_runs", object{"task_id": task})
	if n := len(runs.at(t, "runs").([]any)); n != 2 || runs.at(t, "runs", 0, "kind") != "condition" {
		t.Errorf("runs: %s", runs.text)
	}
	run := w.must(t, "get_run", object{"run_id": runs.text1(t, "runs", 1, "id"), "detail": "full"})
	if level := run.at(t, "run", "output", "result", "value", "body", "level"); level != 7.0 {
		t.Errorf("the first run was told %s", run.raw)
	}
	probes := w.must(t, "list_runs", object{"task_id": task, "kinds": []string{"probe"}})
	if n := len(probes.at(t, "runs").([]any)); n != 5 {
		t.Errorf("%d probes, want 5: %s", n, probes.text)
	}
	probe := w.must(t, "get_run", object{"run_id": probes.text1(t, "runs", 0, "id")})
	if probe.at(t, "run", "steps", 0, "id") != "probe" || probe.at(t, "run", "state") != "succeeded" {
		t.Errorf("probe = %s", probe.raw)
	}
	if got := w.state(t, task); got["met"] != true || got["met_since"] == nil || got["value"].(object)["body"].(object)["level"] != 9.0 {
		t.Errorf("state = %v", got)
	}
}

// A level starts at every probe that finds the condition met; max_runs ends the watch.
func TestConditionLevelUntilMaxRuns(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	w.work(t)
	args := w.watching(object{"mode": "level"})
	args["schedule"].(object)["max_runs"] = 2
	task := w.newTask(t, args)
	w.says(`{"level": 6}`)
	for range 2 {
		w.probe(t)
		w.ended(t)
	}
	w.startsAre(t, task, "started", "started")
	r := w.must(t, "get_task", object{"task_id": task})
	if r.at(t, "task", "state") != "finished" || !strings.Contains(r.text1(t, "task", "note"), "max_runs") {
		t.Errorf("after max_runs: %s", r.raw)
	}
}

// A condition counts only when it has been met at every probe for hold_seconds.
func TestConditionHold(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	w.work(t)
	task := w.newTask(t, w.watching(object{"hold_seconds": 60}))
	later := func() { w.sql(t, `UPDATE condition SET met_since = met_since - interval '59 seconds'`) }
	w.says(`{"level": 6}`)
	w.probe(t)
	later()
	w.says(`{"level": 0}`)
	w.probe(t) // the stretch is over
	w.says(`{"level": 6}`)
	w.probe(t)
	w.startsAre(t, task)
	later()
	w.sql(t, `UPDATE condition SET met_since = met_since - interval '1 second'`)
	w.probe(t)
	w.probe(t)
	w.startsAre(t, task, "started")
}

// Within the cooldown no start follows another. An edge that is held back says so once, and starts at the
// first probe after the cooldown.
func TestConditionCooldown(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	w.work(t)
	task := w.newTask(t, w.watching(object{"cooldown_seconds": 600}))
	for _, level := range []int{6, 0, 6, 7, 8} {
		w.says(fmt.Sprintf(`{"level": %d}`, level))
		w.probe(t)
		w.ended(t)
	}
	w.startsAre(t, task, "started", "skipped cooldown")
	if got := w.state(t, task); got["cooldown_until"] == nil || !strings.Contains(got["looks"].(string), "held back") {
		t.Errorf("state = %v", got)
	}
	w.sql(t, `UPDATE condition SET cooldown_until = cooldown_until - interval '10 minutes'`)
	w.probe(t)
	w.startsAre(t, task, "started", "skipped cooldown", "started")
}

// At its deadline a watch ends: with a row of the ledger if it has started nothing.
func TestConditionDeadline(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	w.work(t)
	deadline := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	quiet := w.newTask(t, w.watching(object{"deadline": deadline.Format(time.RFC3339)}))
	w.probe(t)
	// An hour later.
	w.sql(t, `UPDATE task SET due_at = clock_timestamp(), next_at = NULL,
rules = jsonb_set(rules, '{condition,deadline}', to_jsonb(to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))`)
	w.tickAsIs(t)
	w.startsAre(t, quiet, "missed deadline_passed")
	r := w.must(t, "get_task", object{"task_id": quiet})
	if r.at(t, "task", "state") != "finished" || !strings.Contains(r.text1(t, "task", "note"), "deadline") {
		t.Errorf("after the deadline: %s", r.raw)
	}
}

// What a probe leaves as cursor the next one reaches, also in another process.
func TestConditionCursor(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	stop := w.work(t)
	task := w.newTask(t, w.watching(object{
		"probe":  object{"uses": "http.request", "with": object{"url": w.web.URL + "/items", "query": object{"after": "${cursor || 'none'}"}}},
		"when":   "body.items[?id != cursor] | length(@) > 0",
		"cursor": "body.items[-1].id || cursor",
	}))
	w.says(`{"items": [{"id": "a1"}, {"id": "b2"}]}`)
	w.probe(t)
	stop()
	w.work(t)
	w.says(`{"items": []}`)
	w.probe(t)
	w.probe(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff([]string{"after=none", "after=b2", "after=b2"}, w.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if got := w.state(t, task); got["cursor"] != "b2" {
		t.Errorf("state = %v", got)
	}
}

// A probe that fails says nothing of the condition, and tells why; the next one looks again.
func TestConditionProbeFails(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	w.work(t)
	task := w.newTask(t, w.watching(nil))
	w.says(`{"level": 6}`)
	w.probe(t)
	w.says("")
	w.probe(t)
	if got := w.state(t, task); got["met"] != true || !strings.Contains(got["error"].(string), "answered 500") {
		t.Errorf("after a failed probe: %v", got)
	}
	w.says(`{"level": "high"}`)
	w.probe(t)
	got := w.state(t, task)
	if message, _ := got["error"].(string); !strings.HasPrefix(message, "when: ") && got["met"] != false {
		t.Errorf("after a level that is no number: %v", got)
	}
	w.says(`{"level": 8}`)
	w.probe(t)
	if got := w.state(t, task); got["error"] != nil {
		t.Errorf("after a good probe: %v", got)
	}
}

// A change of the condition forgets what was known, any other change does not; the verdict of a probe that
// was under way is dropped.
func TestConditionChanges(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	w.work(t)
	task := w.newTask(t, w.watching(nil))
	w.says(`{"level": 6}`)
	w.probe(t)
	w.must(t, "update_task", object{"task_id": task, "title": "renamed"})
	w.probe(t)
	w.startsAre(t, task, "started")
	changed := w.watching(object{"when": "body.level > 4"})
	w.mu.Lock()
	w.during = sync.OnceFunc(func() {
		w.must(t, "update_task", object{"task_id": task, "schedule": changed["schedule"]})
	})
	w.mu.Unlock()
	w.probe(t)
	if got := w.state(t, task); got["looks"] != "Not probed yet." {
		t.Errorf("after the change: %v", got)
	}
	w.probe(t)
	w.startsAre(t, task, "started", "started")
}

// Only what reads may be a probe, and what is wrong with a condition is said where it is.
func TestConditionRefused(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	url := object{"url": w.web.URL}
	for _, tc := range []struct {
		name      string
		condition object
		pointer   string
		words     string
	}{
		{"too often", object{"every": "5s"}, "/schedule/condition/every", "10 seconds"},
		{"no duration", object{"every": "often"}, "/schedule/condition/every", "not a duration"},
		{"deadline past", object{"deadline": "2020-01-01T00:00:00Z"}, "/schedule/condition/deadline", "has passed"},
		{"unknown action", object{"probe": object{"uses": "http.reqest", "with": url}}, "/schedule/condition/probe/uses", "did you mean http.request?"},
		{"changes something", object{"probe": object{"uses": "event.publish", "with": object{"topic": "a.b"}}}, "/schedule/condition/probe/uses", "only looks"},
		{"posts", object{"probe": object{"uses": "http.request", "with": object{"url": w.web.URL, "method": "POST"}}}, "/schedule/condition/probe/with/method", "GET or HEAD"},
		{"may post", object{"probe": object{"uses": "http.request", "with": object{"url": w.web.URL, "method": "${params.method || 'GET'}"}}}, "/schedule/condition/probe/with/method", "GET or HEAD"},
		{"sleeps", object{"probe": object{"uses": "wait.sleep", "with": object{"seconds": 5}}}, "/schedule/condition/probe/uses", "looks at nothing"},
		{"wrong input", object{"probe": object{"uses": "http.request", "with": object{"url": w.web.URL, "hedaers": object{}}}}, "/schedule/condition/probe/with/hedaers", "headers"},
		{"cursor may be null", object{"probe": object{"uses": "http.request", "with": object{"url": w.web.URL + "?${cursor}"}}}, "/schedule/condition/probe/with/url", "${cursor || 'none'}"},
		{"steps", object{"probe": object{"uses": "http.request", "with": object{"url": "${steps.tell.result}"}}}, "/schedule/condition/probe/with/url", "steps.tell"},
		{"when broken", object{"when": "body.level >"}, "/schedule/condition/when", "ends too early"},
		{"when misspelt", object{"when": "bodi.level > 5"}, "/schedule/condition/when", "did you mean body?"},
		{"cursor misspelt", object{"cursor": "boddy.id"}, "/schedule/condition/cursor", "did you mean body?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := w.call(t, "create_task", w.watching(tc.condition))
			if !r.failed {
				t.Fatalf("was taken: %s", r.text)
			}
			raw, err := json.Marshal(r.content)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.at(t, "pointer"); got != tc.pointer || !strings.Contains(r.text, tc.words) {
				t.Errorf("answered %s\nwant pointer %s and %q", raw, tc.pointer, tc.words)
			}
		})
	}
}
