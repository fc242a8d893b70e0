package executor

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
)

// call is one try of a step's action.
type call struct {
	att   *attempt
	step  *step
	id    string // the step's, in the run
	input map[string]any
}

// key is the idempotency key of the call's effect: the same for every try of the step in its run.
func (c *call) key() string { return c.att.RunID.String() + "/" + c.id }

// result is what an action has done.
type result struct {
	output json.RawMessage
	// value is the output decoded, if the action has it at hand.
	value any
	// events are published by being recorded with the step, so exactly once.
	events []ordinaut.Event
}

// action does the work of one kind of step. Its errors are failures, errors of package downstream, or
// the end of its context.
type action struct {
	def ordinaut.Action
	// effect says that do reaches outside: it gets a timeout and enough of a lease.
	effect bool
	// foreign says that somebody else wrote it: its output is checked.
	foreign bool
	do      func(ctx context.Context, c *call) (result, error)
}

// builtIns returns the actions that need no server. wait.sleep and approval.request are not done but waited
// for, flows are interpreted; they are here for their schemas.
func (e *Executor) builtIns() map[string]action {
	actions := make(map[string]action)
	for _, def := range pipeline.BuiltIns() {
		a := action{def: def}
		switch def.Name {
		case httpRequest:
			h := &httpAction{client: e.cfg.HTTP, maxBytes: e.cfg.MaxResponseBytes}
			a.effect, a.do = true, h.do
		case dataTransform:
			a.do = e.transform
		case eventPublish:
			a.do = publish
		case dataAssert:
			a.do = assert
		case waitSleep, ordinaut.ApprovalRequest, pipeline.FlowForeach, pipeline.FlowParallel, pipeline.FlowSwitch:
		default:
			continue
		}
		actions[def.Name] = a
	}
	return actions
}

// tool returns the action that is a tool of a server.
func (e *Executor) tool(ctx context.Context, name string) (action, error) {
	if e.cfg.Servers == nil || !strings.Contains(name, ".") {
		return action{}, failf(ordinaut.ReasonUnknownAction, "this worker knows no action %q", name)
	}
	def, err := e.cfg.Servers.Action(ctx, name)
	if err != nil {
		return action{}, err
	}
	return action{def: def, effect: true, foreign: true, do: e.callTool}, nil
}

// kindOf is the label of an action in metrics: tools of servers are one.
func (e *Executor) kindOf(name string) string {
	if _, ok := e.actions[name]; ok {
		return name
	}
	return "tool"
}

// fits says what is wrong with what an action is given, answers with what it gives. A schema that
// can't be used does not stop the step: it is the server's, and the server checks for itself.
func (e *Executor) fits(ctx context.Context, a *action, input map[string]any) *failure {
	return e.judge(ctx, a, ordinaut.ReasonInputInvalid, e.language.ValidateInput(a.def, input))
}

func (e *Executor) answers(ctx context.Context, a *action, output any) *failure {
	return e.judge(ctx, a, ordinaut.ReasonOutputInvalid, e.language.ValidateOutput(a.def, output))
}

func (e *Executor) judge(ctx context.Context, a *action, reason ordinaut.Reason, err error) *failure {
	switch {
	case err == nil:
		return nil
	case ordinaut.CodeOf(err) == ordinaut.CodeFailedPrecondition:
		e.log.WarnContext(ctx, "schema of an action can't be used", "action", a.def.Name, "err", err)
		return nil
	default:
		return &failure{reason: reason, msg: messageOf(err)}
	}
}
