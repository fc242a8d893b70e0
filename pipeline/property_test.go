package pipeline

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// values draws JSON values, with texts that look like templates.
func drawValue(t *rapid.T, depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.Float64Range(-1e15, 1e15).Draw(t, "number")
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.SampledFrom([]string{"${params.v}", "$${x}", "x ${now} y", "${", "}", "`", "'", `"`, "a\nb", "ä€😀"}).Draw(t, "odd")
	case 3:
		return rapid.String().Draw(t, "text")
	case 4:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			list = append(list, drawValue(t, depth-1))
		}
		return list
	default:
		object := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			object[rapid.String().Draw(t, "key")] = drawValue(t, depth-1)
		}
		return object
	}
}

func renderWith(t interface{ Fatal(...any) }, text any, params map[string]any) any {
	p, err := compiled(New(nil), []ordinaut.Step{{ID: "a", With: map[string]any{"v": text}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Render(0, &Scope{Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return out["v"]
}

// Text without ${ renders to itself.
func TestPlainTextRendersToItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(rapid.String().Draw(t, "text"), "${", "$")
		if got := renderWith(t, text, nil); got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

// A value keeps its type and its content, and is never read as a template.
func TestValuesPassThroughUnchanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 3)
		if diff := cmp.Diff(v, renderWith(t, "${params.v}", map[string]any{"v": v})); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Inside text a value is rendered once: text as it is, all else as JSON that reads back as the value.
func TestValuesInTextRenderOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 3)
		got := renderWith(t, "<${params.v}>", map[string]any{"v": v}).(string)
		inner := strings.TrimSuffix(strings.TrimPrefix(got, "<"), ">")
		if text, ok := v.(string); ok {
			if inner != text {
				t.Fatalf("%q became %q", text, inner)
			}
			return
		}
		var back any
		if err := json.Unmarshal([]byte(inner), &back); err != nil {
			t.Fatalf("%s: %v", inner, err)
		}
		if diff := cmp.Diff(v, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The escape $${ gives back any text that holds ${.
func TestEscapedTextRendersToTheText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"${", "a", "}", " ", "params", "'"})).Draw(t, "parts")
		text := strings.Join(parts, "")
		if got := renderWith(t, strings.ReplaceAll(text, "${", "$${"), nil); got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

// A literal text in an expression may hold anything: it is found whole, and no operator is seen in it.
func TestTextInExpressionsIsUntouched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"now + 24h", "}", "{", "`", `"`, " 5 ", "true", "[", "\\", "'", "||", "ä"}), 0, 8).Draw(t, "parts"), "")
		literal := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
		if got := renderWith(t, "${"+literal+"}", nil); got != text {
			t.Fatalf("%s became %q", literal, got)
		}
	})
}

// pipeline.json has the keys of ordinaut.Step and ordinaut.Retry, and no others.
func TestSchemaHasTheKeysOfStep(t *testing.T) {
	t.Parallel()
	var schema struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Enum []string
				Else struct{ Enum []string }
			}
			AdditionalProperties any
		} `json:"$defs"`
	}
	if err := json.Unmarshal(schemas.Pipeline(), &schema); err != nil {
		t.Fatal(err)
	}
	for name, typ := range map[string]reflect.Type{"step": reflect.TypeFor[ordinaut.Step](), "retry": reflect.TypeFor[ordinaut.Retry]()} {
		got, want := map[string]bool{}, map[string]bool{}
		for key := range schema.Defs[name].Properties {
			got[key] = true
		}
		for field := range typ.Fields() {
			tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			want[tag] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if open := schema.Defs[name].AdditionalProperties; open != false {
			t.Errorf("%s takes unknown keys", name)
		}
	}
	var backoffs []string
	for _, b := range ordinaut.Backoffs() {
		backoffs = append(backoffs, string(b))
	}
	if diff := cmp.Diff(backoffs, schema.Defs["retry"].Properties["backoff"].Enum); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{string(ordinaut.OnErrorFail), string(ordinaut.OnErrorContinue)}, schema.Defs["step"].Properties["on_error"].Else.Enum); diff != "" {
		t.Error(diff)
	}
}
