package mcp

import (
	"encoding/json"
	"testing"

	"github.com/ordinaut/ordinaut/schemas"
)

// A default that a schema promises is the one that the handler takes.
func TestDefaultsAreThoseOfTheSchemas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, argument string
		taken          int
	}{
		{"get_run", "max_output_chars", defaultOutputChars},
		{"backfill_task", "rate_per_minute", defaultBackfillRate},
		{"backfill_task", "priority", defaultBackfillPriority},
		{"preview_schedule", "count", defaultPreview},
	} {
		raw, err := schemas.Tool(c.file)
		if err != nil {
			t.Fatal(err)
		}
		var tool struct {
			Input struct {
				Properties map[string]struct{ Default any }
			}
		}
		if err := json.Unmarshal(raw, &tool); err != nil {
			t.Fatal(err)
		}
		if told := tool.Input.Properties[c.argument].Default; told != float64(c.taken) {
			t.Errorf("%s: the schema says %s is %v by default, the handler takes %d", c.file, c.argument, told, c.taken)
		}
	}
	raw, err := schemas.ToolFragments()
	if err != nil {
		t.Fatal(err)
	}
	var shared map[string]struct{ Default any }
	if err := json.Unmarshal(raw, &shared); err != nil {
		t.Fatal(err)
	}
	for name, taken := range map[string]float64{"limit": defaultLimit, "priority": defaultPriority, "pause_after_failures": defaultFailures, "timeout_seconds": defaultTimeoutSeconds} {
		if told := shared[name].Default; told != taken {
			t.Errorf("the schema says %s is %v by default, the handlers take %v", name, told, taken)
		}
	}
}
