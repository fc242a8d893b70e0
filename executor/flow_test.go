package executor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

// pipelineOf reads a pipeline as an assistant writes it.
func pipelineOf(t *testing.T, doc string) ordinaut.TaskSpec {
	t.Helper()
	spec := ordinaut.TaskSpec{Title: "t"}
	if err := json.Unmarshal([]byte(doc), &spec.Pipeline); err != nil {
		t.Fatal(err)
	}
	return spec
}

// outputOf is a step's output, decoded.
func outputOf(t *testing.T, r *memRun, step string) any {
	t.Helper()
	var v any
	if s, ok := r.steps[step]; !ok || json.Unmarshal(s.Output, &v) != nil {
		t.Errorf("step %s has no output: %+v", step, s)
	}
	return v
}

// crowd is a tool that takes a second and notes how many calls it has at once.
type crowd struct {
	journal
	now, most atomic.Int32
}

func (c *crowd) call(ctx context.Context, in downstream.Call) (json.RawMessage, error) {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); {
		most = c.most.Load()
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(time.Second):
	}
	return c.echo(ctx, in)
}

// Each item is worked on once, as many at a time as is allowed, and told of in its place.
func TestForeachDoesEachItemOnce(t *testing.T) {
	t.Parallel()
	var c crowd
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		stop := start(t, quietConfig(m, tools{"s.ask": c.call}))
		defer stop()
		began := time.Now()
		id := m.queue(m.task(pipelineOf(t, `[
			{"id": "each", "uses": "flow.foreach", "with": {"items": ["a", "b", "c", "d", "e"], "concurrency": 2}, "steps": [
				{"id": "ask", "uses": "s.ask", "with": {"item": "${item}", "at": "${index}"}},
				{"id": "say", "uses": "data.transform", "with": {"input": "${steps.ask.item}", "expression": "join('', [@, '!'])"}}]},
			{"id": "all", "uses": "data.transform", "with": {"input": "${steps.each}", "expression": "items[].output.result"}}]`)), "")
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunSucceeded {
			t.Fatalf("ended %+v", r.out)
		}
		if diff := cmp.Diff(map[string]any{"result": []any{"a!", "b!", "c!", "d!", "e!"}}, outputOf(t, &r, "all")); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		keys := c.keys()
		slices.Sort(keys)
		if diff := cmp.Diff([]string{"each[0].ask", "each[1].ask", "each[2].ask", "each[3].ask", "each[4].ask"}, keys); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if most := c.most.Load(); most != 2 {
			t.Errorf("%d items at a time, want 2", most)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("five items of a second, two at a time, took %s", took)
		}
	})
}

// Items may fail as many as is allowed, and are told of; with one more the step fails, names the step in the
// item, and starts no other.
func TestForeachBearsFailures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		allowed string
		state   ordinaut.RunState
		calls   int
		error   string
	}{
		{"2", ordinaut.RunSucceeded, 6, ""},
		{"1", ordinaut.RunFailed, 4, `step "each": 2 failed, where max_failures allows 1; the first: step "each[1].ask": boom`},
		{"0", ordinaut.RunFailed, 2, `step "each[1].ask": boom`},
	} {
		var calls atomic.Int32
		ask := func(_ context.Context, c downstream.Call) (json.RawMessage, error) {
			calls.Add(1)
			if c.Arguments["odd"] == true {
				return nil, failf(ordinaut.ReasonActionFailed, "boom")
			}
			return json.RawMessage(`{"n": 1}`), nil
		}
		synctest.Test(t, func(t *testing.T) {
			m := newMemStore()
			stop := start(t, quietConfig(m, tools{"s.ask": ask}))
			defer stop()
			id := m.queue(m.task(pipelineOf(t, `[{"id": "each", "uses": "flow.foreach",
				"with": {"items": [false, true, false, true, false, false], "max_failures": `+tc.allowed+`},
				"steps": [{"id": "ask", "uses": "s.ask", "with": {"odd": "${item}"}}]}]`)), "")
			r := m.ended(t, id)
			if r.out.State != tc.state || r.out.Error != tc.error || int(calls.Load()) != tc.calls {
				t.Errorf("with %s: %s %q after %d calls, want %s %q after %d", tc.allowed, r.out.State, r.out.Error, calls.Load(), tc.state, tc.error, tc.calls)
			}
			if tc.state != ordinaut.RunSucceeded {
				return
			}
			out := outputOf(t, &r, "each").(map[string]any)
			failed := out["items"].([]any)[1]
			want := map[string]any{"state": "failed", "step": "each[1].ask", "reason": "action_failed", "error": `step "each[1].ask": boom`}
			if diff := cmp.Diff(want, failed); diff != "" || out["succeeded"] != 4.0 || out["failed"] != 2.0 {
				t.Errorf("%v of %v (-want +got):\n%s", out["failed"], out["succeeded"], diff)
			}
		})
	}
}

// An item that sleeps holds no worker once nothing else of the flow is at work, and its flow goes on where it
// was; while another item is at work it goes on beside it.
func TestItemsSleep(t *testing.T) {
	var c crowd
	law(t, tools{"s.ask": c.call}, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(pipelineOf(t, `[{"id": "each", "uses": "flow.foreach", "with": {"items": [1, 60, 5], "concurrency": 3}, "steps": [
			{"id": "nap", "uses": "wait.sleep", "with": {"seconds": "${item}"}},
			{"id": "ask", "uses": "s.ask", "with": {"item": "${item}"}}]}]`)), "")
		m.until(t, id, in("wait"))
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunSucceeded || r.att.Epoch < 2 {
			t.Fatalf("ended %+v at attempt %d", r.out, r.att.Epoch)
		}
		keys := c.keys()
		if diff := cmp.Diff([]string{"each[0].ask", "each[2].ask", "each[1].ask"}, keys); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if n := r.steps["each[1].nap"].FinishedAt.Sub(r.steps["each[1].nap"].StartedAt); n < time.Minute || n > 62*time.Second {
			t.Errorf("the sleep of a minute took %s", n)
		}
	})
}

// An attempt that takes a flow up is about the same items, and calls again only what has no result.
func TestFlowGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		var j journal
		var crashed atomic.Bool
		var id ordinaut.RunID
		pool := tools{"s.echo": j.echo, "s.crash": func(ctx context.Context, c downstream.Call) (json.RawMessage, error) {
			if c.Arguments["n"] == 1.0 && crashed.CompareAndSwap(false, true) {
				m.set(func() { m.steal(id) })
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			return j.echo(ctx, c)
		}}
		id = m.queue(m.task(pipelineOf(t, `[{"id": "each", "uses": "flow.foreach", "with": {"items": ["${now}", "${now}", "${now}"]}, "steps": [
			{"id": "a", "uses": "s.echo", "with": {"item": "${item}"}},
			{"id": "b", "uses": "s.crash", "with": {"n": "${index}", "item": "${item}"}}]}]`)), "")
		stop := start(t, quietConfig(m, pool))
		defer stop()
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunSucceeded || r.att.Epoch != 2 {
			t.Fatalf("ended %+v at attempt %d", r.out, r.att.Epoch)
		}
		if diff := cmp.Diff([]string{"each[0].a", "each[0].b", "each[1].a", "each[1].b", "each[2].a", "each[2].b"}, j.keys()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		for _, c := range j.calls {
			if c.Arguments["item"] != j.calls[0].Arguments["item"] {
				t.Errorf("the items changed: %v, then %v", j.calls[0].Arguments["item"], c.Arguments["item"])
			}
		}
	})
}

// A flow that an attempt after the first fails keeps its input, however long: a retry goes on about the same items.
func TestFlowKeepsItsInput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		var crashed atomic.Bool
		var id ordinaut.RunID
		stop := start(t, quietConfig(m, tools{"s.crash": func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
			if crashed.CompareAndSwap(false, true) {
				m.set(func() { m.steal(id) })
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			return nil, failf(ordinaut.ReasonActionFailed, "boom")
		}}))
		defer stop()
		id = m.queue(m.task(pipelineOf(t, `[{"id": "each", "uses": "flow.foreach", "with": {"items": ["${params.long}"]}, "steps": [{"id": "a", "uses": "s.crash"}]}]`)),
			`{"long": "`+strings.Repeat("x", maxInput)+`"}`)
		r := m.ended(t, id)
		if got := r.steps["each"]; r.att.Epoch != 2 || got.State != ordinaut.StepFailed || len(got.Input) <= maxInput {
			t.Errorf("ended %+v at attempt %d, the flow with %d bytes of input", r.out, r.att.Epoch, len(got.Input))
		}
	})
}

// Branches run side by side, and later steps reach what they saved, or null of what did not come to be.
func TestParallelBranches(t *testing.T) {
	var c crowd
	law(t, tools{"s.ask": c.call, "s.boom": func(context.Context, downstream.Call) (json.RawMessage, error) {
		return nil, failf(ordinaut.ReasonActionFailed, "boom")
	}}, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(pipelineOf(t, `[{"id": "both", "uses": "flow.parallel", "with": {"max_failures": 1}, "branches": {
			"mail": [{"id": "mail", "uses": "s.ask", "with": {"n": 1}}],
			"news": [{"id": "news", "uses": "s.ask", "with": {"n": 2}}],
			"bad": [{"id": "bad", "uses": "s.boom"}, {"id": "never", "uses": "s.ask"}]}},
			{"id": "sum", "uses": "data.transform", "with": {"input": ["${steps.mail.n}", "${steps.news.n}", "${steps.bad || 'none'}", "${steps.never || 'none'}", "${steps.both.failed}"], "expression": "@"}}]`)), "")
		r := m.ended(t, id)
		if diff := cmp.Diff(map[string]any{"result": []any{1.0, 2.0, "none", "none", 1.0}}, outputOf(t, &r, "sum")); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", r.out, diff)
		}
		if c.most.Load() != 2 {
			t.Errorf("%d calls at once, want 2", c.most.Load())
		}
	})
}

// The first case that is true is taken, else the default, else nothing.
func TestSwitchTakesTheFirstThatApplies(t *testing.T) {
	t.Parallel()
	for params, want := range map[string][]any{
		`{"n": 1}`: {0.0, "one", "one", "none"},
		`{"n": 2}`: {1.0, "two", "none", "two"},
		`{"n": 3}`: {"default", "rest", "none", "none"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemStore()
			stop := start(t, quietConfig(m, tools{}))
			defer stop()
			say := func(id, text string) string {
				return `{"id": "` + id + `", "uses": "data.transform", "with": {"input": "` + text + `", "expression": "@"}}`
			}
			id := m.queue(m.task(pipelineOf(t, `[{"id": "pick", "uses": "flow.switch",
				"cases": [{"if": "params.n == 1", "steps": [`+say("one", "one")+`]}, {"if": "params.n <= 2", "steps": [`+say("two", "two")+`]}],
				"default": [`+say("rest", "rest")+`]},
				{"id": "sum", "uses": "data.transform", "with": {"input": ["${steps.pick.case}", "${steps.pick.output.result}", "${steps.one.result || 'none'}", "${steps.two.result || 'none'}"], "expression": "@"}}]`)), params)
			r := m.ended(t, id)
			if diff := cmp.Diff(map[string]any{"result": want}, outputOf(t, &r, "sum")); diff != "" {
				t.Errorf("%s: %+v (-want +got):\n%s", params, r.out, diff)
			}
		})
	}
}

// The steps of on_error reach what failed; when they succeed the run goes on, else it fails with them.
func TestOnErrorSteps(t *testing.T) {
	t.Parallel()
	var j journal
	boom := func(context.Context, downstream.Call) (json.RawMessage, error) {
		return nil, failf(ordinaut.ReasonActionFailed, "boom")
	}
	for _, last := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			j.calls = nil
			m := newMemStore()
			stop := start(t, quietConfig(m, tools{"s.echo": j.echo, "s.boom": boom}))
			defer stop()
			after := `, {"id": "after", "uses": "data.transform", "with": {"input": "${steps.tell.why}", "expression": "@"}}`
			if last {
				after = ""
			}
			id := m.queue(m.task(pipelineOf(t, `[{"id": "try", "uses": "s.boom", "on_error": [
				{"id": "tell", "uses": "s.echo", "with": {"why": "${error.message}", "step": "${error.step}", "reason": "${error.reason}"}}]}`+after+`]`)), "")
			r := m.ended(t, id)
			if r.out.State != ordinaut.RunSucceeded || r.steps["try"].State != ordinaut.StepFailed || len(j.calls) != 1 {
				t.Fatalf("ended %+v, try %+v, calls %v", r.out, r.steps["try"], j.calls)
			}
			if diff := cmp.Diff(map[string]any{"why": "boom", "step": "try", "reason": "action_failed"}, j.calls[0].Arguments); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		stop := start(t, quietConfig(m, tools{"s.boom": boom}))
		defer stop()
		id := m.queue(m.task(pipelineOf(t, `[{"id": "try", "uses": "s.boom", "on_error": [{"id": "also", "uses": "s.boom"}]}]`)), "")
		if r := m.ended(t, id); r.out.State != ordinaut.RunFailed || r.out.Error != `step "also": boom` {
			t.Errorf("ended %+v", r.out)
		}
	})
}

// A run that is canceled in the midst of a flow leaves no step behind that has not ended.
func TestCancelClosesAFlow(t *testing.T) {
	hang, called := blocked(nil)
	law(t, tools{"s.hang": hang}, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(pipelineOf(t, `[{"id": "both", "uses": "flow.parallel", "branches": {
			"a": [{"id": "nap", "uses": "wait.sleep", "with": {"seconds": 600}}],
			"b": [{"id": "in", "uses": "flow.foreach", "with": {"items": [1, 2], "concurrency": 2}, "steps": [{"id": "hang", "uses": "s.hang"}]}]}}]`)), "")
		<-called
		m.cancel(id)
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunCanceled {
			t.Errorf("ended %+v", r.out)
		}
		for name, s := range r.steps {
			if !s.State.Final() {
				t.Errorf("step %s is still %s", name, s.State)
			}
		}
	})
}

// What the items give is bounded in all: a worker holds it until the run ends.
func TestForeachBoundsItsOutputs(t *testing.T) {
	long := `"` + strings.Repeat("x", maxOutput-2) + `"`
	law(t, tools{"s.long": answer(long)}, func(t *testing.T, m *memStore) {
		items, _ := json.Marshal(make([]int, 100))
		id := m.queue(m.task(pipelineOf(t, `[{"id": "each", "uses": "flow.foreach", "with": {"items": `+string(items)+`, "concurrency": 2}, "steps": [{"id": "long", "uses": "s.long"}]}]`)), "")
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunFailed || r.out.Reason != ordinaut.ReasonOutputInvalid || len(r.steps) > 68 {
			t.Errorf("ended %s(%s) %q after %d steps", r.out.State, r.out.Reason, r.out.Error, len(r.steps))
		}
	})
}
