package executor

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
)

const (
	// maxOutput is how long an output may be to be kept whole. Of a longer one the beginning is kept, as
	// text for people to read; steps that refer to it fail, whether or not the run was resumed.
	maxOutput = 1 << 20
	// cutTo is how much that beginning is.
	cutTo = 4 << 10
	// maxInput is how long an input may be to be recorded.
	maxInput = 256 << 10
)

// verdict is what one try of a step came to: its result, and the attempt's end if it has one.
type verdict struct {
	result ordinaut.StepResult
	// value is the output decoded.
	value  any
	events []ordinaut.Event
	end    *ending
	// over is set when the step did not come to an end because the attempt has.
	over *over
}

// over is how an attempt ends in the middle of a step. With ok false there is nothing to be written: the
// lease is lost.
type over struct {
	ending
	ok bool
}

// step does one step that has no final result yet.
func (x *frame) step(st *step) verdict {
	began := time.Now()
	v := x.try(st)
	if v.over == nil {
		x.e.m.stepSeconds.WithLabelValues(x.e.kindOf(st.Uses), string(v.result.State)).Observe(time.Since(began).Seconds())
	}
	return v
}

func (x *frame) try(st *step) verdict {
	now := x.scope.Now
	before, resumed := x.recorded.open(x.id(st))
	v := verdict{result: ordinaut.StepResult{StepID: x.id(st), Uses: st.Uses, Epoch: x.att.Epoch, StartedAt: now}}
	if resumed {
		v.result.StartedAt, v.result.Tries = before.StartedAt, before.Tries
		if before.Tries >= tries(st) {
			v.result.Tries = 0 // its tries were spent; this is one of the run's own
		}
		if st.Uses == waitSleep && before.Reason == "" && before.WakesAt != nil {
			return x.sleepOn(v, before, now)
		}
		if before.Reason == ordinaut.ReasonAwaitingApproval {
			return x.answered(st, v, &before, now)
		}
		if before.Reason != "" && before.WakesAt != nil && before.WakesAt.After(now) {
			return x.waitOn(st, before, now)
		}
	} else if run, f := x.condition(st); f != nil {
		return x.fail(st, v, f)
	} else if !run {
		v.result.State, v.result.Reason, v.result.FinishedAt = ordinaut.StepSkipped, ordinaut.ReasonConditionFalse, &now
		return v
	}
	input, f := x.input(st, &before, resumed)
	if f != nil {
		return x.fail(st, v, f)
	}
	raw, err := json.Marshal(input)
	limit := maxInput
	if st.flow() {
		limit = maxFlowInput
	}
	if err == nil && len(raw) <= limit {
		v.result.Input = raw
	}
	if st.flow() {
		return x.flow(st, v, input, len(raw), resumed)
	}
	return x.act(st, v, input)
}

func tries(st *step) int {
	if st.Retry == nil {
		return 1
	}
	return max(st.Retry.MaxAttempts, 1)
}

// act does the step's action. Only what reaches outside gets a timer: the rest ends by itself.
func (x *frame) act(st *step, v verdict, input map[string]any) verdict {
	act, builtIn := x.e.actions[st.Uses]
	if st.Uses == waitSleep {
		if f := x.e.fits(x.att.ctx, &act, input); f != nil {
			return x.fail(st, v, f)
		}
		return x.fallAsleep(st, v, input)
	}
	if st.Uses == ordinaut.ApprovalRequest {
		return x.ask(st, v, input)
	}
	v.result.Tries++
	ctx := x.att.ctx
	if !builtIn || act.effect {
		var stop context.CancelFunc
		ctx, stop = x.limited(st)
		defer stop()
	}
	err := x.do(ctx, st, &v, act, builtIn, input)
	if err == nil {
		return v
	}
	f := failureOf(ctx, err, st)
	if f == nil {
		end, ok := x.stop(st, v)
		v.over = &over{end, ok}
		return v
	}
	if f.reason == ordinaut.ReasonInternal {
		x.e.log.ErrorContext(ctx, "step failed inside", "run_id", x.att.RunID, "step", x.id(st), "err", err)
	}
	return x.fail(st, v, f)
}

// limited returns a context that ends with the step's time or the run's, whichever is over first.
func (x *frame) limited(st *step) (context.Context, context.CancelFunc) {
	if left := x.left(); left <= st.timeout {
		return context.WithTimeoutCause(x.att.ctx, left, errRunTimeout)
	}
	return context.WithTimeoutCause(x.att.ctx, st.timeout, errStepTimeout)
}

func (x *frame) do(ctx context.Context, st *step, v *verdict, act action, builtIn bool, input map[string]any) error {
	if !builtIn {
		var err error
		if act, err = x.e.tool(ctx, st.Uses); err != nil {
			return err
		}
	}
	if f := x.e.fits(ctx, &act, input); f != nil {
		return f
	}
	if x.prog.probe != nil {
		// The action may say something else of itself than when the task was made.
		if fault := pipeline.ProbeFault(act.def, input); fault != "" {
			return failf(ordinaut.ReasonPermissionDenied, "%s", fault)
		}
	}
	if act.effect {
		if err := x.e.mayAct(ctx, x.att); err != nil {
			return err
		}
	}
	res, err := act.do(ctx, &call{att: x.att, step: st, id: x.id(st), input: input})
	if err != nil {
		return err
	}
	return x.accept(ctx, st, v, act, res)
}

// accept holds an output against its schema and the step's expectation, and makes it the result. What
// our own actions give is theirs to get right; a server's answer is checked.
func (x *frame) accept(ctx context.Context, st *step, v *verdict, act action, res result) error {
	v.value = res.value
	if v.value == nil {
		if err := json.Unmarshal(res.output, &v.value); err != nil {
			return failf(ordinaut.ReasonOutputInvalid, "%s gave an answer that can't be read as JSON: %s", st.Uses, err)
		}
	}
	if act.foreign {
		if f := x.e.answers(ctx, &act, v.value); f != nil {
			return f
		}
	}
	x.setOutput(&v.result, res.output)
	met, err := x.prog.code.Expect(st.index, v.value, &x.scope)
	if err != nil {
		return &failure{reason: ordinaut.ReasonTemplateError, msg: messageOf(err)}
	}
	if !met {
		return failf(ordinaut.ReasonExpectationFailed, "its output does not meet expect: %s", st.Expect)
	}
	done := x.att.now()
	v.result.State, v.result.FinishedAt, v.events = ordinaut.StepSucceeded, &done, res.events
	return nil
}

func (x *frame) setOutput(r *ordinaut.StepResult, out json.RawMessage) {
	r.Output, r.OutputBytes = out, len(out)
	if len(out) > maxOutput {
		r.Output, _ = json.Marshal(string(out[:cutTo])) //nolint:errchkjson // a string
	}
}

func (x *frame) condition(st *step) (bool, *failure) {
	if f := x.refersToCut(st.If); f != nil {
		return false, f
	}
	run, err := x.prog.code.If(st.index, &x.scope)
	if err != nil {
		return false, &failure{reason: ordinaut.ReasonTemplateError, msg: messageOf(err)}
	}
	return run, nil
}

// input renders the step's input. A later try sends what the first has sent, since the idempotency key
// is the same too.
func (x *frame) input(st *step, before *ordinaut.StepResult, resumed bool) (map[string]any, *failure) {
	if resumed && len(before.Input) > 0 {
		var input map[string]any
		if json.Unmarshal(before.Input, &input) == nil && input != nil {
			return input, nil
		}
	}
	if f := x.refersToCut([]any{st.With, st.Expect}); f != nil {
		return nil, f
	}
	input, err := x.prog.code.Render(st.index, &x.scope)
	if err != nil {
		return nil, &failure{reason: ordinaut.ReasonTemplateError, msg: messageOf(err)}
	}
	return input, nil
}

// refersToCut fails a step whose texts name an output that was too long to be kept.
func (x *frame) refersToCut(v any) *failure {
	for name, bytes := range x.cut {
		if mentions(v, regexp.MustCompile(`\bsteps\b[^}]*\b`+name+`\b`)) {
			return failf(ordinaut.ReasonTemplateError,
				"it needs steps.%s, whose output of %d bytes was longer than the %d that are kept", name, bytes, maxOutput)
		}
	}
	return nil
}

func mentions(v any, name *regexp.Regexp) bool {
	switch v := v.(type) {
	case string:
		return name.MatchString(v)
	case map[string]any:
		for _, member := range v {
			if mentions(member, name) {
				return true
			}
		}
	case []any:
		for _, member := range v {
			if mentions(member, name) {
				return true
			}
		}
	}
	return false
}

// fallAsleep ends the attempt until the step's time has come, at the latest until the run's is over.
func (x *frame) fallAsleep(st *step, v verdict, input map[string]any) verdict {
	now := x.att.now()
	until, err := wakeTime(input, now)
	if err != nil {
		var f *failure
		errors.As(err, &f)
		return x.fail(st, v, f)
	}
	v.result.Tries = 1
	if !until.After(now) {
		return x.awake(v, until, now)
	}
	return x.asleep(v, until, now)
}

// sleepOn looks whether a sleeper's time has come.
func (x *frame) sleepOn(v verdict, before ordinaut.StepResult, now time.Time) verdict {
	v.result.Input, v.result.Tries = before.Input, before.Tries
	if before.WakesAt.After(now) {
		return x.asleep(v, *before.WakesAt, now)
	}
	return x.awake(v, *before.WakesAt, now)
}

func (x *frame) asleep(v verdict, until, now time.Time) verdict {
	v.result.State, v.result.WakesAt = ordinaut.StepWaiting, &until
	v.end = &ending{outcome: ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: min(until.Sub(now), max(x.left(), 0))}}
	return v
}

func (x *frame) awake(v verdict, at, now time.Time) verdict {
	v.result.State, v.result.FinishedAt = ordinaut.StepSucceeded, &now
	x.setOutput(&v.result, sleptUntil(at))
	return v
}
