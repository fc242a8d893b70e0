package pipeline

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// hostile are expressions that end, flood or stall an evaluation without bounds.
func hostile() map[string]string {
	doubling := strings.Repeat("[@,@,@,@,@,@,@,@][]|", 12) + "@"
	return map[string]string{
		"a million brackets":           strings.Repeat("[", 1e6),
		"a million braces":             strings.Repeat("{a:", 1e6),
		"a million parentheses":        strings.Repeat("(", 1e6),
		"a million negations":          strings.Repeat("!", 1e6),
		"33 brackets":                  strings.Repeat("[", 33) + "a" + strings.Repeat("]", 33),
		"a deep literal":               "`" + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "`",
		"ors alone":                    "||||",
		"an open text":                 "'a",
		"an open literal":              "`a",
		"an open name":                 `"a`,
		"bytes that are no UTF-8":      "'\xff'",
		"a NUL":                        "a\x00b",
		"an index beyond int":          "a[99999999999999999999]",
		"a number beyond float":        "`1e999`",
		"a doubling list":              doubling,
		"a doubling list as text":      "to_string(" + strings.Repeat("[@,@,@,@]|", 30) + "@)",
		"a doubling list handed out":   strings.Repeat("[@,@,@,@]|", 30) + "@",
		"a doubling list compared":     "let $a = " + strings.Repeat("[@,@,@,@]|", 30) + "@ in $a == (" + strings.Repeat("[@,@,@,@]|", 30) + "@)",
		"a deep value":                 strings.Repeat("[@]|", 1000) + "@",
		"filters in filters":           "$.l[?$.l[?$.l[?$.l[?$.l[?$.l]]]]]",
		"maps in maps":                 "map(&map(&map(&map(&$.l, $.l), $.l), $.l), $.l)",
		"sorting by sorting":           "sort_by(l, &length(sort_by($.l, &length(sort_by($.l, &to_string(@))))))",
		"a long padding":               "pad_left('a', 2000000000)",
		"paddings of paddings":         strings.Repeat("pad_right(", 30) + "'a'" + strings.Repeat(", 1000000)", 30),
		"replacements":                 "let $a = pad_left('', 100000, 'x') in replace($a, 'x', $a)",
		"joins":                        "let $a = pad_left('', 100000, 'x') in join($a, split($a, 'x'))",
		"a doubling text":              "'abcdefgh'|" + strings.Repeat("join('', [@,@,@,@,@,@,@,@])|", 20) + "@",
		"trimming by a long set":       "let $a = pad_left('', 1000000, 'ö') in trim($a, $a)",
		"a function of itself":         "sort_by(l, &@)",
		"a reference as a value":       "[&a]",
		"a division by zero":           "`1` / `0`",
		"a let without a variable":     "let a = b in c",
		"a binding alone":              "$a = b",
		"a binding of a path":          "let $a.b = c in d",
		"an unbound variable":          "$a",
		"a slice of step zero":         "l[::0]",
		"a slice of extreme steps":     "l[::9223372036854775807] | l[::-9223372036854775808] | to_number(@)",
		"a hash without commas":        "{a: b c: d",
		"a hash without end":           "{a: b, ",
		"an unfinished call":           "length(",
		"a function name that is none": "@(a)",
		"minus signs":                  strings.Repeat("-", 4000) + "1",
		"a zone that is a path":        "to_zone('2030-03-01T09:00:00Z', '../../../etc/passwd')",
		"a long layout":                "format_time('2030-03-01T09:00:00Z', pad_left('', 1000000, '%'))",
		"a calendar's end":             "'9999-12-31T23:59:59Z' + 300000d",
	}
}

// No expression ends the process, floods its memory or runs for long, and each gets an answer. Not
// parallel, for it counts what the process allocates.
func TestHostileExpressionsAreBounded(t *testing.T) {
	list := make([]any, 300)
	for i := range list {
		list[i] = []any{float64(i)}
	}
	for name, source := range hostile() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := New(nil).Search(source, map[string]any{"l": list})
			runtime.ReadMemStats(&after)
			if made := (after.TotalAlloc - before.TotalAlloc) >> 20; made > 200 {
				t.Errorf("allocated %d MiB", made)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the message is %d bytes long", len(err.Error()))
			}
		})
	}
}

// The parser is handed nothing that is long or deep: it recurses for each bracket.
func TestBoundsHoldBeforeParsing(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		strings.Repeat("[", 1e6):            "at most 4096 are allowed",
		strings.Repeat("a", 4097):           "at most 4096 are allowed",
		strings.Repeat("[", 33):             "nested deeper than 32 brackets",
		"`" + strings.Repeat("[", 33) + "`": "a literal nested deeper than 32 brackets",
	} {
		if _, err := parseExpression(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.10s…: %v, want %q", source, err, want)
		}
	}
	if _, err := parseTemplate("${" + strings.Repeat("[", 1e6)); err == nil {
		t.Error("an open template was taken")
	}
	if _, err := parseTemplate("${" + strings.Repeat("a ", 1e6)); err == nil {
		t.Error("a long template was taken")
	}
	if _, err := parseExpression(strings.Repeat("[", 32) + "a" + strings.Repeat("]", 32)); err != nil {
		t.Errorf("32 brackets are allowed: %v", err)
	}
}

// A value deeper than other parts can take is not handed out, neither alone nor as text.
func TestDeepValuesAreNotHandedOut(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[@]|", 100) + "@"
	for _, source := range []string{deep, "to_string(" + deep + ")"} {
		if _, err := New(nil).Search(source, 1.0); err == nil || !strings.Contains(err.Error(), "nested deeper than 64 levels") {
			t.Errorf("%.20s…: %v", source, err)
		}
	}
}

// All templates of a step share one budget, and what they give together is bounded.
func TestBudgetIsSharedByAStep(t *testing.T) {
	t.Parallel()
	with := map[string]any{}
	for i := range 100 {
		with[fmt.Sprint("k", i)] = "x${params.text}"
	}
	p, err := compiled(New(nil), []ordinaut.Step{{ID: "a", With: with}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Render(0, &Scope{Params: map[string]any{"text": strings.Repeat("a", 1000)}}); err != nil {
		t.Errorf("100 kB: %v", err)
	}
	_, err = p.Render(0, &Scope{Params: map[string]any{"text": strings.Repeat("a", 20_000)}})
	if err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("2 MB: %v", err)
	}
	with = map[string]any{}
	for i := range 100 {
		with[fmt.Sprint("k", i)] = "${length(params.list[?params.list[?@ > 5]]) || 0}"
	}
	if p, err = compiled(New(nil), []ordinaut.Step{{ID: "a", With: with}}); err != nil {
		t.Fatal(err)
	}
	list := make([]any, 50_000)
	_, err = p.Render(0, &Scope{Params: map[string]any{"list": list}})
	if err == nil || !strings.Contains(err.Error(), "takes too long") {
		t.Errorf("got %v", err)
	}
}

// Evaluating an expression changes nothing of what it goes through.
func TestExpressionsDoNotChangeTheirInput(t *testing.T) {
	t.Parallel()
	list := []any{map[string]any{"n": 2.0}, map[string]any{"n": 1.0}}
	got, err := New(nil).Search("[sort_by(@, &n), reverse(@), @[::-1], sort([`2`, `1`])]", list)
	if err != nil {
		t.Fatal(err)
	}
	if list[0].(map[string]any)["n"] != 2.0 {
		t.Errorf("the input was sorted in place: %v, %v", list, got)
	}
}

// A fault in a long expression is told briefly and without what a terminal would obey.
func TestMessagesAreBriefAndPlain(t *testing.T) {
	t.Parallel()
	_, err := compiled(New(nil), []ordinaut.Step{{ID: "a", If: "'" + strings.Repeat("x", 3000) + "\x1b[31m' ''"}})
	var public *ordinaut.Error
	if !errors.As(err, &public) || len(public.Msg) > 300 || strings.ContainsAny(public.Msg, "\x1b\n") {
		t.Errorf("got %q", err)
	}
}
