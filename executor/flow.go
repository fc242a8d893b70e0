package executor

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
)

// maxFlowInput is how long the input of a flow may be: it is kept, so that a resumed one is about the same
// items.
const maxFlowInput = 1 << 20

// maxFlowOutputs is how much the outputs of all steps within the flows of a run may come to, in bytes: a worker
// holds them until the run ends.
const maxFlowOutputs = 64 << 20

// branch is one list of steps of a flow.
type branch struct {
	// frame makes the frame that it runs in, which is in once the branch has begun.
	frame func() *frame
	in    *frame
	steps []step
	came  passage
	// closed says that nothing is reached from outside but the last output.
	closed bool
}

// branchOutcome is what the flow's output says of a branch.
type branchOutcome struct {
	State  ordinaut.StepState `json:"state"`
	Output json.RawMessage    `json:"output,omitempty"`
	Step   string             `json:"step,omitempty"`
	Reason ordinaut.Reason    `json:"reason,omitempty"`
	Error  string             `json:"error,omitempty"`
}

func (b *branch) outcome() branchOutcome {
	if b.came.fails() {
		return branchOutcome{State: ordinaut.StepFailed, Step: b.came.at, Reason: b.came.end.outcome.Reason, Error: b.came.end.outcome.Error}
	}
	out := branchOutcome{State: ordinaut.StepSucceeded, Output: json.RawMessage("null")}
	if b.in.last != nil {
		out.Output = b.in.last
	}
	return out
}

// flow does a step that holds others. That it has begun, and on what, is recorded before they start.
func (x *frame) flow(st *step, v verdict, input map[string]any, bytes int, resumed bool) verdict {
	def := x.e.actions[st.Uses]
	if f := x.e.fits(x.att.ctx, &def, input); f != nil {
		return x.fail(st, v, f)
	}
	v.result.Tries = 1
	if !resumed {
		switch {
		case bytes > maxFlowInput:
			return x.fail(st, v, failf(ordinaut.ReasonInputInvalid, "its input has %d bytes, at most %d are allowed", bytes, maxFlowInput))
		case v.result.Input == nil:
			return x.fail(st, v, failf(ordinaut.ReasonInputInvalid, "its input is no JSON"))
		}
		v.result.State = ordinaut.StepRunning
		if err := x.att.record(x.ack, &v.result, nil); err != nil {
			end, ok := x.notRecorded(st, err)
			v.over = &over{end, ok}
			return v
		}
		x.recorded.put(&v.result)
	}
	switch st.Uses {
	case pipeline.FlowForeach:
		v = x.foreach(st, v, input)
	case pipeline.FlowParallel:
		v = x.parallel(st, v, input)
	default:
		v = x.choose(st, v)
	}
	if v.over != nil && v.over.ok && v.over.outcome.State.Terminal() {
		// It ends with the run.
		f := failf(v.over.outcome.Reason, "the run ended while its steps were under way")
		x.close(st, f)
		v.result = failed(v.result, x.att, f)
		v.over.step = &v.result
	}
	return v
}

// gathering runs the branches of a flow, several at a time. A branch whose step waits stays in its place: it
// goes on when its time has come, as long as any other is at work, and else waits with the whole flow.
type gathering struct {
	limit    int
	failures int // that are allowed

	mu     sync.Mutex // guards what follows
	next   int
	failed int
	active int           // how many are at work
	idle   chan struct{} // closed when none is
}

// run runs branches and returns how the flow has come out: at its end if nothing is set.
func (g *gathering) run(branches []branch) passage {
	workers := min(g.limit, len(branches))
	g.active, g.idle = workers, make(chan struct{})
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { g.work(branches) })
	}
	all.Wait()
	return g.sum(branches)
}

// work takes branches one after the other until there is none, one of them has to wait with the flow, or the
// flow comes to no good end any more.
func (g *gathering) work(branches []branch) {
	for {
		b := g.take(branches)
		if b == nil {
			g.rest()
			return
		}
		for {
			b.came = b.in.through(b.steps)
			if !b.came.waits() {
				break
			}
			if !g.pause(b) {
				return
			}
		}
		if b.closed {
			b.in.scope.Steps, b.in.cut = nil, nil
		}
		g.count(b)
	}
}

func (g *gathering) take(branches []branch) *branch {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next >= len(branches) || g.failed > g.failures {
		return nil
	}
	b := &branches[g.next]
	g.next++
	b.in = b.frame()
	return b
}

func (g *gathering) count(b *branch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b.came.fails() || b.came.over != nil {
		g.failed++
	}
	if b.came.over != nil {
		g.failed = g.failures + 1 // nothing else starts
	}
}

// rest takes one that was at work away.
func (g *gathering) rest() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.active--; g.active == 0 {
		close(g.idle)
	}
}

// pause waits until the branch's time has come, and reports false when by then nothing else of the flow was
// at work, or the flow failed.
func (g *gathering) pause(b *branch) bool {
	g.rest()
	timer := time.NewTimer(b.in.wakesIn(b.came.until))
	defer timer.Stop()
	select {
	case <-g.idle:
		return false
	case <-b.in.att.ctx.Done():
	case <-timer.C:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.active == 0 {
		return false
	}
	g.active++
	return true
}

// wakesIn is how long it is to an instant of the database's clock, and no longer than the run may take.
func (x *frame) wakesIn(at time.Time) time.Duration {
	return max(0, min(at.Sub(x.att.now()), x.left()))
}

// sum tells what the branches came to together.
func (g *gathering) sum(branches []branch) passage {
	var first passage
	for i := range branches {
		b := &branches[i]
		switch came := &b.came; {
		case b.in == nil:
		case came.over != nil:
			return *came
		case came.fails() && g.failed > g.failures && !first.fails():
			first = *came
		case came.waits() && !first.fails() && (first.end == nil || came.until.Before(first.until)):
			spends := first.end != nil && first.end.outcome.Failed
			first = *came
			if spends {
				first.end.outcome.Failed = true
			}
		}
	}
	return first
}

// gather runs the branches of a flow and, unless it came to its end, makes of the flow's verdict what they
// came to.
func (x *frame) gather(st *step, v verdict, branches []branch, limit, failures int) (verdict, bool) {
	g := gathering{limit: limit, failures: failures}
	came := g.run(branches)
	switch {
	case came.over != nil:
		v.over = came.over
		return v, false
	case came.waits():
		v.result.State, v.result.WakesAt, v.end = ordinaut.StepWaiting, &came.until, came.end
		if v.end.outcome.Delay = x.wakesIn(came.until); v.end.outcome.Delay <= 0 {
			v.end.outcome.Delay = time.Millisecond
		}
		return v, false
	case came.fails():
		if failures > 0 {
			came.end.outcome.Error = clip(fmt.Sprintf("step %q: %d failed, where max_failures allows %d; the first: %s", x.id(st), g.failed, failures, came.end.outcome.Error))
		}
		return x.spoiled(st, v, &came), false
	}
	return v, true
}

// spoiled fails a flow because a step in it did.
func (x *frame) spoiled(st *step, v verdict, came *passage) verdict {
	x.close(st, failf(ordinaut.ReasonCanceled, "another step of the flow failed"))
	f := &failure{reason: came.end.outcome.Reason, msg: came.end.outcome.Error}
	v.result = failed(v.result, x.att, f)
	if !st.OnError.Handled() {
		end := endFailed(f.reason, f.msg)
		v.end = &end
	}
	return v
}

// close fails the steps within a flow that have begun and not ended. What cannot be recorded is left: the
// attempt is over then.
func (x *frame) close(st *step, f *failure) {
	for _, s := range ordinaut.AllSteps([]ordinaut.Step{st.Step}) {
		open := x.recorded.under(x.prefix + s.ID + "[")
		if r, is := x.recorded.open(x.prefix + s.ID); is && s.ID != st.ID {
			open = append(open, r)
		}
		for _, r := range open {
			r = failed(r, x.att, f)
			if x.att.record(x.ack, &r, nil) == nil {
				x.recorded.put(&r)
			}
		}
	}
}

// done ends a flow with its output.
func (x *frame) done(st *step, v verdict, output any) verdict {
	raw, err := json.Marshal(output)
	if err != nil {
		return x.fail(st, v, failf(ordinaut.ReasonInternal, "its output could not be written"))
	}
	if err := x.accept(x.att.ctx, st, &v, x.e.actions[st.Uses], result{output: raw}); err != nil {
		return x.fail(st, v, failureOf(x.att.ctx, err, st))
	}
	return v
}
