package executor

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/ordinaut/ordinaut"
)

// passage is how far a block of steps within a flow has come: to its end if nothing is set.
type passage struct {
	// end is what a step of it came to: a failure, or that it waits.
	end *ending
	// at is the step that failed, until when what waits does so.
	at    string
	until time.Time
	over  *over
}

func (p *passage) waits() bool { return p.end != nil && p.end.outcome.State == ordinaut.RunWaiting }

// fails reports whether a step of the block failed and nothing took care of it.
func (p *passage) fails() bool { return p.end != nil && !p.waits() }

// within returns a frame for a block of a flow's step. What is saved there is not seen from outside until
// it is brought out.
func (x *frame) within(prefix string, shielded bool) *frame {
	in := &frame{execution: x.execution, prefix: prefix, scope: x.scope, ack: make(chan error, 1), shielded: x.shielded || shielded}
	in.scope.Steps, in.cut = maps.Clone(x.scope.Steps), maps.Clone(x.cut)
	return in
}

// bringOut makes known to x what the steps of a block within it have saved.
func (x *frame) bringOut(in *frame, steps []step) {
	if in == nil {
		return
	}
	for i := range steps {
		for _, name := range append([]string{steps[i].name}, steps[i].inner...) {
			if v, saved := in.scope.Steps[name]; saved {
				x.scope.Steps[name] = v
			}
			if bytes, cut := in.cut[name]; cut {
				if x.cut == nil {
					x.cut = make(map[string]int)
				}
				x.cut[name] = bytes
			}
		}
	}
}

// through interprets the steps of a block in order, from the first that has no result yet. Each result is
// recorded at once, also that a step waits: others may go on for long.
func (x *frame) through(steps []step) passage {
	for i := range steps {
		st := &steps[i]
		if end, ok, is := x.over(st); is {
			return passage{over: &over{end, ok}}
		}
		id := x.id(st)
		r, known := x.recorded.final(id)
		v := verdict{result: r}
		if !known {
			x.scope.Now = x.att.now()
			v = x.step(st)
			if came, stop := x.settle(st, &v); stop {
				return came
			}
		}
		x.keep(st, &v.result, v.value)
		if v.result.State != ordinaut.StepFailed {
			continue
		}
		switch {
		case len(st.handler) > 0:
			if came := x.handle(st, &v.result); came.end != nil || came.over != nil {
				return came
			}
		case !st.OnError.Handled():
			end := endFailed(v.result.Reason, x.sentence(st, &failure{reason: v.result.Reason, msg: v.result.Error}))
			return passage{end: &end, at: id}
		}
	}
	return passage{}
}

// settle records what a step within a flow came to, and reports whether the block goes no further for now.
func (x *frame) settle(st *step, v *verdict) (passage, bool) {
	if v.over != nil {
		if s := v.over.step; s != nil { // the end of the attempt takes only one with it, and others end too
			if err := x.att.record(x.ack, s, nil); errors.Is(err, ordinaut.ErrLeaseLost) {
				v.over.ok = false
			} else if err == nil {
				x.recorded.put(s)
			}
			v.over.step = nil
		}
		return passage{over: v.over}, true
	}
	if !st.flow() || v.result.State.Final() { // a flow that waits is on record as running
		if err := x.att.record(x.ack, &v.result, v.events); err != nil {
			end, ok := x.notRecorded(st, err)
			return passage{over: &over{end, ok}}, true
		}
		x.recorded.put(&v.result)
	}
	if v.end == nil {
		if bytes := x.recorded.size(); bytes > maxFlowOutputs {
			end := endFailed(ordinaut.ReasonOutputInvalid, fmt.Sprintf(
				"step %q: with its output the steps within flows have given %d bytes, at most %d are kept of one run; take less of each", x.id(st), bytes, maxFlowOutputs))
			return passage{end: &end, at: x.id(st)}, true
		}
		return passage{}, false
	}
	came := passage{end: v.end, at: x.id(st)}
	if v.result.WakesAt != nil {
		came.until = *v.result.WakesAt
	}
	return came, true
}

// handle runs the steps that take care of a failure. They reach it as error.
func (x *frame) handle(st *step, r *ordinaut.StepResult) passage {
	in := x.within(x.prefix, false)
	in.scope.Failure = map[string]any{"step": r.StepID, "reason": string(r.Reason), "message": r.Error}
	came := in.through(st.handler)
	x.bringOut(in, st.handler)
	if in.last != nil {
		x.last = in.last
	}
	return came
}
