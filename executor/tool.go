package executor

import (
	"context"

	"github.com/ordinaut/ordinaut/executor/downstream"
)

// callTool runs a tool of a downstream server and passes on its progress.
func (e *Executor) callTool(ctx context.Context, c *call) (result, error) {
	out, err := e.cfg.Servers.Call(ctx, downstream.Call{
		Name: c.step.Uses, Arguments: c.input, IdempotencyKey: c.key(),
		OnProgress: func(percent *float64, message string) { c.att.report(c.id, percent, message) },
	})
	return result{output: out}, err
}
