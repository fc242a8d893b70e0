package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

func toolFails(reason ordinaut.Reason, times int) (func(context.Context, downstream.Call) (json.RawMessage, error), *atomic.Int32) {
	calls := new(atomic.Int32)
	return func(context.Context, downstream.Call) (json.RawMessage, error) {
		if int(calls.Add(1)) <= times {
			return nil, &downstream.Error{Reason: reason, Msg: "try " + fmt.Sprint(calls.Load())}
		}
		return json.RawMessage(`{"ok":true}`), nil
	}, calls
}

// A fault that passes is tried again as often as the step says, then the step fails; one that cannot
// pass is never tried again.
func TestStepRetries(t *testing.T) {
	for _, tc := range []struct {
		reason    ordinaut.Reason
		fails     int
		wantCalls int32
		wantState ordinaut.RunState
	}{
		{ordinaut.ReasonActionFailed, 2, 3, ordinaut.RunSucceeded},
		{ordinaut.ReasonServerUnavailable, 3, 3, ordinaut.RunFailed},
		{ordinaut.ReasonRateLimited, 1, 2, ordinaut.RunSucceeded},
		{ordinaut.ReasonStepTimedOut, 1, 2, ordinaut.RunSucceeded},
		{ordinaut.ReasonInternal, 1, 2, ordinaut.RunSucceeded},
		{ordinaut.ReasonPermissionDenied, 1, 1, ordinaut.RunFailed},
		{ordinaut.ReasonInputInvalid, 1, 1, ordinaut.RunFailed},
		{ordinaut.ReasonUnknownAction, 1, 1, ordinaut.RunFailed},
		{ordinaut.ReasonOutputInvalid, 1, 1, ordinaut.RunFailed},
		{ordinaut.ReasonTemplateError, 1, 1, ordinaut.RunFailed},
	} {
		t.Run(string(tc.reason), func(t *testing.T) {
			tool, calls := toolFails(tc.reason, tc.fails)
			law(t, tools{"s.flaky": tool}, func(t *testing.T, m *memStore) {
				step := uses("a", "s.flaky")
				step.Retry = &ordinaut.Retry{MaxAttempts: 3, InitialSeconds: 2}
				r := m.ended(t, m.queue(m.task(steps(step)), ""))
				if calls.Load() != tc.wantCalls || r.out.State != tc.wantState || r.steps["a"].Tries != int(tc.wantCalls) {
					t.Errorf("%d calls, %d tries, ended %s; want %d, %s", calls.Load(), r.steps["a"].Tries, r.out.State, tc.wantCalls, tc.wantState)
				}
				if r.att.Failures != 0 {
					t.Errorf("%d of the run's own retries were spent, want none", r.att.Failures)
				}
			})
		})
	}
}

// Each strategy spaces its tries as documented.
func TestBackoffStrategies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		retry  ordinaut.Retry
		random float64
		want   []float64
	}{
		{ordinaut.Retry{Backoff: ordinaut.BackoffFixed, InitialSeconds: 3}, 0.9, []float64{3, 3, 3}},
		{ordinaut.Retry{Backoff: ordinaut.BackoffLinear, InitialSeconds: 3, MaxSeconds: 7}, 0.9, []float64{3, 6, 7, 7}},
		{ordinaut.Retry{Backoff: ordinaut.BackoffExponentialJitter, InitialSeconds: 4, MaxSeconds: 20}, 0, []float64{2, 4, 8, 10, 10}},
		{ordinaut.Retry{InitialSeconds: 4, MaxSeconds: 20}, 0.5, []float64{3, 6, 12, 15, 15}},
		{ordinaut.Retry{}, 0, []float64{0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150}},
		{ordinaut.Retry{Backoff: ordinaut.BackoffFixed, InitialSeconds: 1000}, 0, []float64{300}},
	} {
		for i, want := range tc.want {
			if got := backoff(&tc.retry, i+1, tc.random); got != time.Duration(want*float64(time.Second)) {
				t.Errorf("%+v: delay %d is %v, want %vs", tc.retry, i+1, got, want)
			}
		}
	}
	if got := backoff(&ordinaut.Retry{}, 5000, 0.999); got > 300*time.Second || got < 0 {
		t.Errorf("the 5000th delay is %v", got)
	}
}

// What the other side asks for is waited for, unless it is longer than retries allow: then the step
// fails as rate_limited at once.
func TestRetryAfterIsHonoured(t *testing.T) {
	for _, tc := range []struct {
		ask, took time.Duration
		state     ordinaut.RunState
	}{
		{40 * time.Second, 40 * time.Second, ordinaut.RunSucceeded},
		{61 * time.Second, 0, ordinaut.RunFailed},
	} {
		t.Run(tc.ask.String(), func(t *testing.T) {
			var calls atomic.Int32
			law(t, tools{"s.busy": func(context.Context, downstream.Call) (json.RawMessage, error) {
				if calls.Add(1) == 1 {
					return nil, &downstream.Error{Reason: ordinaut.ReasonServerUnavailable, Msg: "busy", RetryAfter: tc.ask}
				}
				return json.RawMessage(`{}`), nil
			}}, func(t *testing.T, m *memStore) {
				step := uses("a", "s.busy")
				step.Retry = &ordinaut.Retry{MaxAttempts: 3, Backoff: ordinaut.BackoffFixed, MaxSeconds: 60}
				r := m.ended(t, m.queue(m.task(steps(step)), ""))
				if took := r.endedAt.Sub(r.att.QueuedAt); r.out.State != tc.state || took < tc.took || took > tc.took+time.Second {
					t.Errorf("ended %s after %v, want %s after %v", r.out.State, took, tc.state, tc.took)
				}
				if tc.state == ordinaut.RunFailed && (r.out.Reason != ordinaut.ReasonRateLimited || r.steps["a"].Reason != ordinaut.ReasonRateLimited) {
					t.Errorf("failed as %s, want rate_limited", r.out.Reason)
				}
			})
		})
	}
}

// A failed run is tried again from its failed step on, as often as the task says.
func TestRunRetriesFromItsFailedStep(t *testing.T) {
	tool, calls := toolFails(ordinaut.ReasonActionFailed, 3)
	var j journal
	law(t, tools{"s.flaky": tool, "s.echo": j.echo}, func(t *testing.T, m *memStore) {
		b := uses("b", "s.flaky")
		b.Retry = &ordinaut.Retry{MaxAttempts: 2, Backoff: ordinaut.BackoffFixed}
		spec := steps(uses("a", "s.echo"), b, uses("c", "s.echo"))
		spec.Retry = &ordinaut.Retry{MaxAttempts: 2, Backoff: ordinaut.BackoffFixed, InitialSeconds: 30}
		id := m.queue(m.task(spec), "")
		r := m.ended(t, id)
		if r.out.State != ordinaut.RunSucceeded || r.att.Failures != 1 || calls.Load() != 4 {
			t.Errorf("ended %s with %d failures after %d calls; want succeeded, 1, 4", r.out.State, r.att.Failures, calls.Load())
		}
		if diff := cmp.Diff([]string{"a", "c"}, j.keys()); diff != "" {
			t.Errorf("calls of the other steps (-want +got):\n%s", diff)
		}
	})
}

// When the run's retries are spent too, it fails.
func TestRunRetriesEnd(t *testing.T) {
	tool, calls := toolFails(ordinaut.ReasonActionFailed, 100)
	law(t, tools{"s.flaky": tool}, func(t *testing.T, m *memStore) {
		spec := steps(uses("a", "s.flaky"))
		spec.Retry = &ordinaut.Retry{MaxAttempts: 3, Backoff: ordinaut.BackoffLinear, InitialSeconds: 10}
		r := m.ended(t, m.queue(m.task(spec), ""))
		if took := r.endedAt.Sub(r.att.QueuedAt).Round(time.Second); r.out.State != ordinaut.RunFailed || calls.Load() != 3 || took != 30*time.Second {
			t.Errorf("ended %s after %d calls and %v; want failed, 3, 30 s", r.out.State, calls.Load(), took)
		}
	})
}

// A try that could only come after the run's end is not waited for.
func TestRetryThatComesTooLateIsNotWaitedFor(t *testing.T) {
	tool, calls := toolFails(ordinaut.ReasonActionFailed, 100)
	law(t, tools{"s.flaky": tool}, func(t *testing.T, m *memStore) {
		step := uses("a", "s.flaky")
		step.Retry = &ordinaut.Retry{MaxAttempts: 3, Backoff: ordinaut.BackoffFixed, InitialSeconds: 60}
		spec := steps(step)
		spec.TimeoutSeconds = 90
		r := m.ended(t, m.queue(m.task(spec), ""))
		if r.out.State != ordinaut.RunFailed || r.out.Reason != ordinaut.ReasonActionFailed || calls.Load() != 2 || !strings.Contains(r.out.Error, "timeout of 1m30s") {
			t.Errorf("ended %s(%s) %q after %d calls", r.out.State, r.out.Reason, r.out.Error, calls.Load())
		}
	})
}

// The idempotency key and the input are the same for every try of a step.
func TestTriesSendTheSame(t *testing.T) {
	var j journal
	flaky := func(ctx context.Context, c downstream.Call) (json.RawMessage, error) {
		out, _ := j.echo(ctx, c)
		if len(j.keys()) < 3 {
			return nil, &downstream.Error{Reason: ordinaut.ReasonActionFailed, Msg: "no"}
		}
		return out, nil
	}
	law(t, tools{"s.flaky": flaky}, func(t *testing.T, m *memStore) {
		step := uses("a", "s.flaky")
		step.With = map[string]any{"at": "${now}"}
		step.Retry = &ordinaut.Retry{MaxAttempts: 5}
		id := m.queue(m.task(steps(step)), "")
		m.ended(t, id)
		for _, c := range j.calls {
			if c.IdempotencyKey != id.String()+"/a" || c.Arguments["at"] != j.calls[0].Arguments["at"] {
				t.Errorf("a try sent %s with key %s, the first %s", c.Arguments, c.IdempotencyKey, j.calls[0].Arguments)
			}
		}
	})
}
