package pipeline

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// page returns docs/pipelines.md and the scope that its examples share.
func page(t *testing.T) (string, *Scope) {
	t.Helper()
	raw, err := os.ReadFile("../docs/pipelines.md")
	if err != nil {
		t.Fatal(err)
	}
	var facts struct {
		Params, Steps, Run, Task map[string]any
		Now                      time.Time
	}
	if err := json.Unmarshal([]byte(fenced(t, string(raw), "json scope")), &facts); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), &Scope{Params: facts.Params, Steps: facts.Steps, Run: facts.Run, Task: facts.Task, Now: facts.Now, Location: zone}
}

func fenced(t *testing.T, text, kind string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "```"+kind+"\n")
	block, _, closed := strings.Cut(rest, "\n```")
	if !found || !closed {
		t.Fatalf("there is no block %s", kind)
	}
	return block
}

// table returns the cells of the rows of the table with the given header.
func table(t *testing.T, text, header string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(text, header+"\n")
	if !found {
		t.Fatalf("there is no table %s", header)
	}
	var rows [][]string
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		line = strings.ReplaceAll(strings.Trim(strings.TrimSpace(line), "|"), `\|`, "\x00")
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "\x00", "|")
		}
		rows = append(rows, cells)
	}
	return rows
}

func code(cell string) string { return strings.Trim(cell, "`") }

// The pipelines on the page are sound.
func TestPageShowsSoundPipelines(t *testing.T) {
	t.Parallel()
	text, _ := page(t)
	known, names := catalogue()
	lookup := func(name string) (ordinaut.Action, bool) {
		if a, ok := known(name); ok || !slices.Contains([]string{"weather.now", "mail.unread", "mail.send", "news.latest"}, name) {
			return a, ok
		}
		return ordinaut.Action{Name: name}, true
	}
	for _, kind := range []string{"json", "json flow", "json ends"} {
		var spec ordinaut.TaskSpec
		if err := json.Unmarshal([]byte(fenced(t, text, kind)), &spec); err != nil {
			t.Fatal(err)
		}
		if err := New(nil).Check(spec, lookup, names); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// Each template on the page gives what the page says.
func TestPageTellsWhatTemplatesGive(t *testing.T) {
	t.Parallel()
	text, scope := page(t)
	for _, row := range table(t, text, "| template | gives |") {
		p, err := compiled(New(nil), []ordinaut.Step{{ID: "a", With: map[string]any{"v": code(row[0])}}})
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		out, err := p.Render(0, scope)
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		if diff := cmp.Diff(decode(t, code(row[1])), out["v"]); diff != "" {
			t.Errorf("%s: %s", row[0], diff)
		}
	}
}

// Each condition on the page holds as the page says.
func TestPageTellsWhichConditionsHold(t *testing.T) {
	t.Parallel()
	text, scope := page(t)
	for _, row := range table(t, text, "| condition | holds |") {
		p, err := compiled(New(nil), []ordinaut.Step{{ID: "a", Expect: code(row[0])}})
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		if got, err := p.Expect(0, scope.Steps["shop"], scope); err != nil || got != (code(row[1]) == "true") {
			t.Errorf("%s holds: %v, %v", row[0], got, err)
		}
	}
}

// Each fault on the page gets the answer that the page says.
func TestPageTellsWhatErrorsSay(t *testing.T) {
	t.Parallel()
	text, _ := page(t)
	for _, row := range table(t, text, "| step | answer |") {
		err := checkJSON(t, nil, `{"pipeline":[`+code(row[0])+`]}`)
		pointer, want, _ := strings.Cut(row[1], ": ")
		var public *ordinaut.Error
		if !errors.As(err, &public) || public.Pointer != code(pointer) || !strings.Contains(public.Msg, want) {
			t.Errorf("%s: %v, want %s", row[0], err, row[1])
		}
	}
}

// The page lists every function, every action and every key of a step, and none that is not there.
func TestPageIsComplete(t *testing.T) {
	t.Parallel()
	text, _ := page(t)
	var documented []string
	for _, row := range table(t, text, "| function | gives |") {
		for _, m := range regexp.MustCompile("`([a-z_]+)\\(").FindAllStringSubmatch(row[0], -1) {
			documented = append(documented, m[1])
		}
	}
	slices.Sort(documented)
	if diff := cmp.Diff(newLibrary().names(), documented); diff != "" {
		t.Error(diff)
	}
	var actions, builtIn []string
	for _, row := range table(t, text, "| action | input | output |") {
		actions = append(actions, code(row[0]))
	}
	for _, a := range BuiltIns() {
		builtIn = append(builtIn, a.Name)
	}
	slices.Sort(actions)
	if diff := cmp.Diff(builtIn, actions); diff != "" {
		t.Error(diff)
	}
	var keys []string
	for _, row := range table(t, text, "| key | is | default |") {
		for key := range strings.SplitSeq(row[0], ", ") {
			keys = append(keys, code(key))
		}
	}
	inner := []ordinaut.Step{{}}
	raw, err := json.Marshal(ordinaut.Step{
		ID: "a", Uses: "a", With: map[string]any{"a": 1}, If: "a", SaveAs: "a", TimeoutSeconds: 1, OnTimeout: "a", Retry: &ordinaut.Retry{},
		OnError: ordinaut.OnError{Policy: "a"}, Expect: "a", Steps: inner, Branches: map[string][]ordinaut.Step{"a": inner},
		Cases: []ordinaut.Case{{}}, Default: inner,
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range decode(t, string(raw)).(map[string]any) {
		if !slices.Contains(keys, key) {
			t.Errorf("the page says nothing of %s", key)
		}
	}
	if want := len(decode(t, string(raw)).(map[string]any)); len(keys) != want {
		t.Errorf("the page has %d keys, a step %d", len(keys), want)
	}
}
