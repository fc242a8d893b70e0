package pipeline

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// No text makes a template panic, and what it renders is JSON.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"plain", "${params.city}", "a ${now + 24h} b", "$${", "$$${", "${", "${}", "${{a: '}'}}", "${`\"}\"`}", "${\"}\"}", "${params.v || null}",
		"${format_time(now, '%Y')}", "${[[[[", "||||${||||}", "${'\\'}", "${a[?b == '}']}", "\xff${params.city}", "${to_zone(now, 'X')}", "${-1h}", "${[?0]}", "${l[-1:2:3]}",
	} {
		f.Add(seed)
	}
	scope := testScope(f)
	language := New(nil)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := compiled(language, []ordinaut.Step{{ID: "a", With: map[string]any{"v": text}, If: text, Expect: text}})
		if err != nil {
			if p, err = compiled(language, []ordinaut.Step{{ID: "a", With: map[string]any{"v": text}}}); err != nil {
				return
			}
		}
		out, err := p.Render(0, scope)
		if err == nil {
			if _, err := json.Marshal(out); err != nil {
				t.Fatalf("rendered what is no JSON: %v", err)
			}
			if !strings.Contains(text, "${") && out["v"] != text {
				t.Fatalf("plain text became %q", out["v"])
			}
		}
		_, _ = p.If(0, scope)
		_, _ = p.Expect(0, out, scope)
	})
}

// No expression panics or gives what is no JSON, and checking one is as safe as evaluating it.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"a.b", "[?a > 3].b", "sort_by(@, &n)", "{a: b, c: d}", "let $a = b in $a", "a || b && !c", "`{\"a\":[1]}`", "now -1h", "1.5 * 2"} {
		f.Add(seed)
	}
	for _, source := range hostile() {
		f.Add(source[:min(len(source), 5000)])
	}
	lookup, names := catalogue()
	language := New(nil)
	f.Fuzz(func(t *testing.T, source string) {
		input := map[string]any{
			"a": []any{1.0, "x", nil, map[string]any{"n": 2.0}}, "l": []any{[]any{1.0}, []any{"a"}}, "n": json.Number("7"),
			"now": "2030-03-01T09:00:00Z", "s": "text", "o": map[string]any{"b": true},
		}
		v, err := language.Search(source, input)
		if err == nil {
			if _, err := json.Marshal(v); err != nil {
				t.Fatalf("gave what is no JSON: %v", err)
			}
		}
		_ = language.Check(ordinaut.TaskSpec{Pipeline: []ordinaut.Step{
			{ID: "a", Uses: "data.transform", With: map[string]any{"input": "${" + source + "}", "expression": source}, If: source, Expect: source},
		}}, lookup, names)
	})
}
