package mcp

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor"
	"github.com/ordinaut/ordinaut/store"
)

// work runs a real worker until the test ends. A change may give it servers.
func (h *house) work(t *testing.T, changes ...func(*executor.Config)) {
	t.Helper()
	wakeQueue, stopQueue := h.store.Subscribe(store.WakeQueue)
	wakeCancel, stopCancel := h.store.Subscribe(store.WakeCancel)
	cfg := executor.Config{
		Store: h.store, Worker: "worker-1", Slots: 10, HTTP: &http.Client{}, Log: slog.New(slog.DiscardHandler),
		Grace: 100 * time.Millisecond, WakeQueue: wakeQueue, WakeCancel: wakeCancel,
	}
	for _, change := range changes {
		change(&cfg)
	}
	e, err := executor.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the worker ended with %v", err)
		}
		stopQueue()
		stopCancel()
	})
}

// peer answers as its path asks for.
func peer(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/busy":
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusTooManyRequests)
		case "/forbidden":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// explainedRun is a case of explain_task about a run that a worker ended: what the task is, and why its run
// fails.
type explainedRun struct {
	reason  ordinaut.Reason
	args    object
	because string
	fix     string
	sql     string // damages the stored definition before the run
}

// explainedRuns are the reasons for which a worker fails a run. url is that of a peer.
func explainedRuns(url string) []explainedRun {
	get := func(path string, more object) object {
		step := object{"id": "look", "uses": "http.request", "with": object{"url": url + path}}
		maps.Copy(step, more)
		return object{"pipeline": []object{step}}
	}
	transform := func(more object) object {
		step := object{"id": "look", "uses": "data.transform", "with": object{"input": "${params.word}", "expression": "@"}}
		maps.Copy(step, more)
		return object{"params": object{"word": "hello"}, "pipeline": []object{step}}
	}
	uses := func(action string) object { return object{"pipeline": []object{{"id": "count", "uses": action}}} }
	return []explainedRun{
		{ordinaut.ReasonStepTimedOut, get("/slow", object{"timeout_seconds": 0.1}), "a step took longer than its timeout_seconds", "update_task", ""},
		{ordinaut.ReasonRunTimedOut, object{"timeout_seconds": 1, "pipeline": []object{{"id": "nap", "uses": "wait.sleep", "with": object{"seconds": 60}}}}, "the run took longer than its timeout_seconds", "update_task", ""},
		{ordinaut.ReasonExpectationFailed, transform(object{"expect": "result == 'other'"}), "the output of a step did not meet its expect", "get_run", ""},
		// join wants a list; what params hold is known only when it is rendered.
		{ordinaut.ReasonTemplateError, transform(object{"with": object{"input": "${join(', ', params.word)}", "expression": "@"}}), "an expression is wrong", "get_run", ""},
		{ordinaut.ReasonInputInvalid, object{"params": object{"url": 5}, "pipeline": []object{{"id": "look", "uses": "http.request", "with": object{"url": "${params.url}"}}}}, "what a step was given does not fit", "get_run", ""},
		{ordinaut.ReasonOutputInvalid, uses("stock.count"), "what an action answered does not fit its schema", "get_run", ""},
		{ordinaut.ReasonUnknownAction, uses("removed.count"), "a step uses an action that is not registered", "list_actions", ""},
		{ordinaut.ReasonActionFailed, get("/teapot", nil), "an action answered with an error", "get_run", ""},
		{ordinaut.ReasonPermissionDenied, get("/forbidden", nil), "a credential was refused", "get_run", ""},
		{ordinaut.ReasonRateLimited, get("/busy", nil), "the other side asked to wait", "update_task", ""},
		{ordinaut.ReasonServerUnavailable, object{"pipeline": []object{{"id": "look", "uses": "http.request", "with": object{"url": "http://127.0.0.1:1/"}}}}, "a server or host could not be reached", "update_task", ""},
		// Nothing that a tool takes is the program's own fault: a definition that nobody can read is.
		{ordinaut.ReasonInternal, transform(nil), "something went wrong inside Ordinaut", "run_now", `UPDATE task_version SET spec = jsonb_set(spec, '{pipeline,0,if}', '"status =="')`},
	}
}

// A run that failed is told by its reason, with the worker's words, and with a call that works.
func TestExplainTaskTellsOfRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t, h.twoServers(t))
	for _, tc := range explainedRuns(peer(t)) {
		t.Run(string(tc.reason), func(t *testing.T) {
			args := manual("Failing")
			maps.Copy(args, tc.args)
			task := v.newTask(t, args)
			if tc.sql != "" {
				h.exec(t, tc.sql+` WHERE 'task_' || replace(task_id::text, '-', '') = $1`, task)
			}
			run := v.ended(t, v.must(t, "run_now", object{"task_id": task, "wait_seconds": 20}).text1(t, "run", "id"))
			r := v.must(t, "explain_task", object{"task_id": task, "run_id": run})
			if got := r.text1(t, "verdict"); got != string(tc.reason) {
				t.Fatalf("verdict %s: %s", got, r.text)
			}
			if s := r.text1(t, "sentence"); !strings.HasPrefix(s, "It was started by hand at ") || !strings.Contains(s, ", because "+tc.because) {
				t.Errorf("sentence %q", s)
			}
			checkEvidence(t, r, []string{"started", "(" + string(tc.reason) + ")"})
			if got := r.text1(t, "fix", "tool"); got != tc.fix {
				t.Fatalf("fix %s, want %s", got, tc.fix)
			}
			v.must(t, tc.fix, r.at(t, "fix", "arguments"))
			if tc.fix == "update_task" && r.content["make_up"] != nil {
				v.must(t, "retry_run", r.at(t, "make_up", "arguments"))
			}
		})
	}
}

// Of a run that succeeded it is told which steps it left out, and why.
func TestExplainTaskTellsOfSkippedSteps(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	step := func(id, when string) object {
		return object{"id": id, "uses": "data.transform", "with": object{"input": 1, "expression": "@"}, "if": when}
	}
	for want, steps := range map[string][]object{
		", without its step second, whose if was false.": {step("first", "params.on"), step("second", "!params.on")},
		", without 2 of its steps, whose if was false.":  {step("first", "!params.on"), step("second", "params.on"), step("third", "!params.on")},
		"ms.": {step("first", "params.on")},
	} {
		args := manual("Picky")
		args["params"], args["pipeline"] = object{"on": true}, steps
		task := v.newTask(t, args)
		run := v.ended(t, v.must(t, "run_now", object{"task_id": task, "wait_seconds": 20}).text1(t, "run", "id"))
		r := v.must(t, "explain_task", object{"task_id": task, "run_id": run})
		if r.text1(t, "verdict") != string(ordinaut.VerdictRan) || !strings.HasSuffix(r.text1(t, "sentence"), want) {
			t.Errorf("want %q: %s", want, r.text)
		}
		if len(steps) > 1 {
			checkEvidence(t, r, []string{"started", "skipped (condition_false)", "succeeded"})
		}
	}
}

// A single run that nobody will repeat is tried again by hand: a change of the task would come too late.
func TestExplainTaskTriesAFinishedTaskAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	task := v.newTask(t, object{
		"title": "Once", "schedule": object{"kind": "once", "expr": "in 0s"},
		"pipeline": []object{{"id": "look", "uses": "http.request", "with": object{"url": "http://127.0.0.1:1/"}}},
	})
	h.tick(t)
	run := v.ended(t, v.must(t, "list_runs", object{"task_id": task}).text1(t, "runs", 0, "id"))
	r := v.must(t, "explain_task", object{"task_id": task, "run_id": run})
	if r.text1(t, "verdict") != string(ordinaut.ReasonServerUnavailable) || r.text1(t, "fix", "tool") != "retry_run" {
		t.Fatalf("got %s", r.text)
	}
	v.must(t, "retry_run", r.at(t, "fix", "arguments"))
}

// Law: a text that tells of a task's times goes by the clock of its schedule.
func TestTextsGoByTheSchedulesClock(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	args := manual("Noon")
	args["schedule"] = object{"kind": "cron", "expr": "0 12 * * *", "timezone": "Asia/Kolkata"}
	task := v.newTask(t, args)
	for _, call := range []struct {
		tool string
		args object
	}{
		{"get_task", object{"task_id": task}},
		{"list_tasks", nil},
		{"explain_task", object{"task_id": task}},
		{"snooze_task", object{"task_id": task, "until": "in 48h"}},
		{"get_task", object{"task_id": task}},
		{"pause_task", object{"task_id": task, "until": "in 2h"}},
		{"get_task", object{"task_id": task}},
		{"preview_schedule", object{"schedule": args["schedule"]}},
	} {
		text := v.must(t, call.tool, call.args).text
		if utc := regexp.MustCompile(`\d\dT\d\d:\d\d:[\d.]+Z`).FindString(text); utc != "" || !strings.Contains(text, "+05:30") {
			t.Errorf("%s tells %q:\n%s", call.tool, utc, text)
		}
	}
}

// ended waits for a run's end.
func (v *visitor) ended(t *testing.T, run string) string {
	t.Helper()
	deadline := time.After(testLimit)
	for {
		if r := v.must(t, "get_run", object{"run_id": run}); r.at(t, "run", "finished_at") != nil {
			return run
		}
		select {
		case <-deadline:
			t.Fatalf("%s has not ended", run)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
