package schemas

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decode(t *testing.T, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A message names the place, what is there and what is allowed.
func TestProblemsSayWhereAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	v := NewValidator(0)
	for _, tc := range []struct{ name, schema, value, want string }{
		{"fits", `{"type":"object"}`, `{}`, ""},
		{"type", `{"properties":{"a":{"type":"integer"}}}`, `{"a":"x"}`, "/a: got string, want integer"},
		{"described", `{"properties":{"a":{"type":"integer","description":"Seconds."}}}`, `{"a":"x"}`, "/a: got string, want integer (Seconds)"},
		{"maximum", `{"properties":{"limit":{"maximum":100}}}`, `{"limit":500}`, "/limit: got 500, want at most 100"},
		{"minimum", `{"minimum":1}`, `0`, "got 0, want at least 1"},
		{"exclusive", `{"exclusiveMinimum":0,"exclusiveMaximum":5}`, `0`, "got 0, want more than 0"},
		{"no exponent", `{"maximum":1000000000000}`, `1e21`, "got 1000000000000000000000, want at most 1000000000000"},
		{"enum", `{"enum":["GET","POST"]}`, `"PSOT"`, `got "PSOT", want "GET" or "POST"; did you mean "POST"?`},
		{"required", `{"required":["url"],"properties":{"url":{"description":"An address."}}}`, `{}`, "/url: is missing (An address)"},
		{"unknown", `{"additionalProperties":false,"properties":{"url":true,"json":true}}`, `{"ulr":1}`, "/ulr: is not a known key; did you mean url?"},
		{"unknown far", `{"additionalProperties":false,"properties":{"url":true,"json":true}}`, `{"zzz":1}`, "/zzz: is not a known key; known are json, url"},
		{"escaped", `{"additionalProperties":{"type":"null"}}`, `{"a/b~c":1}`, "/a~1b~0c: got number, want null"},
		{"anyOf by type", `{"anyOf":[{"type":"string"},{"type":["null","boolean"]}]}`, `1`, "got number, want boolean or null or string"},
		{"anyOf by the near one", `{"anyOf":[{"type":"integer","maximum":9},{"type":"array"}]}`, `10`, "got 10, want at most 9"},
		{"anyOf of two near ones", `{"anyOf":[{"maximum":9},{"minimum":20}]}`, `10`, "fits none of the allowed forms (got 10, want at most 9; or got 10, want at least 20)"},
		{"pattern", `{"pattern":"^a$","description":"The letter a."}`, `"b"`, `got "b", want text that matches ^a$ (The letter a)`},
		{"length", `{"maxLength":2}`, `"abc"`, "is 3 characters long, want at most 2"},
		{"items", `{"minItems":1}`, `[]`, "has 0 items, want at least 1"},
		{"keys", `{"maxProperties":1,"properties":{"a":true,"b":true}}`, `{"a":1,"b":1}`, "has 2 keys, want at most 1 of a, b"},
		{"key names", `{"propertyNames":{"pattern":"^a"}}`, `{"b":1}`, "/b: the name of the key is not allowed"},
		{"unique", `{"uniqueItems":true}`, `[1,2,1]`, "items 0 and 2 are equal, want each once"},
		{"control characters", `{"enum":["a"]}`, `"\u001b[31m\u202e"`, "got \"\ufffd[31m\ufffd\", want \"a\""},
		{"two problems", `{"properties":{"b":{"type":"null"},"a":{"type":"null"}}}`, `{"a":1,"b":1}`, "/a: got number, want null; /b: got number, want null"},
		{"reference", `{"$ref":"#/$defs/a","$defs":{"a":{"type":"null"}}}`, `1`, "got number, want null"},
		{"draft 7 format is an annotation", `{"$schema":"http://json-schema.org/draft-07/schema#","format":"date-time"}`, `"tomorrow"`, ""},
		{"a pattern that RE2 lacks is not asserted", `{"pattern":"^(?!a)"}`, `"a"`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			problems, err := v.Validate(json.RawMessage(tc.schema), decode(t, tc.value))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A schema from a stranger can neither reach out nor run for long.
func TestHostileSchemasAreRefused(t *testing.T) {
	t.Parallel()
	doubling := &strings.Builder{}
	for i := range 40 {
		fmt.Fprintf(doubling, `"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	file := filepath.Join(t.TempDir(), "there.json")
	if err := os.WriteFile(file, []byte(`{"type":"null"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, schema := range map[string]string{
		"a reference to a file that is there": `{"$ref":"file://` + file + `"}`,
		"a reference to another host":         `{"$ref":"http://169.254.169.254/schema.json"}`,
		"a reference to a file":               `{"$ref":"file:///etc/passwd"}`,
		"an unknown dialect":                  `{"$schema":"http://evil.example/schema"}`,
		"too long":                            `{"description":"` + strings.Repeat("a", maxSchemaBytes) + `"}`,
		"too deep":                            strings.Repeat(`{"not":`, 200) + `true` + strings.Repeat(`}`, 200),
		"no JSON":                             `{`,
		"a number beyond any range":           `{"minimum":1e999999999}`,
		"a name for 2⁴⁰ ways":                 `{"$ref":"#/$defs/d0","$defs":{` + doubling.String() + `"d40":{"type":"null"}}}`,
		"two ways into itself at any level":   `{"items":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}`,
		"a keyword of the wrong type":         `{"type":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := NewValidator(1).Compile(json.RawMessage(schema)); err == nil {
				t.Error("was taken")
			}
		})
	}
}

// Schemas that branch or recurse as people write them are taken.
func TestRecursiveSchemasAreTaken(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{
		`{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#"}}}}`,
		`{"anyOf":[{"type":"string"},{"type":"object","properties":{"and":{"items":{"$ref":"#"}},"or":{"items":{"$ref":"#"}}}}]}`,
		string(Pipeline()),
	} {
		if err := NewValidator(1).Compile(json.RawMessage(schema)); err != nil {
			t.Errorf("%.60s: %v", schema, err)
		}
	}
}

// A value that is nested without end is refused before the validator follows it.
func TestDeepValuesAreRefused(t *testing.T) {
	t.Parallel()
	var v any = "x"
	for range maxDepth + 1 {
		v = []any{v}
	}
	if _, err := NewValidator(1).Validate(json.RawMessage(`true`), v); err == nil {
		t.Error("was taken")
	}
}

// The cache never holds more than its size and gives right answers from many goroutines.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	v := NewValidator(3)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for limit := range 20 {
				schema := fmt.Appendf(nil, `{"maximum":%d}`, limit)
				problems, err := v.Validate(schema, float64(limit+1))
				if err != nil || len(problems) != 1 {
					t.Errorf("limit %d: %v %v", limit, problems, err)
				}
			}
		})
	}
	wg.Wait()
	if len(v.compiled) > 3 {
		t.Errorf("holds %d schemas, want at most 3", len(v.compiled))
	}
}

// A nil Validator validates too.
func TestNilValidatorWorks(t *testing.T) {
	t.Parallel()
	var v *Validator
	if problems, err := v.Validate(json.RawMessage(`{"type":"null"}`), 1.0); err != nil || len(problems) != 1 {
		t.Errorf("%v %v", problems, err)
	}
}

// A near name is offered, a far one is not.
func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"http.request", "data.transform", "wait.sleep", "calendar.list_events", "url"}
	for name, want := range map[string]string{
		"http.requst": "http.request", "HTTP.request": "http.request", "http_request": "http.request", "list_events": "calendar.list_events",
		"request": "http.request", "urll": "url", "ulr": "url", "slack.post": "", "": "", "x": "", strings.Repeat("a", 1e6): "",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", name, got, want)
		}
	}
}
