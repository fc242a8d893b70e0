package executor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

const asking = `{"params": {"text": "hello"}, "pipeline": [
	{"id": "ok", "uses": "approval.request", "timeout_seconds": 1800, KEYS
		"with": {"message": "Send ${params.text}?", "show": {"text": "${params.text}"}, "editable": true}},
	{"id": "send", "uses": "s.send", "if": "steps.ok.approved", "with": {"text": "${steps.ok.input.text}"}}]}`

// asked waits until the run waits for a decision on the step.
func (m *memStore) asked(t *testing.T, id ordinaut.RunID, step string) memRun {
	t.Helper()
	return m.until(t, id, func(r *memRun) bool { return r.place == "wait" && r.steps[step].State == ordinaut.StepWaiting })
}

// A run waits for a person, without a worker, and its steps see the decision. What nobody decides in time ends
// as on_timeout says.
func TestApproval(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, keys, edited string
		decision           ordinaut.ApprovalDecision // "" lets it expire
		state              ordinaut.RunState
		reason             ordinaut.Reason
		output, sent       string
		took               time.Duration
	}{
		{
			"approved", "", "", ordinaut.DecisionApproved, ordinaut.RunSucceeded, "",
			`{"approved":true,"expired":false,"by":"ann","note":"","input":{"text":"hello"},"edited":false}`, "hello", 0,
		},
		{
			"edited", "", `{"text":"hi"}`, ordinaut.DecisionApproved, ordinaut.RunSucceeded, "",
			`{"approved":true,"expired":false,"by":"ann","note":"","input":{"text":"hi"},"edited":true}`, "hi", 0,
		},
		{
			"denied", "", "", ordinaut.DecisionDenied, ordinaut.RunSucceeded, "",
			`{"approved":false,"expired":false,"by":"ann","note":"","input":{"text":"hello"},"edited":false}`, "", 0,
		},
		{"denied and expected", `"expect": "approved",`, "", ordinaut.DecisionDenied, ordinaut.RunFailed, ordinaut.ReasonExpectationFailed, "", "", 0},
		{
			"expired", "", "", "", ordinaut.RunSucceeded, "",
			`{"approved":false,"expired":true,"by":null,"note":"","input":{"text":"hello"},"edited":false}`, "", 30 * time.Minute,
		},
		{
			"expired to approve", `"on_timeout": "approve",`, "", "", ordinaut.RunSucceeded, "",
			`{"approved":true,"expired":true,"by":null,"note":"","input":{"text":"hello"},"edited":false}`, "hello", 30 * time.Minute,
		},
		{"expired to fail", `"on_timeout": "fail",`, "", "", ordinaut.RunFailed, ordinaut.ReasonStepTimedOut, "", "", 30 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var sent string
			law(t, tools{"s.send": func(_ context.Context, c downstream.Call) (json.RawMessage, error) {
				sent, _ = c.Arguments["text"].(string)
				return json.RawMessage(`{}`), nil
			}}, func(t *testing.T, m *memStore) {
				spec := specOf(t, strings.Replace(asking, "KEYS", tc.keys, 1))
				spec.Retry = &ordinaut.Retry{MaxAttempts: 3} // a decision stands, however often the task is tried again
				began := time.Now()
				id := m.queue(m.task(spec), "")
				r := m.asked(t, id, "ok")
				if a := r.approvals["ok"]; a.Message != "Send hello?" || string(a.Input) != `{"text":"hello"}` || !a.Editable {
					t.Errorf("asked %+v", a)
				}
				if len(r.events) != 1 || r.events[0].Topic != ordinaut.TopicApprovalRequested {
					t.Errorf("events %+v", r.events)
				}
				if tc.decision != "" && !m.decide(id, "ok", tc.decision, "ann", tc.edited) {
					t.Error("the decision was refused")
				}
				r = m.ended(t, id)
				if r.out.State != tc.state || r.out.Reason != tc.reason || sent != tc.sent {
					t.Errorf("ended %+v, sent %q", r.out, sent)
				}
				if s := r.steps["ok"]; string(s.Output) != tc.output && tc.output != "" {
					t.Errorf("output %s, want %s", s.Output, tc.output)
				}
				if took := time.Since(began).Truncate(time.Minute); took != tc.took {
					t.Errorf("took %s, want %s", took, tc.took)
				}
				if r.att.Epoch != 2 {
					t.Errorf("%d attempts, want 2", r.att.Epoch)
				}
			})
		})
	}
}

// The time of a run stands still while it waits for a person, and only then.
func TestRunsTimeStandsStillForAPerson(t *testing.T) {
	law(t, tools{"s.hang": func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}}, func(t *testing.T, m *memStore) {
		spec := specOf(t, `{"pipeline": [
			{"id": "ok", "uses": "approval.request", "with": {"message": "Go on?"}},
			{"id": "hang", "uses": "s.hang", "timeout_seconds": 3600}]}`)
		spec.TimeoutSeconds = 100
		began := time.Now()
		id := m.queue(m.task(spec), "")
		m.asked(t, id, "ok")
		<-time.After(10 * time.Hour)
		m.decide(id, "ok", ordinaut.DecisionApproved, "ann", "")
		r := m.ended(t, id)
		if took := time.Since(began).Round(time.Second); r.out.State != ordinaut.RunTimedOut || took != 10*time.Hour+100*time.Second {
			t.Errorf("ended %+v after %s", r.out, took)
		}
	})
}

// Items ask under ids of their own, are decided in any order, and each goes on as soon as it is.
func TestItemsAskSideBySide(t *testing.T) {
	var mu sync.Mutex
	var sent []string
	law(t, tools{"s.send": func(_ context.Context, c downstream.Call) (json.RawMessage, error) {
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, c.Arguments["to"].(string))
		return json.RawMessage(`{"sent": true}`), nil
	}}, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(specOf(t, `{"pipeline": [{"id": "each", "uses": "flow.foreach", "with": {"items": ["ann", "bob", "cyd"], "concurrency": 3},
			"steps": [
				{"id": "ok", "uses": "approval.request", "with": {"message": "Write to ${item}?"}, "timeout_seconds": 1800},
				{"id": "send", "uses": "s.send", "if": "steps.ok.approved", "with": {"to": "${item}"}}]}]}`)), "")
		for _, step := range []string{"each[0].ok", "each[1].ok", "each[2].ok"} {
			m.asked(t, id, step)
		}
		m.decide(id, "each[2].ok", ordinaut.DecisionApproved, "ann", "")
		m.until(t, id, func(r *memRun) bool {
			return r.place == "wait" && r.steps["each[2].send"].State == ordinaut.StepSucceeded
		})
		m.decide(id, "each[0].ok", ordinaut.DecisionDenied, "ann", "")
		m.until(t, id, func(r *memRun) bool {
			return r.place == "wait" && r.steps["each[0].send"].State == ordinaut.StepSkipped
		})
		r := m.ended(t, id) // the last one expires
		if r.out.State != ordinaut.RunSucceeded || !slices.Equal(sent, []string{"cyd"}) {
			t.Errorf("ended %+v, sent %v", r.out, sent)
		}
		if len(r.events) != 3 || r.approvals["each[1].ok"].Decision != ordinaut.DecisionExpired {
			t.Errorf("%d events, the last approval is %+v", len(r.events), r.approvals["each[1].ok"])
		}
	})
}

// A decision that comes while other steps of the flow are at work is taken up once these are done.
func TestDecisionMeetsARunAtWork(t *testing.T) {
	release := make(chan struct{})
	hold, called := blocked(release)
	law(t, tools{"s.hold": hold}, func(t *testing.T, m *memStore) {
		began := time.Now()
		id := m.queue(m.task(specOf(t, `{"pipeline": [{"id": "both", "uses": "flow.parallel", "branches": {
			"a": [{"id": "ok", "uses": "approval.request", "with": {"message": "Go on?"}, "timeout_seconds": 3600}],
			"b": [{"id": "hold", "uses": "s.hold"}]}}]}`)), "")
		<-called
		m.until(t, id, func(r *memRun) bool { return r.approvals["ok"] != nil })
		m.decide(id, "ok", ordinaut.DecisionApproved, "ann", "")
		close(release)
		if r := m.ended(t, id); r.out.State != ordinaut.RunSucceeded || time.Since(began) > time.Minute {
			t.Errorf("ended %+v after %s", r.out, time.Since(began))
		}
	})
}

// What is asked within a flow that fails is closed, while the run goes on.
func TestFailedFlowClosesWhatItAsks(t *testing.T) {
	law(t, tools{"s.boom": func(context.Context, downstream.Call) (json.RawMessage, error) {
		return nil, failf(ordinaut.ReasonPermissionDenied, "boom")
	}}, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(specOf(t, `{"pipeline": [
			{"id": "both", "uses": "flow.parallel", "on_error": "continue", "branches": {
				"a": [{"id": "ok", "uses": "approval.request", "with": {"message": "Go on?"}}],
				"b": [{"id": "nap", "uses": "wait.sleep", "with": {"seconds": 5}}, {"id": "boom", "uses": "s.boom"}]}},
			{"id": "nap2", "uses": "wait.sleep", "with": {"seconds": 600}}]}`)), "")
		r := m.asked(t, id, "nap2")
		if a := r.approvals["ok"]; a.Decision != ordinaut.DecisionClosed {
			t.Errorf("the approval is %+v", a)
		}
		if r = m.ended(t, id); r.out.State != ordinaut.RunSucceeded {
			t.Errorf("ended %+v", r.out)
		}
	})
}

// A run asks once, however often it wakes.
func TestAsksOnce(t *testing.T) {
	law(t, nil, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(specOf(t, `{"pipeline": [{"id": "both", "uses": "flow.parallel", "branches": {
			"a": [{"id": "ok", "uses": "approval.request", "with": {"message": "Go on?"}, "timeout_seconds": 1800}],
			"b": [{"id": "nap", "uses": "wait.sleep", "with": {"seconds": 5}}, {"id": "nap2", "uses": "wait.sleep", "with": {"seconds": 5}}]}}]}`)), "")
		first := m.asked(t, id, "ok")
		asked := *first.approvals["ok"]
		r := m.asked(t, id, "nap2")
		if diff := cmp.Diff(asked, *r.approvals["ok"]); diff != "" || len(r.events) != 1 {
			t.Errorf("asked again, %d events:\n%s", len(r.events), diff)
		}
		if r = m.ended(t, id); r.out.State != ordinaut.RunSucceeded {
			t.Errorf("ended %+v", r.out)
		}
	})
}

// A run that is canceled at work closes what it asked.
func TestCanceledRunClosesWhatItAsks(t *testing.T) {
	hold, called := blocked(nil)
	law(t, tools{"s.hold": hold}, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(specOf(t, `{"pipeline": [{"id": "both", "uses": "flow.parallel", "branches": {
			"a": [{"id": "ok", "uses": "approval.request", "with": {"message": "Go on?"}}],
			"b": [{"id": "hold", "uses": "s.hold"}]}}]}`)), "")
		<-called
		m.until(t, id, func(r *memRun) bool { return r.approvals["ok"] != nil })
		m.cancel(id)
		if r := m.ended(t, id); r.out.State != ordinaut.RunCanceled || r.approvals["ok"].Decision != ordinaut.DecisionClosed {
			t.Errorf("ended %+v, the approval is %+v", r.out, r.approvals["ok"])
		}
	})
}

// A decision does not cut short the back-off of another step in the flow.
func TestDecisionLeavesABackOffAlone(t *testing.T) {
	var calls []time.Time
	law(t, tools{"s.flaky": func(context.Context, downstream.Call) (json.RawMessage, error) {
		if calls = append(calls, time.Now()); len(calls) == 1 {
			return nil, failf(ordinaut.ReasonActionFailed, "not now")
		}
		return json.RawMessage(`{}`), nil
	}}, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(specOf(t, `{"pipeline": [{"id": "both", "uses": "flow.parallel", "branches": {
			"a": [{"id": "ok", "uses": "approval.request", "with": {"message": "Go on?"}}],
			"b": [{"id": "flaky", "uses": "s.flaky", "retry": {"max_attempts": 2, "backoff": "fixed", "initial_seconds": 200}}]}}]}`)), "")
		m.asked(t, id, "flaky")
		m.decide(id, "ok", ordinaut.DecisionApproved, "ann", "")
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunSucceeded || len(calls) != 2 || calls[1].Sub(calls[0]) < 200*time.Second || r.steps["flaky"].Tries != 2 {
			t.Errorf("ended %+v, called at %v, %d tries", r.out, calls, r.steps["flaky"].Tries)
		}
	})
}
