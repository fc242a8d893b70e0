package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
)

const (
	sizesFile = "testdata/answer_bytes.json"
	docsFile  = "../docs/tools.md"
	// thriftyBytes is about 2000 tokens of JSON.
	thriftyBytes = 8 << 10
)

// answerBytes is the size of a typical answer.
type answerBytes struct {
	Call       string `json:"call"`
	Structured int    `json:"structured"`
	Text       int    `json:"text"`
}

// Typical answers stay within what an assistant can afford, and the document tells their sizes and all
// that the schemas say.
func TestAnswersAreThriftyAndDocumented(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	sizes := h.measure(t)
	for _, got := range sizes {
		if got.Structured > thriftyBytes || got.Text > thriftyBytes {
			t.Errorf("%s answers %d and %d bytes, want at most %d each", got.Call, got.Structured, got.Text, thriftyBytes)
		}
	}
	raw, err := json.MarshalIndent(sizes, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, sizesFile, append(raw, '\n'))
	golden(t, docsFile, document(t, h, sizes))
}

// steady returns an answer with what the moment or the machine makes longer or shorter at one width:
// times to the millisecond or the second, durations of three digits, a lag below ten seconds, a version of Postgres.
func steady(answer string) string {
	for _, moving := range []struct{ pattern, width string }{
		{`(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)`, "$1.000$3"},
		{`((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:\d+ \w{3} \d{4} )?\d\d:\d\d)(:\d\d)?`, "$1:00"},
		{`("duration_ms"|"took_ms"): ?\d+`, "$1:100"},
		{`\d+ ms\b`, "100 ms"},
		{`"lag_seconds":[\d.e-]+`, `"lag_seconds":0.123`},
		{`\d+\.\d s\b`, "0.1 s"},
		{`"postgres":"[^"]*"`, `"postgres":"18.1"`},
		{`PostgreSQL [^,]*`, "PostgreSQL 18.1"},
	} {
		answer = regexp.MustCompile(moving.pattern).ReplaceAllString(answer, moving.width)
	}
	return answer
}

// The size of an answer does not depend on when it was given, nor on the machine.
func TestSteadyTakesTheMomentOut(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{`{"at":"2030-03-01T07:00:00Z"}`, `{"at":"2030-03-01T07:00:00.98Z"}`},
		{`{"local":"2030-03-01T07:00:00+02:00"}`, `{"local":"2030-03-01T07:00:00.987+02:00"}`},
		{`{"duration_ms":0,"took_ms":5}`, `{"duration_ms":12345,"took_ms":40}`},
		{"succeeded, 7 ms", "succeeded, 1234 ms"},
		{`{"lag_seconds":0}`, `{"lag_seconds":12.345}`},
		{"oldest ready for 0.0 s.", "oldest ready for 12.3 s."},
		{`{"postgres":"15.4"}`, `{"postgres":"17.2 (Debian 17.2-1)"}`},
		{"PostgreSQL 15.4, schema 9", "PostgreSQL 17.2 (Debian 17.2-1), schema 9"},
	} {
		if a, b := steady(pair[0]), steady(pair[1]); a != b {
			t.Errorf("%s became %s, %s became %s", pair[0], a, pair[1], b)
		}
	}
}

// measure makes typical calls over twenty tasks and twenty runs.
func (h *house) measure(t *testing.T) []answerBytes {
	t.Helper()
	v := h.connect(t, h.key)
	weather := func(i int) object {
		return object{
			"title": fmt.Sprintf("Morning weather %02d", i), "params": object{"city": "Chisinau"},
			"schedule": object{"kind": "cron", "expr": "0 7 * * 1-5", "timezone": "Europe/Chisinau"},
			"pipeline": []object{
				{"id": "weather", "uses": "http.request", "with": object{"url": "https://api.example.com/forecast?city=${params.city}"}},
				{"id": "pick", "uses": "data.transform", "with": object{"expression": "temperature", "input": "${steps.weather.body}"}},
				{"id": "tell", "uses": "event.publish", "with": object{"topic": "weather.morning", "payload": "${steps.pick}"}},
			},
		}
	}
	var task, run string
	for i := range 20 {
		task = v.newTask(t, weather(i))
		run = v.newRun(t, task)
		h.finish(t, h.claim(t), ordinaut.RunSucceeded, `{"temperature":21.5,"sky":"clear","wind":"3 m/s"}`)
	}
	asking := v.newRun(t, task)
	approval := h.ask(t, h.claimUntil(t, asking))
	queued := v.newRun(t, task)
	var sizes []answerBytes
	add := func(call, tool string, args any) {
		r := v.must(t, tool, args)
		sizes = append(sizes, answerBytes{call, len(steady(string(r.raw))), len(steady(r.text))})
	}
	add("create_task, three steps", "create_task", weather(20))
	add("update_task", "update_task", object{"task_id": task, "title": "Evening weather"})
	add("get_task", "get_task", object{"task_id": task})
	add("get_task, detail full", "get_task", object{"task_id": task, "detail": "full"})
	add("list_tasks, 20 tasks", "list_tasks", nil)
	add("pause_task", "pause_task", object{"task_id": task, "note": "on holiday"})
	add("resume_task", "resume_task", object{"task_id": task})
	add("run_now", "run_now", object{"task_id": task})
	add("list_runs, 20 runs", "list_runs", nil)
	add("get_run", "get_run", object{"run_id": run})
	add("get_run, detail full", "get_run", object{"run_id": run, "detail": "full"})
	add("cancel_run", "cancel_run", object{"run_id": queued})
	add("list_approvals, 1 approval", "list_approvals", nil)
	add("decide_approval", "decide_approval", object{"approval_id": approval, "decision": "approve"})
	add("delete_task", "delete_task", object{"task_id": task})
	add("explain_task", "explain_task", object{"task_id": task})
	add("set_calendar", "set_calendar", object{"name": "holidays", "entries": []object{{"from": "2030-12-25", "title": "Christmas"}}})
	add("list_calendars, 1 calendar", "list_calendars", nil)
	add("list_calendars, with name, 1 entry", "list_calendars", object{"name": "holidays"})
	add("remove_calendar", "remove_calendar", object{"name": "holidays"})
	add("preview_schedule, 5 times", "preview_schedule", object{"schedule": weather(0)["schedule"]})
	add("list_actions", "list_actions", nil)
	add("list_actions, name http.request", "list_actions", object{"name": "http.request"})
	add("get_status", "get_status", nil)
	return sizes
}

// document returns docs/tools.md.
func document(t *testing.T, h *house, sizes []answerBytes) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!-- Written by go test ./mcp -update from schemas/tools; edit those. -->

# Tools

What an assistant can call. `+"`tools/list`"+` gives them by name, in %d KB. Each call needs one scope. Arguments that are
not listed are refused.

`, (len(listed(t, h.Server))+1023)/1024)
	b.WriteString("| tool | scope | reads only | destructive | idempotent | open world |\n|---|---|---|---|---|---|\n")
	for _, d := range h.defined {
		fmt.Fprintf(&b, "| [`%s`](#%s) | `%s` | %s | %s | %s | %s |\n", d.name, d.name, d.scope,
			yes(d.hints.ReadOnly), yes(d.hints.Destructive), yes(d.hints.Idempotent), yes(d.hints.OpenWorld))
	}
	for _, d := range h.defined {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", d.name, d.description)
		writeArguments(t, &b, d)
		var example bytes.Buffer
		if err := json.Indent(&example, d.example, "", "  "); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "For example:\n\n```json\n%s\n```\n", &example)
	}
	b.WriteString(afterwords)
	for _, s := range sizes {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", s.Call, s.Structured, s.Text)
	}
	return b.Bytes()
}

func yes(b *bool) string {
	if *b {
		return "yes"
	}
	return "no"
}

func writeArguments(t *testing.T, b *bytes.Buffer, d *definition) {
	t.Helper()
	var input struct {
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if err := json.Unmarshal(d.input, &input); err != nil {
		t.Fatal(err)
	}
	arguments, err := members(input.Properties)
	if err != nil {
		t.Fatal(err)
	}
	if len(arguments) == 0 {
		b.WriteString("No arguments.\n\n")
		return
	}
	b.WriteString("| argument | | |\n|---|---|---|\n")
	for _, m := range arguments {
		writeArgument(t, b, m, slices.Contains(input.Required, m.key), "")
	}
	b.WriteByte('\n')
}

// writeArgument writes a row for an argument, and for the members of an object or of a list's objects.
func writeArgument(t *testing.T, b *bytes.Buffer, m member, required bool, within string) {
	t.Helper()
	var s struct {
		Type        string          `json:"type"`
		Enum        []string        `json:"enum"`
		Description string          `json:"description"`
		Default     json.RawMessage `json:"default"`
		Properties  json.RawMessage `json:"properties"`
		Required    []string        `json:"required"`
		Items       json.RawMessage `json:"items"`
		Minimum     json.RawMessage `json:"minimum"`
		Maximum     json.RawMessage `json:"maximum"`
	}
	if err := json.Unmarshal(m.value, &s); err != nil {
		t.Fatal(err)
	}
	kind := s.Type
	if s.Enum != nil {
		kind = "`" + strings.Join(s.Enum, "` `") + "`"
	}
	if s.Minimum != nil && s.Maximum != nil {
		kind += fmt.Sprintf(" %s to %s", s.Minimum, s.Maximum)
	}
	if required {
		kind += ", required"
	}
	if s.Default != nil {
		kind += fmt.Sprintf(", default `%s`", strings.Trim(string(s.Default), `"`))
	}
	fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", within, m.key, kind, strings.ReplaceAll(s.Description, "|", `\|`))
	inner, prefix := s.Properties, within+m.key+"."
	if s.Items != nil {
		var items struct {
			Properties json.RawMessage `json:"properties"`
			Required   []string        `json:"required"`
		}
		if err := json.Unmarshal(s.Items, &items); err != nil {
			t.Fatal(err)
		}
		inner, s.Required, prefix = items.Properties, items.Required, within+m.key+"[]."
	}
	if inner == nil {
		return
	}
	rows, err := members(inner)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		writeArgument(t, b, row, slices.Contains(s.Required, row.key), prefix)
	}
}

// afterwords end the document, up to the rows of its last table.
const afterwords = `
## Answers

Every answer has structured content, described by the tool's output schema, and a text that says the same more briefly, for
clients that show a model nothing else. Times are RFC 3339 in UTC; where a schedule's zone matters the local time stands
beside, and the text has that alone. Ids carry their kind (` + "`task_…`, `run_…`" + `). Lists end with ` + "`next_cursor`" + ` when there is more; it works for the same caller and filters.

A call that goes wrong is an answer too, marked ` + "`isError`" + `:

` + "```json" + `
{"code": "invalid_argument", "pointer": "/limit", "message": "got 500, want at most 100",
 "example": {"limit": 10}, "request_id": "req_41e239873f3e94ca77ce3fa6"}
` + "```" + `

| code | means |
|---|---|
| ` + "`invalid_argument`" + ` | the call is wrong at ` + "`pointer`" + `: correct it, by ` + "`allowed` and `example`" + `, and call again |
| ` + "`unauthenticated`" + ` | no credential, or one that is not valid |
| ` + "`permission_denied`" + ` | the credential lacks the tool's scope |
| ` + "`not_found`" + ` | no such thing in the caller's namespace |
| ` + "`conflict`" + ` | its state or version forbids it, or an idempotency key was used for something else |
| ` + "`resource_exhausted`" + ` | a limit; later it may work |
| ` + "`failed_precondition`" + ` | something has to be set up first |
| ` + "`unavailable`" + ` | the database is away; the same call may work soon |
| ` + "`deadline_exceeded`" + ` | it took too long |
| ` + "`internal`" + ` | our fault; the log has the details under ` + "`request_id`" + ` |

Tools that change something take ` + "`idempotency_key`" + `: the same call with the same key within 24 hours is done once and answers with
the object as it stands now; another call with that key is a conflict.

## Size of answers

Bytes of typical answers, as structured content and as text, with every time to the millisecond. Four bytes are about one token.

| call | structured | text |
|---|---|---|
`
