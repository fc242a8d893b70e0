package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

// failure is why a step did not succeed. Its message is shown to the task's owner.
type failure struct {
	reason ordinaut.Reason
	msg    string
	// retryAfter is how long the other side asked to wait; zero if it did not say.
	retryAfter time.Duration
	// gaveUp says why there is no further try although retries are left; tooLong that it is because the
	// other side asked to wait longer than they allow.
	gaveUp  string
	tooLong bool
	// lasting says that no further try changes it.
	lasting bool
}

// final returns the failure as it stands when nothing is tried any more.
func (f *failure) final() *failure {
	last := *f
	if f.gaveUp != "" {
		last.msg += "; " + f.gaveUp
	}
	if f.tooLong {
		last.reason = ordinaut.ReasonRateLimited
	}
	return &last
}

// Error returns the message.
func (f *failure) Error() string { return f.msg }

func failf(reason ordinaut.Reason, format string, args ...any) *failure {
	return &failure{reason: reason, msg: fmt.Sprintf(format, args...)}
}

// failureOf makes a failure of what an action returned. It returns nil when the step did not fail but
// was stopped: because the run was canceled, its time was over, or the attempt ended.
func failureOf(ctx context.Context, err error, st *step) *failure {
	var f *failure
	var tool *downstream.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &tool):
		msg := tool.Msg
		if tool.Reason == ordinaut.ReasonServerUnavailable && tool.Err != nil {
			msg = tool.Error()
		}
		return &failure{reason: tool.Reason, msg: msg, retryAfter: tool.RetryAfter}
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errStepTimeout):
		return failf(ordinaut.ReasonStepTimedOut, "%s gave no answer within %s", st.Uses, st.timeout)
	case ctx.Err() != nil:
		return nil
	default:
		return failf(ordinaut.ReasonInternal, "%s failed inside this worker; the log has the details", st.Uses)
	}
}

// sentence is what the run's error says: the step and what happened to it. Of a flow it is the step in it.
func (x *frame) sentence(st *step, f *failure) string {
	name := fmt.Sprintf("step %q", x.id(st))
	if rest, named := strings.CutPrefix(f.msg, fmt.Sprintf("step %q", st.ID)); named {
		return clip(name + rest)
	}
	if st.flow() && strings.HasPrefix(f.msg, "step ") {
		return f.msg
	}
	return clip(name + ": " + f.msg)
}

// messageOf returns what an error says to its caller, without its code.
func messageOf(err error) string {
	if e, ok := errors.AsType[*ordinaut.Error](err); ok {
		return e.Msg
	}
	return err.Error()
}
