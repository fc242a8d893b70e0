package mcp

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
	"github.com/ordinaut/ordinaut/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// offline returns a server whose tools must not be called.
func offline(t *testing.T) *Server {
	t.Helper()
	s, err := New(Config{Store: &store.Store{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// golden compares got with a file, or writes the file under -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the code gives (-file +code); go test ./mcp -update writes it anew:\n%s", path, diff)
	}
}

// listed returns the tools as tools/list answers them.
func listed(t *testing.T, s *Server) json.RawMessage {
	t.Helper()
	answer := s.MCP().HandleMessage(t.Context(), json.RawMessage(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	raw, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Result struct {
			Tools json.RawMessage `json:"tools"`
		} `json:"result"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list.Result.Tools
}

// What clients see of the tools changes only on purpose.
func TestToolsListIsGolden(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := json.Indent(&got, listed(t, offline(t)), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	golden(t, "testdata/tools_list.golden.json", got.Bytes())
}

// Every client pays for the list in every conversation.
func TestToolsListIsThrifty(t *testing.T) {
	t.Parallel()
	const limit = 46 << 10
	if size := len(listed(t, offline(t))); size > limit {
		t.Errorf("tools/list takes %d bytes, want at most %d", size, limit)
	}
	if len(instructions) > 2<<10 {
		t.Errorf("instructions take %d bytes, want at most 2048: clients cut them", len(instructions))
	}
	for _, d := range offline(t).defined {
		if len(d.description) > 1<<10 {
			t.Errorf("%s: the description takes %d bytes, want at most 1024", d.name, len(d.description))
		}
	}
}

// A tool without a scope, a method without a tool and a scope that nothing needs are all faults.
func TestEveryToolHasScope(t *testing.T) {
	t.Parallel()
	var names []string
	for _, tool := range tools {
		names = append(names, tool.name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(toolScopes))); diff != "" {
		t.Errorf("tools (-) and rows of the scope table (+) differ:\n%s", diff)
	}
	used := slices.Collect(maps.Values(toolScopes))
	for _, scope := range ordinaut.Scopes() {
		if !slices.Contains(used, scope) {
			t.Errorf("no tool needs scope %s", scope)
		}
	}
}

// Published schemas are whole in themselves, and say of each argument what it is.
func TestSchemasAreSelfContained(t *testing.T) {
	t.Parallel()
	for _, d := range offline(t).defined {
		for _, schema := range []json.RawMessage{d.input, d.output, d.shown.input, d.shown.output} {
			if bytes.Contains(schema, []byte(`"$ref"`)) || bytes.Contains(schema, []byte(`"brief":`)) {
				t.Errorf("%s: a $ref or a brief is left in %s", d.name, schema)
			}
		}
		var input struct {
			Properties map[string]struct {
				Description string   `json:"description"`
				Enum        []string `json:"enum"`
			} `json:"properties"`
			AdditionalProperties *bool `json:"additionalProperties"`
		}
		if err := json.Unmarshal(d.input, &input); err != nil {
			t.Fatal(err)
		}
		if input.AdditionalProperties == nil || *input.AdditionalProperties {
			t.Errorf("%s: unknown arguments are not refused", d.name)
		}
		for key, p := range input.Properties {
			if p.Description == "" && p.Enum == nil {
				t.Errorf("%s: argument %s has no description", d.name, key)
			}
		}
		_, mutates := input.Properties["idempotency_key"]
		if mutates == *d.hints.ReadOnly {
			t.Errorf("%s: readOnlyHint is %t, takes an idempotency_key: %t", d.name, *d.hints.ReadOnly, mutates)
		}
	}
}

// The example that a model is shown is a call that the tool accepts.
func TestExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	for _, d := range offline(t).defined {
		args, err := parseArguments(d.example)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.validate(args); err != nil {
			t.Errorf("%s: %v", d.name, err)
		}
	}
}

// A struct and the schema of the same thing name the same members, and agree on which may be absent.
func TestStructsFollowSchemas(t *testing.T) {
	t.Parallel()
	shapes := map[string]struct{ in, out any }{
		"create_task":      {createTaskArgs{}, taskAnswer{}},
		"update_task":      {updateTaskArgs{}, taskAnswer{}},
		"get_task":         {getTaskArgs{}, getTaskAnswer{}},
		"list_tasks":       {listTasksArgs{}, listTasksAnswer{}},
		"delete_task":      {deleteTaskArgs{}, taskChange{}},
		"pause_task":       {pauseTaskArgs{}, taskChange{}},
		"resume_task":      {resumeTaskArgs{}, taskChange{}},
		"snooze_task":      {snoozeTaskArgs{}, taskChange{}},
		"run_now":          {runNowArgs{}, runNowAnswer{}},
		"retry_run":        {retryRunArgs{}, runNowAnswer{}},
		"backfill_task":    {backfillTaskArgs{}, backfillTaskAnswer{}},
		"list_runs":        {listRunsArgs{}, listRunsAnswer{}},
		"get_run":          {getRunArgs{}, getRunAnswer{}},
		"cancel_run":       {cancelRunArgs{}, cancelRunAnswer{}},
		"list_approvals":   {listApprovalsArgs{}, listApprovalsAnswer{}},
		"decide_approval":  {decideApprovalArgs{}, decideApprovalAnswer{}},
		"publish_event":    {publishEventArgs{}, publishEventAnswer{}},
		"explain_task":     {explainTaskArgs{}, explainTaskAnswer{}},
		"set_calendar":     {setCalendarArgs{}, setCalendarAnswer{}},
		"list_calendars":   {listCalendarsArgs{}, listCalendarsAnswer{}},
		"remove_calendar":  {removeCalendarArgs{}, removeCalendarAnswer{}},
		"preview_schedule": {previewScheduleArgs{}, previewScheduleAnswer{}},
		"list_actions":     {listActionsArgs{}, listActionsAnswer{}},
		"get_status":       {getStatusArgs{}, getStatusAnswer{}},
	}
	for _, d := range offline(t).defined {
		shape, found := shapes[d.name]
		if !found {
			t.Errorf("%s: its structs are not in this table", d.name)
			continue
		}
		follow(t, d.name+" input", reflect.TypeOf(shape.in), d.input)
		follow(t, d.name+" output", reflect.TypeOf(shape.out), d.output)
	}
}

// follow compares a struct with a schema that lists properties, and so on inwards.
func follow(t *testing.T, where string, typ reflect.Type, schema json.RawMessage) {
	t.Helper()
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Items      json.RawMessage            `json:"items"`
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() == reflect.Slice && s.Items != nil {
		follow(t, where+"[]", typ.Elem(), s.Items)
		return
	}
	if typ.Kind() != reflect.Struct || s.Properties == nil {
		return
	}
	var names, required []string
	for _, field := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" || !field.IsExported() {
			continue // its own fields are among the visible ones; what is not exported is for the text
		}
		names = append(names, name)
		if options == "" {
			required = append(required, name)
		}
		if property, found := s.Properties[name]; found {
			follow(t, where+"."+name, field.Type, property)
		}
	}
	slices.Sort(names)
	slices.Sort(required)
	slices.Sort(s.Required)
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(s.Properties))); diff != "" {
		t.Errorf("%s: fields of %s (-) and properties (+):\n%s", where, typ, diff)
	}
	if diff := cmp.Diff(required, s.Required); diff != "" {
		t.Errorf("%s: fields of %s without omitempty (-) and required (+):\n%s", where, typ, diff)
	}
}

// The step that create_task shows and the one of the pipeline's own schema have the same keys.
func TestStepFollowsPipelineSchema(t *testing.T) {
	t.Parallel()
	var pipeline struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(schemas.Pipeline(), &pipeline); err != nil {
		t.Fatal(err)
	}
	follow(t, "pipeline.json step", reflect.TypeFor[ordinaut.Step](), pipeline.Defs["step"])
	follow(t, "pipeline.json retry", reflect.TypeFor[ordinaut.Retry](), pipeline.Defs["retry"])
}

// Fragments that refer to each other in a circle are an error, not a hang.
func TestInlineRefusesCircles(t *testing.T) {
	t.Parallel()
	in, err := newInliner([]byte(`{"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}, "c": {"items": {"$ref": "#/c"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "c", "missing"} {
		if out, err := in.inline(json.RawMessage(`{"$ref": "#/`+name+`"}`), false); err == nil {
			t.Errorf("%s gave %s, want an error", name, out)
		}
	}
}

// Inlining keeps the order of members, and what stands beside a $ref wins.
func TestInlineKeepsOrderAndOverrides(t *testing.T) {
	t.Parallel()
	in, err := newInliner([]byte(`{"id": {"type": "string", "description": "any"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := in.inline(json.RawMessage(`{"z": {"$ref": "shared.json#/id", "description": "this"}, "a": [1, {"b": null}]}`), false)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"z":{"type":"string","description":"this"},"a":[1,{"b":null}]}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The brief form is shown, the whole form checks.
func TestInlineHasTwoForms(t *testing.T) {
	t.Parallel()
	in, err := newInliner([]byte(`{"id": {"type": "string", "maxLength": 3}}`))
	if err != nil {
		t.Fatal(err)
	}
	schema := json.RawMessage(`{"a": {"$ref": "#/id", "brief": {"type": "string"}}}`)
	for brief, want := range map[bool]string{true: `{"a":{"type":"string"}}`, false: `{"a":{"type":"string","maxLength":3}}`} {
		got, err := in.inline(schema, brief)
		if err != nil || string(got) != want {
			t.Errorf("brief %t: got %s, %v; want %s", brief, got, err, want)
		}
	}
}
