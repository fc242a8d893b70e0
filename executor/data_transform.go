package executor

import (
	"context"
	"encoding/json"

	"github.com/ordinaut/ordinaut"
)

const dataTransform = "data.transform"

// transform evaluates an expression over a value. It depends on its input alone.
func (e *Executor) transform(_ context.Context, c *call) (result, error) {
	expression, _ := c.input["expression"].(string)
	value, err := e.language.Search(expression, c.input["input"])
	if err != nil {
		return result{}, &failure{reason: ordinaut.ReasonTemplateError, msg: messageOf(err)}
	}
	answer := map[string]any{"result": value}
	out, err := json.Marshal(answer)
	return result{output: out, value: answer}, err
}
