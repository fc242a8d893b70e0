package executor

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

// specOf reads a task's pipeline with what follows it.
func specOf(t *testing.T, doc string) ordinaut.TaskSpec {
	t.Helper()
	spec := ordinaut.TaskSpec{Title: "t"}
	if err := json.Unmarshal([]byte(doc), &spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

// Whatever the steps come to, what follows them runs in its order and knows why, and the run's end is the
// steps' own unless finally spoils a success.
func TestWhatFollowsThePipeline(t *testing.T) {
	t.Parallel()
	const (
		ok       = `{"id": "ok", "uses": "s.echo", "with": {"n": 1}}`
		boom     = `{"id": "boom", "uses": "s.boom"}`
		told     = `"on_failure": [{"id": "tell", "uses": "s.echo", "with": {"step": "${error.step || 'none'}", "reason": "${error.reason}", "why": "${error.message}"}}]`
		tidied   = `"finally": [{"id": "tidy", "uses": "s.echo", "with": {"failed": "${error != null}", "n": "${steps.ok.n || 0}"}}]`
		untidied = `"finally": [{"id": "tidy", "uses": "s.boom"}]`
	)
	for _, tc := range []struct {
		name, doc string
		state     ordinaut.RunState
		reason    ordinaut.Reason
		error     string
		calls     []string
		told      map[string]any // what the last call of echo got
		output    string
	}{
		{
			"success", `{"pipeline": [` + ok + `], ` + told + `, ` + tidied + `}`, ordinaut.RunSucceeded, "", "",
			[]string{"ok", "tidy"},
			map[string]any{"failed": false, "n": 1.0},
			`{"n":1}`,
		},
		{
			"failure", `{"pipeline": [` + ok + `, ` + boom + `, {"id": "never", "uses": "s.echo"}], ` + told + `, ` + tidied + `}`,
			ordinaut.RunFailed, ordinaut.ReasonActionFailed, `step "boom": boom`,
			[]string{"ok", "tell", "tidy"},
			map[string]any{"failed": true, "n": 1.0},
			"",
		},
		{
			"on_failure alone", `{"pipeline": [` + boom + `], ` + told + `}`, ordinaut.RunFailed, ordinaut.ReasonActionFailed, `step "boom": boom`,
			[]string{"tell"},
			map[string]any{"step": "boom", "reason": "action_failed", "why": `step "boom": boom`},
			"",
		},
		{
			"failure inside a flow", `{"pipeline": [{"id": "each", "uses": "flow.foreach", "with": {"items": [1]}, "steps": [` + boom + `]}], ` + told + `}`,
			ordinaut.RunFailed, ordinaut.ReasonActionFailed, `step "each[0].boom": boom`,
			[]string{"tell"},
			map[string]any{"step": "each", "reason": "action_failed", "why": `step "each[0].boom": boom`},
			"",
		},
		{
			"finally fails after a success", `{"pipeline": [` + ok + `], ` + untidied + `}`, ordinaut.RunFailed, ordinaut.ReasonActionFailed, `step "tidy": boom`,
			[]string{"ok"},
			map[string]any{"n": 1.0},
			"",
		},
		{
			"finally fails after a failure", `{"pipeline": [` + boom + `], ` + untidied + `}`, ordinaut.RunFailed, ordinaut.ReasonActionFailed,
			`step "boom": boom; then finally: step "tidy": boom`, nil, nil, "",
		},
		{
			"assert", `{"pipeline": [` + ok + `], "assert": ["steps.ok.n == 1", "steps.ok.n == 2"], ` + told + `}`,
			ordinaut.RunFailed, ordinaut.ReasonExpectationFailed, `assert: not true: steps.ok.n == 2`,
			[]string{"ok", "tell"},
			map[string]any{"step": "none", "reason": "expectation_failed", "why": `assert: not true: steps.ok.n == 2`},
			"",
		},
		{
			"output", `{"pipeline": [` + ok + `], "assert": ["steps.ok.n == 1"], "output": "{twice: steps.ok.n * 2}"}`, ordinaut.RunSucceeded, "", "",
			[]string{"ok"},
			map[string]any{"n": 1.0},
			`{"twice":2}`,
		},
		{
			"faulty output", `{"pipeline": [` + ok + `], "output": "length(steps.ok.n)", ` + tidied + `}`, ordinaut.RunFailed, ordinaut.ReasonTemplateError,
			"",
			[]string{"ok", "tidy"},
			map[string]any{"failed": true, "n": 1.0},
			"",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var j journal
				m := newMemStore()
				boom := func(context.Context, downstream.Call) (json.RawMessage, error) {
					return nil, failf(ordinaut.ReasonActionFailed, "boom")
				}
				stop := start(t, quietConfig(m, tools{"s.echo": j.echo, "s.boom": boom}))
				defer stop()
				r := m.ended(t, m.queue(m.task(specOf(t, tc.doc)), ""))
				if r.out.State != tc.state || r.out.Reason != tc.reason || tc.error != "" && r.out.Error != tc.error || string(r.out.Output) != tc.output {
					t.Errorf("ended %s(%s) %q with %s", r.out.State, r.out.Reason, r.out.Error, r.out.Output)
				}
				if diff := cmp.Diff(tc.calls, j.keys()); diff != "" {
					t.Fatalf("calls (-want +got):\n%s", diff)
				}
				if n := len(j.calls); n > 0 {
					if diff := cmp.Diff(tc.told, j.calls[n-1].Arguments); diff != "" {
						t.Errorf("the last was told (-want +got):\n%s", diff)
					}
				}
			})
		})
	}
}

// A run whose time is over is told of, within a minute; one that is canceled is not.
func TestWhatFollowsATimeout(t *testing.T) {
	t.Parallel()
	for _, canceled := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			hang, called := blocked(nil)
			m := newMemStore()
			stop := start(t, quietConfig(m, tools{"s.echo": j.echo, "s.hang": hang}))
			defer stop()
			spec := specOf(t, `{"timeout_seconds": 5, "pipeline": [{"id": "hang", "uses": "s.hang"}], "on_failure": [
				{"id": "tell", "uses": "s.echo", "with": {"step": "${error.step}", "reason": "${error.reason}"}},
				{"id": "nap", "uses": "wait.sleep", "with": {"seconds": 3600}}]}`)
			id := m.queue(m.task(spec), "")
			<-called
			began := time.Now()
			want, calls := ordinaut.RunTimedOut, []string{"tell"}
			if canceled {
				m.cancel(id)
				want, calls = ordinaut.RunCanceled, nil
			}
			r := m.ended(t, id)
			if r.out.State != want {
				t.Errorf("ended %s(%s) %q, want %s", r.out.State, r.out.Reason, r.out.Error, want)
			}
			if diff := cmp.Diff(calls, j.keys()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if took := time.Since(began); took > 3*time.Minute {
				t.Errorf("ended after %s", took)
			}
		})
	}
}

// An attempt that takes a run up after its failure goes on with what follows, and does no step of it again.
func TestWhatFollowsGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var booms, crashed atomic.Int32
		var id ordinaut.RunID
		m := newMemStore()
		pool := tools{
			"s.echo": j.echo,
			"s.boom": func(context.Context, downstream.Call) (json.RawMessage, error) {
				booms.Add(1)
				return nil, failf(ordinaut.ReasonActionFailed, "boom")
			},
			"s.crash": func(ctx context.Context, c downstream.Call) (json.RawMessage, error) {
				if crashed.Add(1) == 1 {
					m.set(func() { m.steal(id) })
					<-ctx.Done()
					return nil, context.Cause(ctx)
				}
				return j.echo(ctx, c)
			},
		}
		id = m.queue(m.task(specOf(t, `{"pipeline": [{"id": "boom", "uses": "s.boom"}],
			"on_failure": [{"id": "a", "uses": "s.echo"}, {"id": "nap", "uses": "wait.sleep", "with": {"seconds": 60}}, {"id": "b", "uses": "s.crash"}],
			"finally": [{"id": "c", "uses": "s.echo", "with": {"why": "${error.message}"}}]}`)), "")
		stop := start(t, quietConfig(m, pool))
		defer stop()
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunFailed || r.out.Error != `step "boom": boom` || booms.Load() != 1 {
			t.Errorf("ended %+v after %d tries of the step", r.out, booms.Load())
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, j.keys()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}
