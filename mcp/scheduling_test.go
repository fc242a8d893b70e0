package mcp

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// examplePreview is the id that stands in examples.
const examplePreview = "preview_0199e0c2b6d27cc19a5f0b7c5b1f3a52"

// Each example of docs/scheduling.md is a call that goes well, in the order of the page. An id in an
// example stands for that of the task or preview made last.
func TestExamplesOfSchedulingRun(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/scheduling.md")
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	task, preview, calls := v.newTask(t, manual("Stand-in")), "", 0
	for _, block := range strings.Split(string(text), "```json\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		var call struct {
			Tool      string          `json:"tool"`
			Arguments json.RawMessage `json:"arguments"`
		}
		if err := json.Unmarshal([]byte(block), &call); err != nil {
			t.Errorf("%s: %v", block, err)
			continue
		}
		if call.Tool == "" {
			continue // an answer, shown for its form
		}
		calls++
		r := v.call(t, call.Tool, json.RawMessage(strings.NewReplacer(exampleTask, task, examplePreview, preview).Replace(string(call.Arguments))))
		if r.failed {
			t.Errorf("%s: %s", block, r.text)
			continue
		}
		if seen, ok := r.content["preview_id"].(string); ok {
			preview = seen
		}
		if made, ok := r.content["task"].(map[string]any); ok {
			task = made["id"].(string)
		}
	}
	if calls == 0 {
		t.Error("the page has no example")
	}
}
