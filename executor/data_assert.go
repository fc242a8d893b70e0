package executor

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
)

const dataAssert = "data.assert"

// assert fails unless the value that it is given counts as true.
func assert(_ context.Context, c *call) (result, error) {
	value := c.input["that"]
	if !pipeline.Truthy(value) {
		message, _ := c.input["message"].(string)
		return result{}, failf(ordinaut.ReasonExpectationFailed, "%s", cmp.Or(message, "what it asserts is not true"))
	}
	answer := map[string]any{"value": value}
	out, err := json.Marshal(answer)
	return result{output: out, value: answer}, err
}
