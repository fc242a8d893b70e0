package executor

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ordinaut/ordinaut"
)

// fail decides what a failure leads to: another try of the step, the next step, another try of the
// run, or the run's end.
func (x *frame) fail(st *step, v verdict, f *failure) verdict {
	now := x.att.now()
	v.events = nil
	again := f.reason.Retryable() && !f.lasting
	if r := st.Retry; again && r != nil && v.result.Tries > 0 && v.result.Tries < r.MaxAttempts {
		if delay, ok := x.delay(r, v.result.Tries, f); ok {
			return x.retry(st, v, f, now, delay, false)
		}
	}
	if st.OnError.Handled() {
		v.result = failed(v.result, x.att, f.final())
		return v
	}
	if r := x.prog.retry; again && r != nil && !x.shielded && x.att.Failures+1 < r.MaxAttempts {
		if delay, ok := x.delay(r, x.att.Failures+1, f); ok {
			return x.retry(st, v, f, now, delay, true)
		}
	}
	f = f.final()
	v.result = failed(v.result, x.att, f)
	end := endFailed(f.reason, x.sentence(st, f))
	v.end = &end
	return v
}

// delay returns how long to wait before try n+1. It reports false, and notes why in f, when that is
// longer than the retry or the run allows.
func (x *frame) delay(r *ordinaut.Retry, n int, f *failure) (time.Duration, bool) {
	longest := time.Duration(maxSeconds(r) * float64(time.Second))
	if f.retryAfter > longest {
		f.gaveUp, f.tooLong = fmt.Sprintf("it asked to wait %s, retries allow %s", f.retryAfter, longest), true
		return 0, false
	}
	delay := max(backoff(r, n, rand.Float64()), f.retryAfter)
	if delay >= x.left() {
		f.gaveUp = fmt.Sprintf("the next try would come after the run's timeout of %s", x.prog.timeout)
		return 0, false
	}
	return delay, true
}

func (x *frame) retry(st *step, v verdict, f *failure, now time.Time, delay time.Duration, ofRun bool) verdict {
	wakes := now.Add(delay)
	v.result.State, v.result.Reason, v.result.Error, v.result.WakesAt = ordinaut.StepWaiting, f.reason, clip(f.msg), &wakes
	v.end = &ending{outcome: ordinaut.Outcome{
		State: ordinaut.RunWaiting, Reason: f.reason, Error: x.sentence(st, f), Delay: delay, Failed: ofRun,
	}}
	return v
}

// waitOn lets a step that backs off do so until its time has come: something else in its flow has woken the run.
func (x *frame) waitOn(st *step, before ordinaut.StepResult, now time.Time) verdict {
	return verdict{result: before, end: &ending{outcome: ordinaut.Outcome{
		State: ordinaut.RunWaiting, Reason: before.Reason, Error: x.sentence(st, &failure{msg: before.Error}),
		Delay: min(before.WakesAt.Sub(now), max(x.left(), 0)),
	}}}
}

func failed(r ordinaut.StepResult, a *attempt, f *failure) ordinaut.StepResult {
	now := a.now()
	r.State, r.Reason, r.Error, r.FinishedAt, r.WakesAt = ordinaut.StepFailed, f.reason, clip(f.msg), &now, nil
	return r
}
