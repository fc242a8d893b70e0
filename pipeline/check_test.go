package pipeline

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// listEvents plays a tool of a downstream server.
func listEvents() ordinaut.Action {
	return ordinaut.Action{
		Name: "calendar.list_events",
		InputSchema: json.RawMessage(`{"type":"object","required":["start"],"additionalProperties":false,"properties":{
			"start":{"type":"string","minLength":20},"limit":{"type":"integer","maximum":100},"who":{"enum":["me","all"]},
			"how":{"if":{"properties":{"by":{"const":"mail"}}},"then":{"required":["to"]},"else":{"required":["number"]}},
			"where":{"oneOf":[{"properties":{"kind":{"const":"room"},"room":{"type":"string"}},"required":["room"]},{"properties":{"kind":{"const":"url"},"url":{"type":"string"}},"required":["url"]}]},
			"tags":{"type":"array","items":{"type":"string"},"uniqueItems":true,"maxItems":2}}}`),
	}
}

func catalogue() (func(string) (ordinaut.Action, bool), []string) {
	all, names := map[string]ordinaut.Action{}, []string{}
	for _, a := range append(BuiltIns(), listEvents()) {
		all[a.Name] = a
		names = append(names, a.Name)
	}
	return func(name string) (ordinaut.Action, bool) { a, ok := all[name]; return a, ok }, names
}

// checkJSON checks {"schedule"?, "params"?, "pipeline"} as a tool would.
func checkJSON(t testing.TB, v *schemas.Validator, source string) error {
	t.Helper()
	spec := ordinaut.TaskSpec{}
	if err := json.Unmarshal([]byte(source), &spec); err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	lookup, names := catalogue()
	return New(v).Check(spec, lookup, names)
}

// nested is a step within so many others.
func nested(depth int) string {
	if depth == 0 {
		return `{"id":"s0","uses":"wait.sleep","with":{"seconds":1}}`
	}
	return `{"id":"s` + strconv.Itoa(depth) + `","uses":"flow.foreach","with":{"items":[1]},"steps":[` + nested(depth-1) + `]}`
}

// A sound pipeline passes, whatever its templates may give.
func TestCheckTakesSoundPipelines(t *testing.T) {
	t.Parallel()
	v := schemas.NewValidator(0)
	for _, source := range []string{
		`{"pipeline":[{"id":"a","uses":"http.request","with":{"url":"https://example.com"}}]}`,
		`{"pipeline":[` + nested(5) + `]}`,
		`{"pipeline":[{"id":"a","uses":"flow.switch","cases":[{"if":"params.x","steps":[{"id":"b","uses":"http.request","with":{"url":"https://example.com"},"on_error":[{"id":"c","uses":"event.publish","with":{"topic":"a","payload":"${error.message}"}}]}]}]},
			{"id":"d","uses":"event.publish","with":{"topic":"a","payload":{"b":"${steps.b.body || 'none'}","c":"${steps.c.event_id || 'none'}"}}}]}`,
		`{"params":{"city":"x"},"pipeline":[{"id":"a","uses":"http.request","with":{"url":"https://example.com?c=${params.city}","expect_status":"200-299","query":{"a":1,"b":["x"]}},"timeout_seconds":10,"retry":{"max_attempts":3},"expect":"status == 200 && length(output.body.items) > 0","save_as":"b"},
			{"id":"c","uses":"data.transform","with":{"input":"${steps.b.body}","expression":"[?price > 3].name"},"if":"steps.b.body && params.maybe"}]}`,
		`{"pipeline":[{"id":"a","uses":"calendar.list_events","with":{"start":"${now}","limit":"${params.n}","who":"${params.who}","tags":["${now}","${now}"]}}]}`,
		`{"pipeline":[{"id":"a","uses":"calendar.list_events","with":{"start":"${now}","where":{"kind":"${params.kind}","url":"x"}}}]}`,
		`{"pipeline":[{"id":"a","uses":"calendar.list_events","with":{"start":"${now}","where":"${params.where}"},"expect":"anything.goes && params.x"}]}`,
		`{"pipeline":[{"id":"a","uses":"calendar.list_events","with":{"start":"${now}","how":{"by":"${params.by}","to":"me"}}}]}`,
		`{"schedule":{"kind":"cron"},"pipeline":[{"id":"a","uses":"event.publish","with":{"topic":"a.b-c","payload":{"x":"${params.x || 'none'}","y":"${not_null(params.y, 'z')}","z":"${params.z == null}"}}}]}`,
		`{"pipeline":[{"id":"a","uses":"wait.sleep","with":{"seconds":"${15m}"}},{"id":"b","uses":"wait.sleep","with":{"until":"2030-03-01T09:00:00+01:00"},"on_error":"continue"}]}`,
		`{"pipeline":[{"id":"a","uses":"event.publish","with":{"topic":"t","payload":"${event.payload.id} ${event.topic || 'by hand'}"}}]}`,
		`{"pipeline":[{"id":"a","uses":"event.publish","with":{"topic":"t","payload":"${@.params} ${$.now} ${$.run.id} ${keys(@)}"}}]}`,
		`{"pipeline":[{"id":"a","uses":"event.publish","with":{"topic":"t","payload":"${params.list[?who == $.params.me].{id: id, name: name} | [0].id}"}}]}`,
	} {
		if err := checkJSON(t, v, source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// Each fault is found at creation, with its place, what is allowed and the name that was meant.
func TestCheckFindsFaults(t *testing.T) {
	t.Parallel()
	v := schemas.NewValidator(0)
	step := func(rest string) string { return `{"pipeline":[{"id":"a","uses":"http.request",` + rest + `}]}` }
	with := func(with string) string { return step(`"with":{"url":"https://e.com",` + with + `}`) }
	second := func(text string) string {
		return `{"params":{"city":"x"},"pipeline":[{"id":"a","uses":"http.request","with":{"url":"https://e.com"},"save_as":"first"},
			{"id":"b","uses":"event.publish","with":{"topic":"t","payload":` + text + `}},{"id":"c","uses":"wait.sleep","with":{"seconds":1}}]}`
	}
	for _, tc := range []struct{ name, source, pointer, want string }{
		{"no steps", `{"pipeline":[]}`, "/pipeline", "has 0 steps, want 1 to 50"},
		{"too many steps", `{"pipeline":[` + strings.Repeat(`{},`, 50) + `{}]}`, "/pipeline", "has 51 steps, want 1 to 50"},
		{"id", `{"pipeline":[{"id":"A b","uses":"x"}]}`, "/pipeline/0/id", "want text that matches ^[a-z]"},
		{"save_as", step(`"with":{"url":"https://e.com"},"save_as":"A"`), "/pipeline/0/save_as", "matches ^[a-z]"},
		{"timeout", step(`"with":{"url":"https://e.com"},"timeout_seconds":-1`), "/pipeline/0/timeout_seconds", "got -1, want more than 0"},
		{"long timeout", step(`"timeout_seconds":3601`), "/pipeline/0/timeout_seconds", "want at most 3600"},
		{"long answer", `{"pipeline":[{"id":"a","uses":"approval.request","with":{"message":"?"},"timeout_seconds":604801}]}`, "/pipeline/0/timeout_seconds", "want at most 604800"},
		{"approval without a message", `{"pipeline":[{"id":"a","uses":"approval.request","with":{"show":1}}]}`, "/pipeline/0/with/message", "is missing"},
		{"editable nothing", `{"pipeline":[{"id":"a","uses":"approval.request","with":{"message":"?","editable":true}}]}`, "/pipeline/0/with/show", "is missing"},
		{"editable text", `{"pipeline":[{"id":"a","uses":"approval.request","with":{"message":"?","editable":true,"show":"x"}}]}`, "/pipeline/0/with/show", "want object"},
		{"asks again", `{"pipeline":[{"id":"a","uses":"approval.request","with":{"message":"?"},"retry":{"max_attempts":2}}]}`, "/pipeline/0/retry", "the first decision stands"},
		{"on_timeout of another", step(`"on_timeout":"deny"`), "/pipeline/0/on_timeout", "belongs to a step that uses approval.request"},
		{"odd on_timeout", `{"pipeline":[{"id":"a","uses":"approval.request","with":{"message":"?"},"on_timeout":"wait"}]}`, "/pipeline/0/on_timeout", "deny"},
		{"retry", step(`"retry":{"max_attempts":21}`), "/pipeline/0/retry/max_attempts", "want at most 20"},
		{"retry zero", step(`"retry":{}`), "/pipeline/0/retry/max_attempts", "got 0, want at least 1"},
		{"backoff", step(`"retry":{"max_attempts":2,"backoff":"exponential"}`), "/pipeline/0/retry/backoff", `got "exponential", want "exponential_jitter" or "linear" or "fixed"`},
		{"on_error", step(`"on_error":"contineu"`), "/pipeline/0/on_error", `did you mean "continue"?`},
		{"long text", step(`"with":{"url":"` + strings.Repeat("a", 65537) + `"}`), "/pipeline/0/with/url", "want at most 65536"},
		{"long pipeline", `{"params":{"a":["` + strings.Repeat(strings.Repeat("a", 60000)+`","`, 5) + `"]},"pipeline":[{"id":"a","uses":"x"}]}`, "/pipeline", "want at most 262144"},
		{"same id", `{"pipeline":[{"id":"a","uses":"wait.sleep","with":{"seconds":1}},{"id":"a","uses":"wait.sleep"}]}`, "/pipeline/1/id", "another step has this id too"},
		{"same name", `{"pipeline":[{"id":"a","uses":"wait.sleep"},{"id":"b","uses":"wait.sleep","save_as":"a"}]}`, "/pipeline/1/save_as", `steps.a, as that of step "a" is`},
		{"unknown action", `{"pipeline":[{"id":"a","uses":"http.requst"}]}`, "/pipeline/0/uses", "did you mean http.request?"},
		{"far action", `{"pipeline":[{"id":"a","uses":"slack.post"}]}`, "/pipeline/0/uses", "known are approval.request, calendar.list_events, data.assert"},
		{"missing key", step(`"with":{}`), "/pipeline/0/with/url", "/url: is missing (An absolute http or https address)"},
		{"no with", `{"pipeline":[{"id":"a","uses":"http.request"}]}`, "/pipeline/0/with/url", "is missing"},
		{"unknown key", step(`"with":{"ulr":"https://e.com","url":"https://e.com"}`), "/pipeline/0/with/ulr", "did you mean url?"},
		{"unknown key with a template", with(`"hedaers":"${params.h}"`), "/pipeline/0/with/hedaers", "did you mean headers?"},
		{"literal type", with(`"query":"a=b"`), "/pipeline/0/with/query", "got string, want object"},
		{"literal type in text with a template", `{"pipeline":[{"id":"a","uses":"calendar.list_events","with":{"start":"${now}","limit":"about ${params.n}"}}]}`, "/pipeline/0/with/limit", "got string, want integer"},
		{"literal beside a template", `{"pipeline":[{"id":"a","uses":"calendar.list_events","with":{"start":"${now}","limit":500}}]}`, "/pipeline/0/with/limit", "got 500, want at most 100"},
		{"items are counted", `{"pipeline":[{"id":"a","uses":"calendar.list_events","with":{"start":"${now}","tags":["${now}","b","c"]}}]}`, "/pipeline/0/with/tags", "has 3 items, want at most 2"},
		{"url", step(`"with":{"url":"ftp://e.com"}`), "/pipeline/0/with/url", "An absolute http or https address"},
		{"two bodies", with(`"json":1,"body":"x"`), "/pipeline/0/with/body", "is not allowed here together with"},
		{"status", with(`"expect_status":"ok"`), "/pipeline/0/with/expect_status", `want text that matches`},
		{"sleep twice", `{"pipeline":[{"id":"a","uses":"wait.sleep","with":{"seconds":1,"until":"${now}"}}]}`, "/pipeline/0/with", "has 2 keys, want at most 1 of seconds, until"},
		{"reserved topic", `{"pipeline":[{"id":"a","uses":"event.publish","with":{"topic":"task.paused"}}]}`, "/pipeline/0/with/topic", "Not under task, run, approval or condition"},
		{"topic", `{"pipeline":[{"id":"a","uses":"event.publish","with":{"topic":"A b"}}]}`, "/pipeline/0/with/topic", "words of small letters"},
		{"header injection", with(`"headers":{"a":"x\r\ny"}`), "/pipeline/0/with/headers/a", "want text that matches"},
		{"template in a key", with(`"json":{"${now}":1}`), "/pipeline/0/with/json/${now}", "a key is never rendered"},
		{"syntax", with(`"body":"x ${params.}"`), "/pipeline/0/with/body", "the expression `params.` ends too early (column 8)"},
		{"syntax in the middle", with(`"body":"${a b}"`), "/pipeline/0/with/body", "the expression `a b` has b where it makes no sense (column 3)"},
		{"open", with(`"body":"${params.city"`), "/pipeline/0/with/body", "the closing } of ${ is missing"},
		{"brackets", with(`"body":"${params.a[0}"`), "/pipeline/0/with/body", "has a } where ] closes the [ (column 11)"},
		{"one equals sign", step(`"with":{"url":"https://e.com"},"expect":"status = 200"`), "/pipeline/0/expect", "equality is =="},
		{"ternary", second(`"${params.city ? 'a' : 'b'}"`), "/pipeline/1/with/payload", "only opens a filter as [?"},
		{"if", step(`"with":{"url":"https://e.com"},"if":"x ${now}"`), "/pipeline/0/if", "want a bare expression"},
		{"function", second(`"${uper(params.city)}"`), "/pipeline/1/with/payload", "did you mean upper()?"},
		{"arity", second(`"${upper(params.city, now)}"`), "/pipeline/1/with/payload", "calls upper() with 2 arguments, it takes 1"},
		{"duration", second(`"${now + 3y}"`), "/pipeline/1/with/payload", "`3y` is no duration; want numbers with units w d h m s ms"},
		{"root", second(`"${parms.city}"`), "/pipeline/1/with/payload", "did you mean params?"},
		{"text in double quotes", step(`"with":{"url":"https://e.com"},"expect":"body.state == \"ok\""`), "/pipeline/0/expect", "text stands in single quotes"},
		{"secrets", second(`"${secrets.api_key}"`), "/pipeline/1/with/payload", "secrets cannot be read by expressions"},
		{"steps of another", `{"pipeline":[{"id":"a","uses":"wait.sleep","with":{"seconds":1},"steps":[{"id":"b","uses":"wait.sleep","with":{"seconds":1}}]}]}`, "/pipeline/0/steps", "belongs to a step that uses flow.foreach"},
		{"no branches", `{"pipeline":[{"id":"a","uses":"flow.parallel"}]}`, "/pipeline/0/branches", "flow.parallel needs branches"},
		{"no cases", `{"pipeline":[{"id":"a","uses":"flow.switch","default":[{"id":"b","uses":"wait.sleep","with":{"seconds":1}}]}]}`, "/pipeline/0/cases", "flow.switch needs cases"},
		{"default of another", `{"pipeline":[{"id":"a","uses":"wait.sleep","with":{"seconds":1},"default":[{"id":"b","uses":"wait.sleep","with":{"seconds":1}}]}]}`, "/pipeline/0/default", "belongs to a step that uses flow.switch"},
		{"retry of a flow", `{"pipeline":[{"id":"a","uses":"flow.foreach","with":{"items":[]},"retry":{"max_attempts":2},"steps":[{"id":"b","uses":"wait.sleep","with":{"seconds":1}}]}]}`, "/pipeline/0/retry", "give retry to the steps in it"},
		{"timeout of a flow", `{"pipeline":[{"id":"a","uses":"flow.foreach","with":{"items":[]},"timeout_seconds":2,"steps":[{"id":"b","uses":"wait.sleep","with":{"seconds":1}}]}]}`, "/pipeline/0/timeout_seconds", "no timeout of its own"},
		{"id inside", `{"pipeline":[{"id":"a","uses":"flow.foreach","with":{"items":[]},"steps":[{"id":"a","uses":"wait.sleep","with":{"seconds":1}}]}]}`, "/pipeline/0/steps/0/id", "another step has this id too"},
		{"fault inside", `{"pipeline":[{"id":"a","uses":"flow.parallel","branches":{"x":[{"id":"b","uses":"wait.slep"}]}}]}`, "/pipeline/0/branches/x/0/uses", "did you mean wait.sleep?"},
		{"fault in a case", `{"pipeline":[{"id":"a","uses":"flow.switch","cases":[{"if":"stps.x","steps":[{"id":"b","uses":"wait.sleep","with":{"seconds":1}}]}]}]}`, "/pipeline/0/cases/0/if", "did you mean steps?"},
		{"out of foreach", `{"pipeline":[{"id":"a","uses":"flow.foreach","with":{"items":[1]},"steps":[{"id":"b","uses":"wait.sleep","with":{"seconds":1}}]},{"id":"c","uses":"wait.sleep","with":{"seconds":"${steps.b.x}"}}]}`, "/pipeline/1/with/seconds", "inside another, and not reached from here"},
		{"other branch", `{"pipeline":[{"id":"a","uses":"flow.parallel","branches":{"x":[{"id":"b","uses":"wait.sleep","with":{"seconds":1}}],"y":[{"id":"c","uses":"wait.sleep","with":{"seconds":"${steps.b.x}"}}]}}]}`, "/pipeline/0/branches/y/0/with/seconds", "not reached from here"},
		{"error outside", second(`"${error.message}"`), "/pipeline/1/with/payload", "error is known in the steps of on_error, on_failure and finally only"},
		{"too deep", `{"pipeline":[` + nested(7) + `]}`, "/pipeline/0/steps/0/steps/0/steps/0/steps/0/steps/0/steps/0", "nested deeper than 5 levels"},
		{"reserved", second(`"${item.x}"`), "/pipeline/1/with/payload", "item is known in the steps of flow.foreach only"},
		{"output outside of expect", second(`"${output.x}"`), "/pipeline/1/with/payload", "output is known in expect only"},
		{"saved under another name", second(`"${steps.a.body}"`), "/pipeline/1/with/payload", "the output of step a is saved as steps.first"},
		{"slip in a step's name", second(`{"deep":["${steps.frist.body || 'x'}"]}`), "/pipeline/1/with/payload/deep/0", "did you mean steps.first?"},
		{"later step", second(`"${steps.c.slept_until}"`), "/pipeline/1/with/payload", "steps.c is the output of a later step"},
		{"own output", second(`"${$.steps.b}"`), "/pipeline/1/with/payload", "steps.b is this step's own output"},
		{"step in a filter", second(`"${params.city[?a == $.steps.nope.x]}"`), "/pipeline/1/with/payload", "no step before this one saves steps.nope; known are first"},
		{"slip in a param", second(`"${params.ctiy}"`), "/pipeline/1/with/payload", "did you mean params.city?"},
		{"param of a scheduled run", `{"schedule":{"kind":"cron"},"pipeline":[{"id":"a","uses":"event.publish","with":{"topic":"t","payload":"${upper(params.who)}"}}]}`, "/pipeline/0/with/payload", "a scheduled run has no others"},
		{"key of the output", step(`"with":{"url":"https://e.com"},"expect":"statsu == 200"`), "/pipeline/0/expect", "did you mean status?"},
		{"expression of a transform", `{"pipeline":[{"id":"a","uses":"data.transform","with":{"input":1,"expression":"a["}}]}`, "/pipeline/0/with/expression", "ends before its [ is closed"},
		{"function of a transform", `{"pipeline":[{"id":"a","uses":"data.transform","with":{"input":1,"expression":"lengt(@)"}}]}`, "/pipeline/0/with/expression", "did you mean length()?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := checkJSON(t, v, tc.source)
			var public *ordinaut.Error
			if !errors.As(err, &public) {
				t.Fatalf("error %v, want an *ordinaut.Error", err)
			}
			if public.Pointer != tc.pointer || public.Code != ordinaut.CodeInvalidArgument {
				t.Errorf("pointer %s and code %s, want %s", public.Pointer, public.Code, tc.pointer)
			}
			if !strings.Contains(public.Msg, tc.want) {
				t.Errorf("message %q, want %q in it", public.Msg, tc.want)
			}
		})
	}
}

// A fault of the input comes with an input that is right.
func TestCheckGivesExamples(t *testing.T) {
	t.Parallel()
	err := checkJSON(t, nil, `{"pipeline":[{"id":"a","uses":"event.publish","with":{}}]}`)
	var public *ordinaut.Error
	if !errors.As(err, &public) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"topic":"weather.hot","payload":{"temperature":31}}`, public.Example); diff != "" {
		t.Error(diff)
	}
}

// An action whose schema nobody can use is refused with a reason of its own.
func TestCheckNamesUnusableSchemas(t *testing.T) {
	t.Parallel()
	lookup := func(string) (ordinaut.Action, bool) {
		return ordinaut.Action{Name: "evil.tool", InputSchema: json.RawMessage(`{"$ref":"http://169.254.169.254/"}`)}, true
	}
	err := New(nil).Check(ordinaut.TaskSpec{Pipeline: []ordinaut.Step{{ID: "a", Uses: "evil.tool"}}}, lookup, nil)
	if ordinaut.CodeOf(err) != ordinaut.CodeFailedPrecondition {
		t.Errorf("got %v", err)
	}
}

// Inputs and outputs are held against the schemas of their action.
func TestValidateInputAndOutput(t *testing.T) {
	t.Parallel()
	v := schemas.NewValidator(0)
	lookup, _ := catalogue()
	a, _ := lookup("event.publish")
	if err := New(v).ValidateInput(a, map[string]any{"topic": "a.b", "payload": nil}); err != nil {
		t.Error(err)
	}
	err := New(v).ValidateInput(a, map[string]any{"topic": 7.0})
	var public *ordinaut.Error
	if !errors.As(err, &public) || public.Pointer != "/topic" || !strings.Contains(public.Msg, "the input of event.publish does not fit its schema: /topic: got number, want string") {
		t.Errorf("got %v", err)
	}
	if err := New(v).ValidateOutput(a, map[string]any{"event_id": "event_1"}); err != nil {
		t.Error(err)
	}
	if err := New(v).ValidateOutput(a, nil); ordinaut.CodeOf(err) != ordinaut.CodeInvalidArgument {
		t.Errorf("got %v", err)
	}
	if err := New(v).ValidateOutput(ordinaut.Action{}, 1.0); err != nil {
		t.Error(err)
	}
}

// Each built-in action is told in full, has schemas that can be used and examples that fit them.
func TestBuiltInsAreSound(t *testing.T) {
	t.Parallel()
	var names []string
	v := schemas.NewValidator(0)
	for _, a := range BuiltIns() {
		names = append(names, a.Name)
		if a.Title == "" || a.Description == "" || v.Compile(a.InputSchema) != nil || v.Compile(a.OutputSchema) != nil {
			t.Errorf("%s is not complete", a.Name)
		}
		var schema struct{ Examples []map[string]any }
		if err := json.Unmarshal(a.InputSchema, &schema); err != nil || len(schema.Examples) == 0 {
			t.Errorf("%s has no examples: %v", a.Name, err)
		}
		lookup, all := catalogue()
		for _, with := range schema.Examples {
			step := ordinaut.Step{ID: "a", Uses: a.Name, With: with}
			inner := []ordinaut.Step{{ID: "in", Uses: "wait.sleep", With: map[string]any{"seconds": 0}}}
			switch a.Name {
			case FlowForeach:
				step.Steps = inner
			case FlowParallel:
				step.Branches = map[string][]ordinaut.Step{"one": inner}
			case FlowSwitch:
				step.Cases = []ordinaut.Case{{If: "true", Steps: inner}}
			}
			spec := ordinaut.TaskSpec{
				Params: map[string]any{"to": "ann"},
				Pipeline: []ordinaut.Step{
					{ID: "shop", Uses: "wait.sleep", With: map[string]any{"seconds": 0}}, {ID: "brief", Uses: "wait.sleep", With: map[string]any{"seconds": 0}}, step,
				},
			}
			if err := New(v).Check(spec, lookup, all); err != nil {
				t.Errorf("%s: %v", a.Name, err)
			}
		}
	}
	if diff := cmp.Diff([]string{
		"approval.request", "data.assert", "data.transform", "event.publish", "flow.foreach", "flow.parallel", "flow.switch", "http.request", "wait.sleep",
	}, names); diff != "" {
		t.Error(diff)
	}
}
