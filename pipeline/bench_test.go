package pipeline

import (
	"testing"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

func benchmarkSteps() []ordinaut.Step {
	return []ordinaut.Step{{
		ID: "a", Uses: "http.request", If: "steps.weather.status == 200", Expect: "status == 200",
		With: map[string]any{
			"url": "https://api.example.com/f?city=${params.city}", "query": map[string]any{"start": "${now}", "end": "${now + 24h}"},
			"json": map[string]any{"names": "${steps.events.items[?price > 3].name}", "text": "Plan: ${steps.events.items} ${steps.weather.body.text}"},
		},
	}}
}

func BenchmarkCompile(b *testing.B) {
	steps, language := benchmarkSteps(), New(nil)
	for b.Loop() {
		if _, err := compiled(language, steps); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	p, err := compiled(New(nil), benchmarkSteps())
	if err != nil {
		b.Fatal(err)
	}
	scope := testScope(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Render(0, scope); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRenderPlain(b *testing.B) {
	p, err := compiled(New(nil), []ordinaut.Step{{ID: "a", With: map[string]any{"url": "https://e.com"}}})
	if err != nil {
		b.Fatal(err)
	}
	scope := testScope(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Render(0, scope); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIf(b *testing.B) {
	p, err := compiled(New(nil), benchmarkSteps())
	if err != nil {
		b.Fatal(err)
	}
	scope := testScope(b)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := p.If(0, scope); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	lookup, names := catalogue()
	language := New(schemas.NewValidator(0))
	spec := ordinaut.TaskSpec{Params: map[string]any{"city": "x"}, Pipeline: []ordinaut.Step{
		{ID: "weather", Uses: "http.request", With: map[string]any{"url": "https://e.com"}}, {ID: "events", Uses: "http.request", With: map[string]any{"url": "https://e.com"}}, benchmarkSteps()[0],
	}}
	b.ReportAllocs()
	for b.Loop() {
		if err := language.Check(spec, lookup, names); err != nil {
			b.Fatal(err)
		}
	}
}

// The expression of data.transform comes with each run and is parsed each time.
func BenchmarkSearch(b *testing.B) {
	language := New(nil)
	input := map[string]any{"items": []any{map[string]any{"price": 4.0}, map[string]any{"price": 2.0}}}
	for b.Loop() {
		if _, err := language.Search("items[?price > 3].price", input); err != nil {
			b.Fatal(err)
		}
	}
}
