package pipeline

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

func decode(t testing.TB, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func testScope(t testing.TB) *Scope {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return &Scope{
		Params: decode(t, `{"city":"Chisinau","limit":5,"ratio":0.25,"big":9007199254740991,"none":null,"empty":"","on":true,"tags":["a","b"],"brace":"${params.city}"}`).(map[string]any),
		Steps: map[string]any{
			"weather": decode(t, `{"body":{"temperature":31.5,"text":"hot"},"status":200}`),
			"events":  decode(t, `{"items":[{"name":"x","price":3,"start":"2030-03-01T09:00:00Z"},{"name":"y","price":9,"start":"2030-03-02T09:00:00Z"}]}`),
		},
		Run:      map[string]any{"id": "run_1"},
		Task:     map[string]any{"title": "Tea"},
		Now:      time.Date(2030, 3, 1, 8, 30, 15, 999, time.UTC),
		Location: berlin,
	}
}

func renderOne(t testing.TB, text any) (any, error) {
	t.Helper()
	p, err := compiled(New(nil), []ordinaut.Step{{ID: "one", Uses: "x", With: map[string]any{"v": text}}})
	if err != nil {
		return nil, err
	}
	out, err := p.Render(0, testScope(t))
	return out["v"], err
}

// A template gives the value that it stands for, in its own type when it is alone, else as text.
func TestRender(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want any
	}{
		{"plain", "plain"},
		{"${params.city}", "Chisinau"},
		{"${ params.city }", "Chisinau"},
		{"${params.limit}", 5.0},
		{"${params.on}", true},
		{"${params.tags}", []any{"a", "b"}},
		{"in ${params.city}, ${params.limit} of ${params.ratio}", "in Chisinau, 5 of 0.25"},
		{"n=${params.big}", "n=9007199254740991"},
		{"tags: ${params.tags} ${steps.weather.body}", `tags: ["a","b"] {"temperature":31.5,"text":"hot"}`},
		{"${params.on} ${!params.on}", "true false"},
		{"${params.brace}", "${params.city}"},
		{"x ${params.brace}", "x ${params.city}"},
		{"$${params.city}", "${params.city}"},
		{"a $${ b", "a ${ b"},
		{"$ $$ $x $5", "$ $$ $x $5"},
		{"$$${params.city}", "$${params.city}"},
		{"${'$'}${params.limit}", "$5"},
		{"${{city: params.city, n: `{\"a\":1}`}}", map[string]any{"city": "Chisinau", "n": map[string]any{"a": 1.0}}},
		{"${'}'}", "}"},
		{"${'it''s'}", nil},
		{`${'it\'s'}`, "it's"},
		{"${\"params\".city}", "Chisinau"},
		{"${params.missing || 'none'}", "none"},
		{"${params.none || null}", nil},
		{"<${params.none || null}>", "<null>"},
		{"${params.empty}", ""},
		{"${params.limit + 1}", 6.0},
		{"${params.limit -1}", 4.0},
		{"${params.limit * 2 + -1}", 9.0},
		{"${1.5 + 1}", 2.5},
		{"${-params.limit}", -5.0},
		{"${params.limit > 3 && params.on == true}", true},
		{"${steps.events.items}", decode(t, `[{"name":"x","price":3,"start":"2030-03-01T09:00:00Z"},{"name":"y","price":9,"start":"2030-03-02T09:00:00Z"}]`)},
		{"${steps.events.items[?price > 3].name}", []any{"y"}},
		{"${steps.events.items[0].name}", "x"},
		{"${steps.events.items[-1].name}", "y"},
		{"${steps.events.items[:1].name}", []any{"x"}},
		{"${steps.events.items[?price >= $.params.limit].name | [0]}", "y"},
		{"${steps.events.items[*].[name, price][]}", []any{"x", 3.0, "y", 9.0}},
		{"${length(steps.events.items)} events", "2 events"},
		{"${join(', ', steps.events.items[].name)}", "x, y"},
		{"${sort_by(steps.events.items, &price)[-1].name}", "y"},
		{"${map(&price, steps.events.items)}", []any{3.0, 9.0}},
		{"${let $max = params.limit in steps.events.items[?price < $max].name}", []any{"x"}},
		{"${map((let $n = params.limit in &$n), params.tags)}", []any{5.0, 5.0}},
		{"${[contains('abc', 5), contains('abc', 'z'), contains('abc', 'b')]}", []any{false, false, true}},
		{"${run.id} ${task.title}", "run_1 Tea"},
		{"${now}", "2030-03-01T09:30:15+01:00"},
		{"${now + 24h}", "2030-03-02T09:30:15+01:00"},
		{"${now-15m}", "2030-03-01T09:15:15+01:00"},
		{"${now -1h30m}", "2030-03-01T08:00:15+01:00"},
		{"${now + 30d}", "2030-03-31T10:30:15+02:00"},
		{"${now + duration('1w')}", "2030-03-08T09:30:15+01:00"},
		{"${now + (1h + 30m)}", "2030-03-01T11:00:15+01:00"},
		{"${'now + 24h'}", "now + 24h"},
		{"${15m}", 900.0},
		{"${steps.events.items[0].start + 1d}", "2030-03-02T10:00:00+01:00"},
		{"${now > steps.events.items[0].start}", false},
		{"${steps.events.items[?start > $.now].name}", []any{"x", "y"}},
		{"${to_zone(now, 'America/New_York')}", "2030-03-01T03:30:15-05:00"},
		{"${format_time(now, '%Y-%m-%d %H:%M at %A %e %B')}", "2030-03-01 09:30 at Friday  1 March"},
		{"${format_time(to_zone(now, 'Asia/Tokyo'), '%F %T %z week %V of %G, day %j/%u, %s, 100%%')}", "2030-03-01 17:30:15 +0900 week 09 of 2030, day 060/5, 1898584215, 100%"},
		{"${to_string(params.tags)}", `["a","b"]`},
		{"${keys(params)[0]}", "big"},
		{"${split('a-b-c', '-', 1)}", []any{"a", "b-c"}},
		{"${find_first('äbc', 'c')}", 2.0},
		{"${find_first('abc', 'c', 9, 1) || 'no'}", "no"},
		{"${contains(steps.events.items, steps.events.items[0])}", true},
		{"${pad_left('7', 3, '0')}", "007"},
		{"${'abcde'[1:3]}", "bc"},
		{"${'abc'[::-1]}", "cba"},
		{"${`[0,1,2,3,4]`[::2]}", []any{0.0, 2.0, 4.0}},
		{"${`[0,1,2,3,4]`[-2:]}", []any{3.0, 4.0}},
		{"${`[0,1,2,3,4]`[5:0:-2]}", []any{4.0, 2.0}},
		{"${[true, null, false] | [0]}", true},
		{"${1e3}", nil},
	} {
		t.Run(tc.text, func(t *testing.T) {
			t.Parallel()
			got, err := renderOne(t, tc.text)
			if err != nil && tc.want == nil && !strings.Contains(tc.text, "null") {
				return // a fault is what is wanted
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A fault says in which step, at which place and in which expression it lies, and what would do.
func TestRenderFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"${params.cty}":                       "step \"one\", with/v: the expression `params.cty` has no value: there is no params.cty, did you mean params.city?",
		"${params.city.name}":                 "params.city is string",
		"x ${steps.nope.body}":                "there is no steps.nope; a default is given as ${steps.nope.body || 'none'}",
		"${params.none}":                      "has no value",
		"${params.limit / 0}":                 "no finite number",
		"${params.city + 1}":                  "calculates with string and number",
		"${params.city + 24h}":                "adds a duration to what is no time but string",
		"${length(params.limit)}":             "calls length() with number as argument 1, it wants string or array or object",
		"${lengt(params.tags)}":               "did you mean length()?",
		"${join(',', `[1]`)}":                 "it wants array of strings",
		"${abs()}":                            "calls abs() with 0 arguments, it takes 1",
		"${format_time(now, '%Q')}":           "format_time does not know %Q; known are %Y",
		"${format_time('noon', '%Y')}":        "format_time wants a time as RFC 3339",
		"${to_zone(now, '../../etc/passwd')}": "to_zone wants an IANA timezone",
		"${to_zone(now, 'Local')}":            "to_zone wants an IANA timezone",
		"${pad_left('a', 1000000000)}":        "a text longer than 1 MiB",
		"${&params}":                          "gives an expression",
		"${now + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w + 15000w }": "years 1 to 9999",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := renderOne(t, text)
			var public *ordinaut.Error
			if !errors.As(err, &public) {
				t.Fatalf("error %v, want an *ordinaut.Error", err)
			}
			if public.Pointer != "/pipeline/0/with/v" || public.Code != ordinaut.CodeInvalidArgument {
				t.Errorf("pointer %s and code %s", public.Pointer, public.Code)
			}
			if !strings.Contains(public.Msg, want) {
				t.Errorf("message %q, want %q in it", public.Msg, want)
			}
		})
	}
}

// A condition holds as JMESPath says: 0 is true; false, null and what is empty are not.
func TestConditions(t *testing.T) {
	t.Parallel()
	output := decode(t, `{"message_id":7,"steps":"own","list":[],"output":"inner"}`)
	for expr, want := range map[string]bool{
		"message_id != null": true, "output.message_id == 7": true, "missing": false, "list": false, "!list": true, "`0`": true, "0": true,
		"''": false, "${message_id}": true, "steps == 'own'": true, "params.limit == 5": true, "output.output == 'inner'": true, "$.message_id": true,
	} {
		p, err := compiled(New(nil), []ordinaut.Step{{ID: "a", Expect: expr}})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got, err := p.Expect(0, output, testScope(t)); got != want || err != nil {
			t.Errorf("expect %s is %v, %v; want %v", expr, got, err, want)
		}
	}
	for expr, want := range map[string]bool{"": true, "steps.weather.body.temperature > 30": true, "steps.skipped.ok": false, "params.on": true, "not_null(params.none, false)": false} {
		p, err := compiled(New(nil), []ordinaut.Step{{ID: "a", If: expr}})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got, err := p.If(0, testScope(t)); got != want || err != nil {
			t.Errorf("if %s is %v, %v; want %v", expr, got, err, want)
		}
	}
	p, err := compiled(New(nil), []ordinaut.Step{{ID: "a", Expect: "output == 'text'"}})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := p.Expect(0, "text", testScope(t)); !ok || err != nil {
		t.Errorf("an output that is no object: %v %v", ok, err)
	}
}

// Search sees its input and nothing else.
func TestSearch(t *testing.T) {
	t.Parallel()
	got, err := New(nil).Search("[?price > 3].name", decode(t, `[{"name":"a","price":4}]`))
	if diff := cmp.Diff([]any{"a"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if got, err := New(nil).Search("params", decode(t, `{}`)); got != nil || err != nil {
		t.Errorf("params is %v, %v", got, err)
	}
	if _, err := New(nil).Search("a b", nil); ordinaut.CodeOf(err) != ordinaut.CodeInvalidArgument {
		t.Errorf("a faulty expression gave %v", err)
	}
	if _, err := New(nil).Search("@", math.Inf(1)); err == nil {
		t.Error("infinity was given")
	}
}

// compiled compiles steps alone.
func compiled(l *Language, steps []ordinaut.Step) (*Program, error) {
	return l.Compile(&ordinaut.TaskSpec{Pipeline: steps})
}
