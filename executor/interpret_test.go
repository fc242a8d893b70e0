package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

// journal is a tool that answers with its input and remembers who called.
type journal struct {
	mu    sync.Mutex
	calls []downstream.Call
}

func (j *journal) echo(_ context.Context, c downstream.Call) (json.RawMessage, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, c)
	return json.Marshal(c.Arguments)
}

func (j *journal) keys() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var keys []string
	for _, c := range j.calls {
		_, step, _ := strings.Cut(c.IdempotencyKey, "/")
		keys = append(keys, step)
	}
	return keys
}

// A run that is taken up by another attempt executes only the steps that have no recorded result.
func TestRecordedStepsAreNeverExecutedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		var j journal
		var crashed atomic.Bool
		var id ordinaut.RunID
		pool := tools{"s.echo": j.echo, "s.crash": func(ctx context.Context, c downstream.Call) (json.RawMessage, error) {
			if crashed.CompareAndSwap(false, true) {
				m.set(func() { m.steal(id) })
				<-ctx.Done() // the heartbeat tells this attempt that it is over
				return nil, context.Cause(ctx)
			}
			return j.echo(ctx, c)
		}}
		a, b, c, skip := uses("a", "s.echo"), uses("b", "s.crash"), uses("c", "s.echo"), uses("skip", "s.echo")
		a.With = map[string]any{"at": "${now}", "n": "${params.n}"}
		skip.If = "params.n == 1"
		b.With = map[string]any{"a": "${steps.a.at}"}
		c.With = map[string]any{"a": "${steps.a.at}", "b": "${steps.b.a}", "s": "${steps.skip || 'none'}"}
		spec := steps(a, skip, b, c)
		spec.Params = map[string]any{"n": 1.0, "m": 1.0}
		id = m.queue(m.task(spec), `{"n": 7}`)
		stop := start(t, quietConfig(m, pool))
		defer stop()
		r := m.ended(t, id)
		if diff := cmp.Diff([]string{"a", "b", "c"}, j.keys()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if r.att.Epoch != 2 || r.steps["a"].Epoch != 1 || r.steps["c"].Epoch != 2 {
			t.Errorf("ended at epoch %d, a by %d, c by %d; want 2, 1, 2", r.att.Epoch, r.steps["a"].Epoch, r.steps["c"].Epoch)
		}
		if s := r.steps["skip"]; s.State != ordinaut.StepSkipped || s.Reason != ordinaut.ReasonConditionFalse {
			t.Errorf("the step with a false condition is %s(%s)", s.State, s.Reason)
		}
		var out, first map[string]any
		json.Unmarshal(r.out.Output, &out)
		json.Unmarshal(r.steps["a"].Output, &first)
		if out["a"] != first["at"] || out["b"] != first["at"] || out["s"] != "none" {
			t.Errorf("the run gave %v after %v: values of recorded steps changed", out, first)
		}
	})
}

// Each fault ends the step, and the run, with its own reason, and a sentence that names the step.
func TestEachFaultHasItsReason(t *testing.T) {
	fail := func(r ordinaut.Reason) func(context.Context, downstream.Call) (json.RawMessage, error) {
		tool, _ := toolFails(r, 100)
		return tool
	}
	hang, _ := blocked(nil)
	pool := tools{
		"s.ok": answer(`{"n":1}`), "s.bad": answer(`{"n"`), "s.hang": hang,
		"s.failed": fail(ordinaut.ReasonActionFailed), "s.denied": fail(ordinaut.ReasonPermissionDenied),
		"s.away": fail(ordinaut.ReasonServerUnavailable), "s.busy": fail(ordinaut.ReasonRateLimited),
		"s.boom":  func(context.Context, downstream.Call) (json.RawMessage, error) { return nil, errBoom },
		"s.panic": func(context.Context, downstream.Call) (json.RawMessage, error) { panic("boom") },
	}
	for _, tc := range []struct {
		name  string
		step  ordinaut.Step
		state ordinaut.RunState
		want  ordinaut.Reason
	}{
		{"expect", ordinaut.Step{Uses: "s.ok", Expect: "n == 2"}, ordinaut.RunFailed, ordinaut.ReasonExpectationFailed},
		{"expect error", ordinaut.Step{Uses: "s.ok", Expect: "length(n) > 1"}, ordinaut.RunFailed, ordinaut.ReasonTemplateError},
		{"missing value", ordinaut.Step{Uses: "s.ok", With: map[string]any{"x": "${params.nope}"}}, ordinaut.RunFailed, ordinaut.ReasonTemplateError},
		{"if error", ordinaut.Step{Uses: "s.ok", If: "length(params.n) > 1"}, ordinaut.RunFailed, ordinaut.ReasonTemplateError},
		{"transform", ordinaut.Step{Uses: "data.transform", With: map[string]any{"input": 1.0, "expression": "length(@)"}}, ordinaut.RunFailed, ordinaut.ReasonTemplateError},
		{"input", ordinaut.Step{Uses: "data.transform", With: map[string]any{"expression": "@"}}, ordinaut.RunFailed, ordinaut.ReasonInputInvalid},
		{"sleep input", ordinaut.Step{Uses: "wait.sleep", With: map[string]any{"seconds": -1.0}}, ordinaut.RunFailed, ordinaut.ReasonInputInvalid},
		{"output", ordinaut.Step{Uses: "s.bad"}, ordinaut.RunFailed, ordinaut.ReasonOutputInvalid},
		{"unknown tool", ordinaut.Step{Uses: "s.nope"}, ordinaut.RunFailed, ordinaut.ReasonUnknownAction},
		{"unknown action", ordinaut.Step{Uses: "nope"}, ordinaut.RunFailed, ordinaut.ReasonUnknownAction},
		{"action", ordinaut.Step{Uses: "s.failed"}, ordinaut.RunFailed, ordinaut.ReasonActionFailed},
		{"denied", ordinaut.Step{Uses: "s.denied"}, ordinaut.RunFailed, ordinaut.ReasonPermissionDenied},
		{"away", ordinaut.Step{Uses: "s.away"}, ordinaut.RunFailed, ordinaut.ReasonServerUnavailable},
		{"busy", ordinaut.Step{Uses: "s.busy"}, ordinaut.RunFailed, ordinaut.ReasonRateLimited},
		{"step timeout", ordinaut.Step{Uses: "s.hang", TimeoutSeconds: 2}, ordinaut.RunFailed, ordinaut.ReasonStepTimedOut},
		{"default step timeout", ordinaut.Step{Uses: "s.hang"}, ordinaut.RunFailed, ordinaut.ReasonStepTimedOut},
		{"run timeout", ordinaut.Step{Uses: "s.hang", TimeoutSeconds: 3600}, ordinaut.RunTimedOut, ordinaut.ReasonRunTimedOut},
		{"long sleep", ordinaut.Step{Uses: "wait.sleep", With: map[string]any{"seconds": 86400.0}}, ordinaut.RunTimedOut, ordinaut.ReasonRunTimedOut},
		{"fault of ours", ordinaut.Step{Uses: "s.boom"}, ordinaut.RunFailed, ordinaut.ReasonInternal},
		{"panic", ordinaut.Step{Uses: "s.panic"}, ordinaut.RunFailed, ordinaut.ReasonInternal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			law(t, pool, func(t *testing.T, m *memStore) {
				tc.step.ID = "it"
				spec := steps(tc.step, uses("after", "s.ok"))
				spec.Params = map[string]any{"n": 1.0}
				id := m.queue(m.task(spec), "")
				r := m.ended(t, id)
				if r.out.State != tc.state || r.out.Reason != tc.want {
					t.Errorf("ended %s(%s): %s; want %s(%s)", r.out.State, r.out.Reason, r.out.Error, tc.state, tc.want)
				}
				if _, ran := r.steps["after"]; ran {
					t.Error("the next step was executed")
				}
				if tc.name == "panic" {
					return
				}
				if n := strings.Count(r.out.Error, `step "it"`); n != 1 {
					t.Errorf("the run's error is %q, want the step named once", r.out.Error)
				}
				if s := r.steps["it"]; tc.name != "long sleep" && (s.State != ordinaut.StepFailed || s.Reason != tc.want || s.Error == "" || s.FinishedAt == nil) {
					t.Errorf("the step is %s(%s) %q", s.State, s.Reason, s.Error)
				}
				if took := r.endedAt.Sub(r.att.QueuedAt); tc.want == ordinaut.ReasonRunTimedOut && took != 900*time.Second {
					t.Errorf("the run's time was over after %v, want 15 min", took)
				}
			})
		})
	}
}

// A failure that the step says to go on from is recorded, and its output is null.
func TestOnErrorContinueGoesOn(t *testing.T) {
	tool, _ := toolFails(ordinaut.ReasonActionFailed, 100)
	var j journal
	law(t, tools{"s.flaky": tool, "s.echo": j.echo}, func(t *testing.T, m *memStore) {
		a, b := uses("a", "s.flaky"), uses("b", "s.echo")
		a.OnError.Policy = ordinaut.OnErrorContinue
		b.With = map[string]any{"got": "${steps.a || 'nothing'}"}
		r := m.ended(t, m.queue(m.task(steps(a, b)), ""))
		if r.out.State != ordinaut.RunSucceeded || r.steps["a"].State != ordinaut.StepFailed || string(r.out.Output) != `{"got":"nothing"}` {
			t.Errorf("ended %s with %s, step a %s", r.out.State, r.out.Output, r.steps["a"].State)
		}
	})
}

// An event is published once, with the step, however often the commit's answer is lost.
func TestEventsArePublishedWithTheirStep(t *testing.T) {
	law(t, nil, func(t *testing.T, m *memStore) {
		m.set(func() { m.loseAnswer = 1 })
		a, b := uses("a", "event.publish"), uses("b", "event.publish")
		a.With = map[string]any{"topic": "weather.hot", "payload": map[string]any{"t": "${params.t}"}}
		b.With = map[string]any{"topic": "weather.hot"}
		b.Expect = "event_id == 'nope'"
		spec := steps(a, b)
		spec.Params = map[string]any{"t": 31.0}
		id := m.queue(m.task(spec), "")
		r := m.ended(t, id)
		if len(r.events) != 1 || r.events[0].Topic != "weather.hot" || string(r.events[0].Payload) != `{"t":31}` || r.events[0].RunID != id {
			t.Errorf("published %+v, want the one of the step that succeeded", r.events)
		}
		if want := fmt.Sprintf(`{"event_id":%q}`, r.events[0].ID); string(r.steps["a"].Output) != want {
			t.Errorf("the step gave %s, want %s", r.steps["a"].Output, want)
		}
	})
}

// An output that is too long to be kept fails whoever needs it, before and after a restart alike, and
// nobody else.
func TestCutOutputFailsWhoNeedsIt(t *testing.T) {
	big := `{"text":"` + strings.Repeat("x", maxOutput) + `"}`
	for name, crash := range map[string]bool{"same attempt": false, "next attempt": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemStore()
				var id ordinaut.RunID
				var crashed atomic.Bool
				pool := tools{"s.big": answer(big), "s.ok": func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
					if crash && crashed.CompareAndSwap(false, true) {
						m.set(func() { m.steal(id) })
						<-ctx.Done()
						return nil, context.Cause(ctx)
					}
					return json.RawMessage(`{}`), nil
				}}
				need := uses("need", "s.ok")
				need.With = map[string]any{"x": []any{"see ${steps.big.text || 'default'}"}}
				id = m.queue(m.task(steps(uses("big", "s.big"), uses("other", "s.ok"), need)), "")
				stop := start(t, quietConfig(m, pool))
				defer stop()
				r := m.ended(t, id)
				if r.out.State != ordinaut.RunFailed || r.out.Reason != ordinaut.ReasonTemplateError || !strings.Contains(r.out.Error, "steps.big") {
					t.Errorf("ended %s(%s) %q, want failed(template_error) that names steps.big", r.out.State, r.out.Reason, r.out.Error)
				}
				if s := r.steps["big"]; s.OutputBytes != len(big) || len(s.Output) > 2*cutTo || !json.Valid(s.Output) {
					t.Errorf("recorded %d of %d bytes", len(s.Output), s.OutputBytes)
				}
				if r.steps["other"].State != ordinaut.StepSucceeded {
					t.Error("a step that does not need the output failed")
				}
			})
		})
	}
}

// Reports are numbered without a gap and in order, whatever is dropped under load.
func TestReportsHaveNoGapUnderOverload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		var full atomic.Bool
		chatty := func(ctx context.Context, c downstream.Call) (json.RawMessage, error) {
			m.set(func() { m.away = !full.Load() }) // so that the recorder fills up
			for i := range 300 {
				percent := float64(i) / 3
				c.OnProgress(&percent, "working")
				if i%50 == 0 {
					sleep(ctx, time.Second)
				}
			}
			return json.RawMessage(`{}`), nil
		}
		cfg := quietConfig(m, tools{"s.chatty": chatty})
		cfg.Slots = 400
		task := m.task(steps(uses("a", "s.chatty"), uses("b", "s.chatty")))
		var ids []ordinaut.RunID
		for range 400 {
			ids = append(ids, m.queue(task, ""))
		}
		// Only now, so that all are claimed at once: the first call takes the database away.
		e, stop := startExecutor(t, cfg)
		defer stop()
		time.Sleep(4 * time.Second) //nolint:forbidigo // the bubble's clock
		if !e.rec.crowded() {
			t.Fatal("the recorder is not full, so nothing is proved")
		}
		full.Store(true)
		m.set(func() { m.away = false })
		kept := 0
		for _, id := range ids {
			r := m.ended(t, id)
			kept += len(r.reports)
			if !slices.IsSortedFunc(r.reports, func(a, b ordinaut.Progress) int { return int(a.Seq - b.Seq) }) {
				t.Error("reports were written out of order")
			}
		}
		if kept == 0 || kept >= 400*600 {
			t.Errorf("%d reports were kept; want some dropped and some not", kept)
		}
	})
}

// A record that the database refuses harms its own run alone.
func TestPoisonRecordHarmsItsOwnRunAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		m.poison = func(r ordinaut.Record) bool {
			return slices.ContainsFunc(r.Steps, func(s ordinaut.StepResult) bool { return s.StepID == "bad" })
		}
		cfg := quietConfig(m, tools{"s.ok": answer(`{}`)})
		cfg.Slots = 200
		good, last, middle := m.task(steps(uses("a", "s.ok"))), m.task(steps(uses("bad", "s.ok"))), m.task(steps(uses("bad", "s.ok"), uses("b", "s.ok")))
		var ids []ordinaut.RunID
		for range 60 {
			ids = append(ids, m.queue(good, ""))
		}
		bad := []ordinaut.RunID{m.queue(last, ""), m.queue(middle, "")}
		for range 60 {
			ids = append(ids, m.queue(good, ""))
		}
		stop := start(t, cfg)
		defer stop()
		for _, id := range ids {
			if r := m.ended(t, id); r.out.State != ordinaut.RunSucceeded {
				t.Errorf("a neighbour ended %s", r.out.State)
			}
		}
		for _, id := range bad {
			if r := m.ended(t, id); r.out.State != ordinaut.RunFailed || r.out.Reason != ordinaut.ReasonInternal || r.crashes != 0 {
				t.Errorf("the poisoned run ended %s(%s) after %d rescues", r.out.State, r.out.Reason, r.crashes)
			}
		}
	})
}

// A handler takes the place of the interpreter: nothing is loaded and no step recorded.
func TestHandlerReplacesTheInterpreter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		cfg := quietConfig(m, nil)
		cfg.Handler = func(_ context.Context, a *ordinaut.Attempt) (json.RawMessage, error) {
			if a.Params != nil {
				return nil, errors.New("no such luck")
			}
			return json.RawMessage(`1`), nil
		}
		stop := start(t, cfg)
		defer stop()
		good, bad := m.queue(m.task(steps()), ""), m.queue(m.task(steps()), `{}`)
		if r := m.ended(t, good); r.out.State != ordinaut.RunSucceeded || string(r.out.Output) != "1" || len(r.steps) != 0 {
			t.Errorf("ended %s with %s and %d steps", r.out.State, r.out.Output, len(r.steps))
		}
		if r := m.ended(t, bad); r.out.State != ordinaut.RunFailed || r.out.Reason != ordinaut.ReasonActionFailed {
			t.Errorf("ended %s(%s), want failed(action_failed)", r.out.State, r.out.Reason)
		}
		if m.versions != 0 {
			t.Errorf("%d definitions were loaded, want none", m.versions)
		}
	})
}

// A version that is gone fails its runs rather than keeping them.
func TestMissingDefinitionFailsTheRun(t *testing.T) {
	law(t, nil, func(t *testing.T, m *memStore) {
		r := m.ended(t, m.queue(ordinaut.NewTaskID(), ""))
		if r.out.State != ordinaut.RunFailed || r.out.Reason != ordinaut.ReasonInternal {
			t.Errorf("ended %s(%s), want failed(internal)", r.out.State, r.out.Reason)
		}
	})
}

// What our own actions give fits the schemas that they are shown with.
func TestOwnOutputsFitTheirSchemas(t *testing.T) {
	law(t, nil, func(t *testing.T, m *memStore) {
		list := []ordinaut.Step{
			{ID: "a", Uses: dataTransform, With: map[string]any{"input": []any{1.0}, "expression": "[0]"}},
			{ID: "b", Uses: dataTransform, With: map[string]any{"input": nil, "expression": "nope"}},
			{ID: "c", Uses: eventPublish, With: map[string]any{"topic": "a"}},
			{ID: "d", Uses: waitSleep, With: map[string]any{"seconds": 1.0}},
			{ID: "e", Uses: waitSleep, With: map[string]any{"until": "2000-01-01T00:00:00+02:00"}},
		}
		r := m.ended(t, m.queue(m.task(steps(list...)), ""))
		if len(r.steps) != len(list) {
			t.Fatalf("%d steps were recorded, want %d: %+v", len(r.steps), len(list), r.out)
		}
		for _, s := range r.steps {
			var out any
			if err := json.Unmarshal(s.Output, &out); err != nil {
				t.Errorf("step %s: %v", s.StepID, err)
			}
			fits(t, s.Uses, out)
		}
		if got := string(r.steps["e"].Output); got != `{"slept_until":"1999-12-31T22:00:00Z"}` {
			t.Errorf("slept until %s", got)
		}
	})
}
