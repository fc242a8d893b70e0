package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// exampleTask, exampleRun and exampleApproval are the ids that examples name; tests put real ones in their place.
const (
	exampleTask     = "task_0199e0c2b6d27cc19a5f0b7c5b1f3a52"
	exampleRun      = "run_0199e0c2b6d27cc19a5f0b7c5b1f3a52"
	exampleApproval = "approval_0199e0c2b6d27cc19a5f0b7c5b1f3a52"
)

var requestIDs = regexp.MustCompile(`req_[0-9a-f]+`)

// anonymous returns a reply's text without its request id.
func (r reply) anonymous() string { return requestIDs.ReplaceAllString(r.text, "REQ") }

// A mistake is answered with what is wrong, where, and what is allowed, in these words.
func TestFailuresCanBeActedOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	id := v.newTask(t, manual("There"))
	with := func(key string, value any) object {
		args := manual("Wrong")
		if key == "shedule" {
			delete(args, "schedule")
		}
		args[key] = value
		return args
	}
	step := func(key string, value any) object {
		s := object{"id": "a", "uses": "wait.sleep", "with": object{"seconds": 1}}
		s[key] = value
		return with("pipeline", []object{s})
	}
	for name, tc := range map[string]struct {
		tool string
		args any
		want string
	}{
		"too many": {
			"list_runs",
			object{"limit": 500},
			`invalid_argument at /limit: got 500, want at most 100. Example: {"limit":10} (REQ)`,
		},
		"none": {
			"list_runs",
			object{"limit": 0},
			`invalid_argument at /limit: got 0, want at least 1. Example: {"limit":10} (REQ)`,
		},
		"text for a number": {
			"list_runs",
			object{"limit": "10"},
			`invalid_argument at /limit: got string, want integer (Most rows to answer). Example: {"limit":10} (REQ)`,
		},
		"misspelt key": {
			"create_task", with("shedule", object{"kind": "manual"}),
			`invalid_argument at /shedule: is not a known key; did you mean schedule? Allowed: assert, description, finally, idempotency_key, on_failure, output, params, pause_after_failures, pipeline, preview_id, priority, retry, schedule, timeout_seconds, title. Example: {"title":"Morning weather","schedule":{"kind":"cron","expr":"0 7 * * 1-5","timezone":"Europe/Chisinau"},"params":{"city":"Chisinau"},"pipeline":[{"id":"weather","uses":"http.request","with":{"url":"https://api.example.com/forecast?city=${params.city}"},"timeout_seconds":10,"expect":"status == 200"}]} (REQ)`,
		},
		"misspelt step key": {
			"create_task", step("timeout", 5),
			`invalid_argument at /pipeline/0/timeout: is not a known key; known are branches, cases, default, expect, id, if, on_error, on_timeout, retry, save_as, steps, timeout_seconds, uses, with. Example: {"pipeline":[{"id":"weather","uses":"http.request","with":{"url":"https://api.example.com/forecast?city=${params.city}"},"timeout_seconds":10,"expect":"status == 200"}]} (REQ)`,
		},
		"unknown kind": {
			"preview_schedule",
			object{"schedule": object{"kind": "crom", "expr": "0 9 * * *"}},
			`invalid_argument at /schedule/kind: got "crom", want "cron" or "rrule" or "interval" or "once" or "event" or "condition" or "manual"; did you mean "cron"? Example: {"schedule":{"kind":"cron","expr":"30 2 * * *","timezone":"Europe/Berlin"}} (REQ)`,
		},
		"never due": {
			"preview_schedule",
			object{"schedule": object{"kind": "cron", "expr": "0 0 31 2 *"}},
			`invalid_argument at /schedule/expr: "0 0 31 2 *" is never due within 40 years: no date satisfies all its fields. Example: 0 9 * * MON-FRI (REQ)`,
		},
		"unknown zone": {
			"preview_schedule",
			object{"schedule": object{"kind": "cron", "expr": "0 9 * * *", "timezone": "europe/berlin"}},
			`invalid_argument at /schedule/timezone: timezone "europe/berlin" is not known; use an IANA name such as Europe/Berlin, or UTC. Example: Europe/Berlin (REQ)`,
		},
		"no offset": {
			"preview_schedule",
			object{"schedule": object{"kind": "manual", "ends_at": "2030-03-01"}},
			`invalid_argument at /schedule/ends_at: want an RFC 3339 time with its offset from UTC. Example: 2030-03-01T09:00:00+02:00 (REQ)`,
		},
		"id of another kind": {
			"get_task",
			object{"task_id": exampleRun},
			`invalid_argument at /task_id: got the id of a run, want the id of a task: task_ and 32 hex digits; list_tasks shows ids. Example: {"task_id":"` + exampleTask + `"} (REQ)`,
		},
		"no id": {
			"get_run", nil,
			`invalid_argument at /run_id: is missing (run_ and 32 hex digits). Example: {"run_id":"` + exampleRun + `"} (REQ)`,
		},
		"absent task": {"get_task", object{"task_id": exampleTask}, `not_found: no task ` + exampleTask + `. (REQ)`},
		"absent run":  {"cancel_run", object{"run_id": exampleRun}, `not_found: no run ` + exampleRun + `. (REQ)`},
		"absent action": {
			"list_actions",
			object{"name": "calender.list"},
			`not_found at /name: no such action; list_actions without name shows all 9. (REQ)`,
		},
		"misspelt action": {
			"list_actions",
			object{"name": "http.requst"},
			`not_found at /name: no such action; did you mean http.request? (REQ)`,
		},
		"nothing to change": {
			"update_task",
			object{"task_id": id},
			`invalid_argument: nothing to change: give at least one of title, description, schedule, preview_id, pipeline, assert, output, on_failure, finally, params, priority, timeout_seconds, pause_after_failures, retry. Example: {"task_id":"` + exampleTask + `","if_version":1,"schedule":{"kind":"cron","expr":"30 7 * * *","timezone":"Europe/Chisinau"}} (REQ)`,
		},
		"stale version": {
			"update_task",
			object{"task_id": id, "if_version": 7, "title": "x"},
			`conflict at /if_version: ` + id + ` is at version 1, not 7: read it again and send the change on top of that. (REQ)`,
		},
		"not paused": {"resume_task", object{"task_id": id}, `conflict: ` + id + ` is active, not paused. (REQ)`},
		"inexact number": {
			"create_task", with("params", object{"chat": json.Number("9007199254740993")}),
			`invalid_argument at /params/chat: integers beyond ±9007199254740991 lose digits; send it as a string. Example: {"params":{"city":"Chisinau"}} (REQ)`,
		},
		"foreign cursor": {
			"list_tasks",
			object{"cursor": "AAAA"},
			`invalid_argument at /cursor: not a cursor of list_tasks; send next_cursor of its previous answer, or leave cursor out to start again. Example: {"state":"active","text":"weather","limit":10} (REQ)`,
		},
		"backwards": {
			"list_runs",
			object{"since": "2030-01-02T00:00:00Z", "until": "2030-01-01T00:00:00Z"},
			`invalid_argument at /until: until must be later than since. Example: {"states":["failed","timed_out"],"limit":10} (REQ)`,
		},
		"not an object": {"list_tasks", []int{1}, `invalid_argument: want the arguments as an object. Example: {"state":"active","text":"weather","limit":10} (REQ)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := v.call(t, tc.tool, tc.args)
			if !r.failed {
				t.Fatalf("it went well: %s", r.text)
			}
			if diff := cmp.Diff(tc.want, r.anonymous()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if code, _, _ := strings.Cut(strings.ReplaceAll(r.text, ":", " "), " "); r.content["code"] != code || !requestIDs.MatchString(r.content["request_id"].(string)) {
				t.Errorf("structured content: %s", r.raw)
			}
		})
	}
}

// Steps are checked before anything is stored, with the place of the fault.
func TestPipelineFaultsHaveTheirPlace(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	for pointer, step := range map[string]object{
		"/pipeline/1/uses":         {"id": "b", "uses": "wait.slep", "with": object{"seconds": 1}},
		"/pipeline/1/with/seconds": {"id": "b", "uses": "wait.sleep", "with": object{"seconds": "long"}},
		"/pipeline/1/if":           {"id": "b", "uses": "wait.sleep", "if": "params.[", "with": object{"seconds": 1}},
		"/pipeline/1/id":           {"id": "say", "uses": "wait.sleep", "with": object{"seconds": 1}},
	} {
		args := manual("Faulty")
		args["pipeline"] = append(args["pipeline"].([]object), step)
		r := v.call(t, "create_task", args)
		if !r.failed || r.content["code"] != "invalid_argument" || r.content["pointer"] != pointer {
			t.Errorf("want a fault at %s, got %s", pointer, r.text)
		}
	}
	if r := v.must(t, "list_tasks", nil); r.text != "No task." {
		t.Errorf("a faulty task was stored: %s", r.text)
	}
}

// Names that a stranger chose come back short and printable, if at all.
func TestHostileKeysAreNotEchoed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	for name, key := range map[string]string{"long": strings.Repeat("k", 20_000), "control": "a\x1b[2J\u202e\nb"} {
		for _, args := range []object{{key: 1, "\x01" + key: 2}, {"schedule": object{"kind": "manual", key: 1}, key: 2}} {
			r := v.call(t, "preview_schedule", args)
			if !r.failed || len(r.text) > 1500 || len(r.raw) > 1500 {
				t.Errorf("%s: an answer of %d bytes", name, len(r.text))
			}
			if strings.ContainsAny(r.text, "\x1b\u202e\n\x01") || strings.ContainsAny(r.content["pointer"].(string), "\x1b\u202e\n\x01") {
				t.Errorf("%s: echoed in %q", name, r.text)
			}
		}
	}
}

// What a message quotes of a pipeline can't steer a terminal or turn the text around.
func TestHostilePipelinesAreNotEchoed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	const hostile = "\u202e\u2066\x1b[2J\r\nX"
	for name, step := range map[string]object{
		"expression": {"id": "a", "uses": "data.transform", "with": object{"input": 1, "expression": hostile}},
		"header":     {"id": "a", "uses": "http.request", "with": object{"url": "http://example.com/", "headers": object{hostile: "1"}}},
		"action":     {"id": "a", "uses": hostile},
		"template":   {"id": "a", "uses": "event.publish", "with": object{"topic": "t", "payload": "${" + hostile + "}"}},
	} {
		r := v.call(t, "create_task", object{"title": "t", "schedule": object{"kind": "manual"}, "pipeline": []object{step}})
		if !r.failed || strings.ContainsAny(r.text, "\x1b\u202e\u2066\r\n") || strings.ContainsAny(r.content["message"].(string), "\x1b\u202e\u2066\r\n") {
			t.Errorf("%s: echoed in %q", name, r.text)
		}
	}
}

// Every tool refuses an agent that has every scope but its own, and lets one in that has just that.
func TestScopesAreChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, d := range h.defined {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			var others []ordinaut.Scope
			for _, s := range ordinaut.Scopes() {
				if s != d.scope {
					others = append(others, s)
				}
			}
			r := h.connect(t, h.guest(t, "default", others...)).call(t, d.name, d.example)
			want := "permission_denied: " + d.name + " needs the scope " + string(d.scope) + ", which this credential does not have. (REQ)"
			if r.anonymous() != want {
				t.Errorf("without its scope: %s, want %s", r.anonymous(), want)
			}
			r = h.connect(t, h.guest(t, "default", d.scope)).call(t, d.name, d.example)
			if r.content["code"] == "permission_denied" {
				t.Errorf("with its scope: %s", r.text)
			}
		})
	}
}

// What belongs to another namespace is answered in the very words of what does not exist.
func TestOtherNamespaceIsAbsent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	owner := h.connect(t, h.key)
	task := owner.newTask(t, manual("Private"))
	run := owner.newRun(t, task)
	approval := h.ask(t, h.claim(t))
	stranger := h.connect(t, h.guest(t, "elsewhere", ordinaut.Scopes()...))
	for _, d := range h.defined {
		if !strings.Contains(string(d.example), exampleTask) && !strings.Contains(string(d.example), exampleRun) && !strings.Contains(string(d.example), exampleApproval) {
			continue
		}
		swap := strings.NewReplacer(exampleTask, task, exampleRun, run, exampleApproval, approval)
		absent := stranger.call(t, d.name, d.example).anonymous()
		foreign := stranger.call(t, d.name, json.RawMessage(swap.Replace(string(d.example)))).anonymous()
		if foreign != swap.Replace(absent) || !strings.HasPrefix(foreign, "not_found") {
			t.Errorf("%s: foreign %q, absent %q", d.name, foreign, absent)
		}
	}
	if r := stranger.must(t, "list_runs", object{"task_id": task}); r.text != "No run." {
		t.Errorf("runs of a foreign task: %s", r.text)
	}
	if r := stranger.must(t, "list_tasks", nil); r.text != "No task." {
		t.Errorf("foreign tasks: %s", r.text)
	}
	if r := owner.must(t, "get_task", object{"task_id": task}); r.at(t, "task", "version") != 1.0 {
		t.Errorf("a stranger changed the task: %s", r.raw)
	}
}

// An error that is nobody's business but ours says so, and nothing else.
func TestInternalErrorsAreNotShown(t *testing.T) {
	t.Parallel()
	s := offline(t)
	d := s.defined[0]
	for _, err := range []error{
		errors.New("postgres://hidden"),
		&ordinaut.Error{Code: ordinaut.CodeInternal, Msg: "postgres://hidden"},
		notPublic(ordinaut.Invalid("/schedule", "postgres://hidden")),
	} {
		res := s.failure(d, &call{requestID: "req_1"}, err)
		got := res.StructuredContent.(failure)
		want := failure{
			Code: ordinaut.CodeInternal, RequestID: "req_1",
			Message: "internal error; nothing is wrong with the call, and the server's log has the details",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	for _, err := range []error{context.Canceled, context.DeadlineExceeded} {
		if got := s.failure(d, &call{}, err).StructuredContent.(failure); got.Code != ordinaut.CodeDeadlineExceeded {
			t.Errorf("%v became %+v", err, got)
		}
	}
}
