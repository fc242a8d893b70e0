package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
)

// maxRunOutput bounds the output of a run, which is that of the last step that succeeded; a longer one
// is left to the step.
const maxRunOutput = 64 << 10

// ending is what becomes of an attempt, with the step result that is still to be written. Within a flow it
// is what becomes of a step alone.
type ending struct {
	outcome ordinaut.Outcome
	// at is the step that failed, if one did.
	at     string
	step   *ordinaut.StepResult
	events []ordinaut.Event
	// verdict is what a probe found.
	verdict *ordinaut.Verdict
}

// execution is what the steps of one attempt share.
type execution struct {
	e    *Executor
	att  *attempt
	prog *program
	// until is when the run's time is over, by the local clock.
	until    time.Time
	recorded *recorded
	asked    *asked
}

// frame is the state of one list of steps that runs in order: the pipeline, or a block within a flow. Only
// one goroutine uses it.
type frame struct {
	*execution
	// prefix leads the ids of the steps: each[3]. in the fourth item of flow.foreach step each.
	prefix string
	scope  pipeline.Scope
	// cut holds the names under steps whose output was too long to be kept whole.
	cut map[string]int
	// last is the output of the last step that succeeded.
	last json.RawMessage
	// lastEnd is when the last step ended.
	lastEnd time.Time
	// ack takes the answer to the one record that the frame waits for.
	ack chan error
	// shielded reports whether the run goes on when the block fails.
	shielded bool
}

// id is the step's id in the run.
func (x *frame) id(st *step) string { return x.prefix + st.ID }

// execute runs the attempt to its end. It reports false when there is nothing to be written, because
// the lease is lost.
func (e *Executor) execute(a *attempt) (end ending, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			e.log.ErrorContext(a.ctx, "attempt panicked", "run_id", a.RunID, "task_id", a.TaskID, "panic", r, "stack", string(debug.Stack()))
			end, ok = endFailed(ordinaut.ReasonInternal, "the worker failed on this run; the log has the details"), true
		}
	}()
	if e.cfg.Handler != nil {
		return e.handle(a)
	}
	x, err := e.prepare(a)
	if err != nil {
		if context.Cause(a.ctx) != nil {
			return interrupted(a, nil)
		}
		e.log.ErrorContext(a.ctx, "run could not be prepared", "run_id", a.RunID, "task_id", a.TaskID, "err", err)
		return endFailed(ordinaut.ReasonInternal, "the run could not be prepared: "+messageOf(err)), true
	}
	return x.run()
}

func (e *Executor) handle(a *attempt) (ending, bool) {
	out, err := e.cfg.Handler(a.ctx, &a.Attempt)
	switch {
	case err == nil:
		return ending{outcome: ordinaut.Outcome{State: ordinaut.RunSucceeded, Output: out}}, true
	case context.Cause(a.ctx) != nil:
		return interrupted(a, nil)
	default:
		return endFailed(ordinaut.ReasonActionFailed, clip(err.Error())), true
	}
}

// prepare gathers what the run needs. While the database is away it waits.
func (e *Executor) prepare(a *attempt) (*frame, error) {
	x := &frame{execution: &execution{e: e, att: a, recorded: &recorded{}, asked: &asked{}}, ack: make(chan error, 1)}
	err := e.patiently(a, func() (err error) {
		x.prog, err = e.programs.get(a.ctx, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the task: %w", err)
	}
	a.asks = x.prog.asks
	x.until = a.claimed.Add(x.prog.timeout - a.ClaimedAt.Sub(a.firstStart()))
	if a.Epoch > 1 || a.Kind == ordinaut.RunRetry { // a retry has what it took over
		err := e.patiently(a, func() error { return x.loadSteps(a.ctx) })
		if err != nil {
			return nil, fmt.Errorf("load the recorded steps: %w", err)
		}
		if err := x.settleApprovals(); err != nil {
			return nil, fmt.Errorf("load the approvals: %w", err)
		}
	}
	if err := x.fillScope(); err != nil {
		return nil, err
	}
	if x.prog.tellsEvent && !a.EventID.IsZero() {
		if err := e.patiently(a, func() error { return x.loadEvent(a.ctx) }); err != nil {
			return nil, fmt.Errorf("load the event: %w", err)
		}
	}
	if x.prog.tellsCursor {
		if err := e.patiently(a, func() error { return x.loadCursor(a.ctx) }); err != nil {
			return nil, fmt.Errorf("load the cursor: %w", err)
		}
	}
	return x, nil
}

// patiently calls do until it succeeds, fails for good, or the attempt ends.
func (e *Executor) patiently(a *attempt, do func() error) error {
	for failures := 0; ; failures++ {
		err := do()
		if err == nil || !passing(err) || a.ctx.Err() != nil {
			return err
		}
		e.log.WarnContext(a.ctx, "loading a run failed", "run_id", a.RunID, "err", err)
		sleep(a.ctx, pause(failures))
	}
}

func (x *execution) loadSteps(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, programTimeout)
	defer cancel()
	steps, err := x.e.cfg.Store.ListSteps(ctx, x.att.NamespaceID, x.att.RunID)
	if err != nil {
		return err
	}
	for i := range steps {
		x.recorded.put(&steps[i])
	}
	return nil
}

// loadEvent lets expressions reach the event that the run is about.
func (x *frame) loadEvent(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, programTimeout)
	defer cancel()
	event, err := x.e.cfg.Store.GetEvent(ctx, x.att.NamespaceID, x.att.EventID)
	if err != nil {
		return err
	}
	x.scope.Event, err = event.View()
	return err
}

func (x *frame) fillScope() error {
	a := x.att
	params := x.prog.params
	if len(a.Params) > 0 && string(a.Params) != "null" {
		var own map[string]any
		if err := json.Unmarshal(a.Params, &own); err != nil {
			return errors.New("the run's params are no object")
		}
		params = maps.Clone(params)
		if params == nil {
			params = make(map[string]any, len(own))
		}
		maps.Copy(params, own)
	}
	x.scope = pipeline.Scope{Params: params, Steps: make(map[string]any, len(x.prog.steps)), Location: x.prog.location}
	if x.prog.tellsRun {
		x.scope.Run = aboutRun(a)
	}
	if x.prog.tellsTask {
		x.scope.Task = map[string]any{"id": a.TaskID.String(), "title": x.prog.title, "version": float64(x.prog.version)}
	}
	return nil
}

// aboutRun is what expressions reach as run.
func aboutRun(a *attempt) map[string]any {
	run := map[string]any{
		"id": a.RunID.String(), "kind": string(a.Kind), "attempt": float64(a.Epoch),
		"due_at": stamp(a.DueAt), "queued_at": stamp(a.QueuedAt), "started_at": stamp(a.firstStart()), "nominal_at": nil,
	}
	if a.NominalAt != nil {
		run["nominal_at"] = stamp(*a.NominalAt)
	}
	return run
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// run interprets the pipeline and what comes after it. The last step's result is written together with the
// outcome; each other one lands before the next step starts.
func (x *frame) run() (ending, bool) {
	end, ok := x.main()
	if !ok || !x.prog.ends(end.outcome.State) {
		return end, ok
	}
	return x.conclude(end)
}

// main interprets the steps of the pipeline.
func (x *frame) main() (ending, bool) {
	for i := range x.prog.steps {
		st := &x.prog.steps[i]
		r, known := x.recorded.final(x.id(st))
		v := verdict{result: r}
		if !known {
			if end, ok, over := x.over(st); over {
				return end, ok
			}
			x.scope.Now = x.att.now()
			if v = x.step(st); v.over != nil {
				return v.over.ending, v.over.ok
			}
			if v.end != nil {
				v.end.step, v.end.at, v.end.events = &v.result, v.result.StepID, v.events
				return *v.end, true
			}
			if last := i == len(x.prog.steps)-1; last && (v.result.State != ordinaut.StepFailed || len(st.handler) == 0) {
				x.keep(st, &v.result, v.value)
				if x.prog.probe != nil {
					return x.found(&v), true
				}
				return ending{outcome: x.came(), step: &v.result, events: v.events}, true
			}
			if err := x.att.record(x.ack, &v.result, v.events); err != nil {
				return x.notRecorded(st, err)
			}
		}
		x.keep(st, &v.result, v.value)
		if v.result.State != ordinaut.StepFailed {
			continue
		}
		switch { // an earlier attempt may have come so far, and what follows a failure is under way
		case v.result.Reason == ordinaut.ReasonRunTimedOut:
			return x.timedOut(st, nil), true
		case !st.OnError.Handled():
			end := endFailed(v.result.Reason, x.sentence(st, &failure{reason: v.result.Reason, msg: v.result.Error}))
			end.at = v.result.StepID
			return end, true
		}
		if came := x.handle(st, &v.result); came.over != nil {
			return came.over.ending, came.over.ok
		} else if came.end != nil {
			came.end.at = came.at
			return *came.end, true
		}
	}
	return ending{outcome: x.came()}, true
}

// over reports whether the attempt is over before a step starts, and how.
func (x *frame) over(st *step) (end ending, ok, over bool) {
	if context.Cause(x.att.ctx) != nil {
		end, ok = interrupted(x.att, nil)
		return end, ok, true
	}
	if x.left() <= 0 {
		return x.timedOut(st, nil), true, true
	}
	return ending{}, false, false
}

// keep makes a step's output known to the steps after it. One that has none is null. value is the
// output decoded, or nil for a recorded one.
func (x *frame) keep(st *step, r *ordinaut.StepResult, value any) {
	for _, name := range st.inner {
		if _, there := x.scope.Steps[name]; !there {
			x.scope.Steps[name] = nil
		}
	}
	x.scope.Steps[st.name] = nil
	if r.FinishedAt != nil {
		x.lastEnd = *r.FinishedAt
	}
	if r.State != ordinaut.StepSucceeded {
		return
	}
	x.last = r.Output
	if r.OutputBytes > maxOutput {
		x.last = nil
		if x.cut == nil {
			x.cut = make(map[string]int)
		}
		x.cut[st.name] = r.OutputBytes
		return
	}
	if value == nil && len(r.Output) > 0 {
		json.Unmarshal(r.Output, &value) //nolint:errcheck // it was stored as JSON
	}
	x.scope.Steps[st.name] = value
}

// left is how much of the run's time is left. It stands still while the run waits for a person.
func (x *execution) left() time.Duration { return time.Until(x.until) + x.asked.time() }

// succeeded is the end of a run whose output is that of its last step.
func (x *frame) succeeded() ordinaut.Outcome {
	out := ordinaut.Outcome{State: ordinaut.RunSucceeded}
	if len(x.last) <= maxRunOutput {
		out.Output = x.last
	}
	return out
}

// stop ends the attempt in the middle of a step.
func (x *frame) stop(st *step, v verdict) (ending, bool) {
	if cause := context.Cause(x.att.ctx); cause != nil {
		if errors.Is(cause, errCanceled) {
			v.result = failed(v.result, x.att, failf(ordinaut.ReasonCanceled, "the run was canceled while the step ran"))
			return interrupted(x.att, &v.result)
		}
		return interrupted(x.att, nil)
	}
	v.result = failed(v.result, x.att, failf(ordinaut.ReasonRunTimedOut, "the run's timeout of %s passed while the step ran", x.prog.timeout))
	return x.timedOut(st, &v.result), true
}

func (x *frame) timedOut(st *step, r *ordinaut.StepResult) ending {
	return ending{at: x.id(st), step: r, outcome: ordinaut.Outcome{
		State: ordinaut.RunTimedOut, Reason: ordinaut.ReasonRunTimedOut,
		Error: fmt.Sprintf("the run's timeout of %s passed at step %q", x.prog.timeout, x.id(st)),
	}}
}

func (x *frame) notRecorded(st *step, err error) (ending, bool) {
	if errors.Is(err, ordinaut.ErrLeaseLost) {
		return ending{}, false
	}
	return endFailed(ordinaut.ReasonInternal, fmt.Sprintf("step %q: its result could not be stored; the log has the details", x.id(st))), true
}

// interrupted ends an attempt whose context has ended: by cancellation, or by giving the run back. It
// reports false when the lease is lost.
func interrupted(a *attempt, r *ordinaut.StepResult) (ending, bool) {
	switch cause := context.Cause(a.ctx); {
	case errors.Is(cause, errCanceled):
		return ending{step: r, outcome: ordinaut.Outcome{State: ordinaut.RunCanceled, Reason: ordinaut.ReasonCanceled}}, true
	case errors.Is(cause, errDraining):
		return ending{outcome: ordinaut.Outcome{State: ordinaut.RunQueued}}, true
	default:
		return ending{}, false
	}
}

func endFailed(reason ordinaut.Reason, msg string) ending {
	return ending{outcome: ordinaut.Outcome{State: ordinaut.RunFailed, Reason: reason, Error: msg}}
}
