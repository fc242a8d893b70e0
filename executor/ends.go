package executor

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
)

// endsTime is how long on_failure and finally may go on, waits included, after the run's time is over.
const endsTime = time.Minute

// ends reports whether steps follow on an end in this state.
func (p *program) ends(state ordinaut.RunState) bool {
	switch state {
	case ordinaut.RunFailed, ordinaut.RunTimedOut:
		return len(p.onFailure) > 0 || len(p.finally) > 0
	case ordinaut.RunSucceeded:
		return len(p.finally) > 0
	default:
		return false
	}
}

// came is what the steps, which have all succeeded, come to: that which assert and output make of it. Their
// now is the end of the last step, so that another attempt finds the same.
func (x *frame) came() ordinaut.Outcome {
	out := x.succeeded()
	x.scope.Now = x.lastEnd
	unmet, err := x.prog.code.Unmet(&x.scope)
	switch {
	case err != nil:
		return endFailed(ordinaut.ReasonTemplateError, clip(messageOf(err))).outcome
	case unmet != "":
		return endFailed(ordinaut.ReasonExpectationFailed, clip("assert: not true: "+unmet)).outcome
	}
	value, given, err := x.prog.code.Output(&x.scope)
	if err != nil {
		return endFailed(ordinaut.ReasonTemplateError, clip(messageOf(err))).outcome
	}
	if !given {
		return out
	}
	if out.Output, err = json.Marshal(value); err != nil || len(out.Output) > maxRunOutput {
		return endFailed(ordinaut.ReasonOutputInvalid,
			fmt.Sprintf("output: its value has %d bytes of JSON, at most %d are kept", len(out.Output), maxRunOutput)).outcome
	}
	return out
}

// conclude runs on_failure and finally after what the steps have come to, which is recorded first, and
// returns the run's end: that of the steps unless finally fails after a success.
func (x *frame) conclude(end ending) (ending, bool) {
	if end.step != nil {
		if err := x.att.record(x.ack, end.step, end.events); err != nil {
			return x.notRecorded(&step{Step: ordinaut.Step{ID: end.step.StepID}}, err)
		}
		x.recorded.put(end.step)
		end.step, end.events = nil, nil
	}
	if end.outcome.State == ordinaut.RunTimedOut {
		x.until = x.until.Add(endsTime)
	}
	failed := end.outcome.State != ordinaut.RunSucceeded
	for _, block := range []struct {
		key   string
		steps []step
		runs  bool
	}{{"on_failure", x.prog.onFailure, failed}, {"finally", x.prog.finally, true}} {
		if !block.runs || len(block.steps) == 0 {
			continue
		}
		came := x.after(&end, block.steps)
		switch {
		case came.over != nil && (!came.over.ok || came.over.outcome.State != ordinaut.RunTimedOut):
			return came.over.ending, came.over.ok
		case came.waits():
			return *came.end, true
		case came.over != nil || came.fails():
			why := came.over
			if why == nil {
				why = &over{ending: *came.end}
			}
			if failed {
				end.outcome.Error = clip(end.outcome.Error + "; then " + block.key + ": " + why.outcome.Error)
			} else {
				end, failed = why.ending, true
			}
		}
	}
	return end, true
}

// after runs a block that follows the pipeline. What has failed is known in it as error.
func (x *frame) after(end *ending, steps []step) passage {
	in := x.within("", true)
	for i := range x.prog.steps {
		for _, name := range append([]string{x.prog.steps[i].name}, x.prog.steps[i].inner...) {
			if _, saved := in.scope.Steps[name]; !saved {
				in.scope.Steps[name] = nil
			}
		}
	}
	if end.outcome.State != ordinaut.RunSucceeded {
		in.scope.Failure = map[string]any{"reason": string(end.outcome.Reason), "message": end.outcome.Error, "step": nil}
		if end.at != "" {
			in.scope.Failure["step"] = end.at
		}
	}
	came := in.through(steps)
	x.bringOut(in, steps)
	return came
}
