package mcp

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// Every tool's example is a call that goes well once its ids are real.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	for _, d := range h.defined {
		task := v.newTask(t, manual("For "+d.name))
		run := v.newRun(t, task)
		if d.name == "resume_task" {
			v.must(t, "pause_task", object{"task_id": task})
		}
		if d.name == "snooze_task" || d.name == "backfill_task" { // what takes a task with times
			v.must(t, "update_task", object{"task_id": task, "schedule": object{"kind": "interval", "expr": "1h"}})
		}
		if d.name == "run_now" { // somebody has to do the work that the example waits for
			h.claimUntil(t, run)
			go func() { h.finish(t, h.claim(t), ordinaut.RunSucceeded, `{"ok":true}`) }()
		}
		if d.name == "retry_run" { // what takes a run that failed
			h.finish(t, h.claimUntil(t, run), ordinaut.RunFailed, "")
			go func() { h.finish(t, h.claim(t), ordinaut.RunSucceeded, `{"ok":true}`) }()
		}
		approval := exampleApproval
		if d.name == "decide_approval" {
			approval = h.ask(t, h.claimUntil(t, run))
		}
		args := strings.NewReplacer(exampleTask, task, exampleRun, run, exampleApproval, approval).Replace(string(d.example))
		if r := v.call(t, d.name, json.RawMessage(args)); r.failed {
			t.Errorf("%s %s: %s", d.name, args, r.text)
		}
	}
}

// claimUntil claims runs until it has the one with this id; the others stay with the worker.
func (h *house) claimUntil(t *testing.T, run string) ordinaut.Attempt {
	t.Helper()
	for {
		if a := h.claim(t); a.RunID.String() == run {
			return a
		}
	}
}

// The same call with the same key is done once, whatever the tool; with other arguments it is refused.
func TestRepeatedCallsAreDoneOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	create := manual("Once")
	create["idempotency_key"] = "k-create"
	create["schedule"] = object{"kind": "interval", "expr": "1h"}
	task := v.newTask(t, create)
	if again := v.newTask(t, create); again != task {
		t.Errorf("create_task made %s and %s", task, again)
	}
	for _, step := range []struct {
		tool string
		args object
		path []any
	}{
		{"update_task", object{"task_id": task, "title": "Twice"}, []any{"task", "version"}},
		{"pause_task", object{"task_id": task, "note": "a"}, []any{"task", "state"}},
		{"resume_task", object{"task_id": task}, []any{"task", "state"}},
		{"snooze_task", object{"task_id": task, "until": "in 3h"}, []any{"task", "snoozed_until"}},
		{"backfill_task", object{"task_id": task, "from": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"}, []any{"runs"}},
		{"run_now", object{"task_id": task}, []any{"run", "id"}},
		{"cancel_run", nil, []any{"run", "state"}},
		{"delete_task", object{"task_id": task}, []any{"task", "state"}},
	} {
		if step.tool == "cancel_run" {
			step.args = object{"run_id": v.newRun(t, task)}
		}
		step.args["idempotency_key"] = "k-" + step.tool
		first := v.must(t, step.tool, step.args)
		second := v.must(t, step.tool, step.args)
		if a, b := first.at(t, step.path...), second.at(t, step.path...); a != b {
			t.Errorf("%s gave %v, then %v", step.tool, a, b)
		}
		r := v.call(t, "create_task", object{
			"title": "Other", "schedule": object{"kind": "manual"}, "pipeline": create["pipeline"],
			"idempotency_key": "k-" + step.tool,
		})
		if r.content["code"] != "conflict" || r.content["pointer"] != "/idempotency_key" {
			t.Errorf("the key of %s with another call: %s", step.tool, r.text)
		}
	}
	if r := v.must(t, "list_tasks", nil); r.text != "No task." {
		t.Errorf("a refused call stored something: %s", r.text)
	}
	if r := v.must(t, "list_runs", nil); len(r.content["runs"].([]any)) != 2 {
		t.Errorf("want one run of run_now and one that was cancelled, got %s", r.raw)
	}
}

// A change leaves the tool, the agent, the request and the digest in the audit trail.
func TestCallsAreAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	task := v.newTask(t, manual("Audited"))
	var actor, action, object, request, source string
	var digest []byte
	const last = `SELECT actor, action, object, request_id, source, digest FROM audit WHERE action = 'create_task'`
	if err := h.pool.QueryRow(t.Context(), last).Scan(&actor, &action, &object, &request, &source, &digest); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(actor, h.local.ID.String()) && actor != h.local.Name || object != task || !requestIDs.MatchString(request) || source != "127.0.0.1" || len(digest) != 32 {
		t.Errorf("audit row: %q %q %q %q %q %x", actor, action, object, request, source, digest)
	}
}

// A call is counted by its code, timed, and logged without its arguments.
func TestCallsAreCountedAndLogged(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	var log bytes.Buffer
	s := newHouse(t, func(c *Config) { c.Registerer, c.Log = registry, slog.New(slog.NewTextHandler(&log, nil)) })
	agent, err := s.store.LocalAgent(t.Context(), "tester")
	if err != nil {
		t.Fatal(err)
	}
	handler := s.MCP().GetTool("preview_schedule").Handler
	for _, kind := range []string{"manual", "manual", "confidential"} {
		req := mcp.CallToolRequest{}
		req.Params.Arguments = object{"schedule": object{"kind": kind}}
		if _, err := handler(WithAgent(t.Context(), agent), req); err != nil {
			t.Fatal(err)
		}
	}
	if res, err := handler(t.Context(), mcp.CallToolRequest{}); err != nil || res.StructuredContent.(failure).Code != ordinaut.CodeUnauthenticated {
		t.Errorf("without an agent: %+v, %v", res, err)
	}
	want := map[string]float64{"invalid_argument": 1, "ok": 2, "unauthenticated": 1}
	if diff := cmp.Diff(want, callsByCode(t, registry, "preview_schedule")); diff != "" {
		t.Errorf("ordinaut_tool_calls_total (-want +got):\n%s", diff)
	}
	for _, part := range []string{"level=INFO", `msg="tool called"`, "tool=preview_schedule", "code=ok", "agent=tester", "request_id=req_", "took="} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("no %s in the log:\n%s", part, log.String())
		}
	}
	if strings.Contains(log.String(), "confidential") {
		t.Errorf("arguments are in the log:\n%s", log.String())
	}
}

// callsByCode reads the counter of a tool's calls, and checks that as many were timed.
func callsByCode(t *testing.T, registry *prometheus.Registry, tool string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts, calls, timed := map[string]float64{}, 0.0, 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["tool"] != tool {
				continue
			}
			switch family.GetName() {
			case "ordinaut_tool_calls_total":
				counts[labels["code"]] = m.GetCounter().GetValue()
				calls += m.GetCounter().GetValue()
			case "ordinaut_tool_seconds":
				timed += float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	if calls != timed {
		t.Errorf("%v calls were counted, %v timed", calls, timed)
	}
	return counts
}

// A handler that panics is an internal error to its caller, and the log knows where.
func TestPanicIsAnAnswer(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s, err := New(Config{Store: &store.Store{}, Log: slog.New(slog.NewTextHandler(&log, nil))}) // a store without a pool
	if err != nil {
		t.Fatal(err)
	}
	agent := &ordinaut.Agent{ID: ordinaut.NewAgentID(), Name: "tester", Scopes: ordinaut.Scopes()}
	res, err := s.MCP().GetTool("get_status").Handler(WithAgent(t.Context(), agent), mcp.CallToolRequest{})
	if err != nil || !res.IsError || res.StructuredContent.(failure).Code != ordinaut.CodeInternal {
		t.Errorf("answer %+v, error %v", res, err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "get_status.go") {
		t.Errorf("log:\n%s", log.String())
	}
}
