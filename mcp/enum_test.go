package mcp

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// An enumeration in a schema that begins with the first two words of a list of the domain is that list, neither more nor less.
func TestEnumsAreTheDomains(t *testing.T) {
	t.Parallel()
	lists := map[string][]any{}
	for _, list := range [][]any{
		anys(ordinaut.RunStates()), anys(ordinaut.ScheduleKinds()), anys(ordinaut.Overlaps()), anys(ordinaut.CatchUps()), anys(ordinaut.Backoffs()),
		anys(ordinaut.RunKinds()), anys(ordinaut.QuietActions()), anys(ordinaut.OnExcludeds()), anys(ordinaut.ConditionModes()),
	} {
		lists[beginning(list)] = list
	}
	found := map[string]bool{}
	var walk func(where string, v any)
	walk = func(where string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, member := range v {
				walk(where, member)
				enum, ok := member.([]any)
				if key != "enum" || !ok {
					continue
				}
				first := beginning(enum)
				if list := lists[first]; list != nil {
					found[first] = true
					if diff := cmp.Diff(list, enum); diff != "" {
						t.Errorf("%s (-domain +schema):\n%s", where, diff)
					}
				}
			}
		case []any:
			for _, member := range v {
				walk(where, member)
			}
		}
	}
	read := func(where string, raw json.RawMessage) {
		var doc any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		walk(where, doc)
	}
	read("pipeline.json", schemas.Pipeline())
	for _, d := range offline(t).defined {
		read(d.name+" input", d.input)
		read(d.name+" output", d.output)
	}
	if len(found) != len(lists) {
		t.Errorf("only the lists that begin with %v were seen", found)
	}
}

func anys[T ~string](words []T) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}

// beginning is the first two words of an enumeration.
func beginning(list []any) string { return fmt.Sprint(list[:min(2, len(list))]) }
