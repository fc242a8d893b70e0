package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// maxShown is how long a question with what it shows may be.
	maxShown = 64 << 10
	// settleAgain is how long an approval whose time is over by the worker's clock, and not by the database's,
	// is waited for.
	settleAgain = time.Second
)

// ask asks a person and ends the attempt until somebody has decided or the step's time is over. The question
// is stored with the step.
func (x *frame) ask(st *step, v verdict, input map[string]any) verdict {
	act := x.e.actions[st.Uses]
	if f := x.e.fits(x.att.ctx, &act, input); f != nil {
		return x.fail(st, v, f)
	}
	if n := len(v.result.Input); n == 0 || n > maxShown {
		return x.fail(st, v, failf(ordinaut.ReasonInputInvalid, "message and show have more than the %d bytes of JSON that are shown to a person", maxShown))
	}
	now := x.att.now()
	a := ordinaut.Approval{
		NamespaceID: x.att.NamespaceID, ID: ordinaut.NewApprovalID(), RunID: x.att.RunID, TaskID: x.att.TaskID, TaskTitle: x.prog.title,
		StepID: x.id(st), OnTimeout: st.OnTimeout, RequestedAt: now, ExpiresAt: now.Add(st.timeout),
	}
	if a.OnTimeout == "" {
		a.OnTimeout = ordinaut.OnTimeoutDeny
	}
	a.Message, _ = input["message"].(string)
	a.Editable, _ = input["editable"].(bool)
	if shown, is := input["show"]; is {
		var err error
		if a.Input, err = json.Marshal(shown); err != nil {
			return x.fail(st, v, failf(ordinaut.ReasonInputInvalid, "show is no JSON"))
		}
	}
	event, err := a.Requested()
	if err != nil {
		return x.fail(st, v, failf(ordinaut.ReasonInternal, "its event could not be written"))
	}
	event.RunID, event.At = x.att.RunID, now
	v.result.Tries, v.result.Approval, v.events = 1, &a, []ordinaut.Event{event}
	x.asked.put(&a)
	x.e.log.InfoContext(x.att.ctx, "approval requested", "run_id", a.RunID, "task_id", a.TaskID, "approval_id", a.ID, "expires_at", a.ExpiresAt)
	return x.await(st, v, &a, a.ExpiresAt, now)
}

// await ends the attempt until an approval is decided, at the latest until it expires.
func (x *frame) await(st *step, v verdict, a *ordinaut.Approval, until, now time.Time) verdict {
	msg := fmt.Sprintf("%s waits for a decision: %s", a.ID, a.Message)
	v.result.State, v.result.Reason, v.result.Error, v.result.WakesAt = ordinaut.StepWaiting, ordinaut.ReasonAwaitingApproval, clip(msg), &until
	v.end = &ending{outcome: ordinaut.Outcome{
		State: ordinaut.RunWaiting, Reason: ordinaut.ReasonAwaitingApproval, Error: x.sentence(st, &failure{msg: msg}),
		Delay: min(until.Sub(now), max(x.left(), 0)),
	}}
	return v
}

// answered looks whether what a step has asked is decided. One whose time is over expires in the database,
// which knows whether somebody was faster.
func (x *frame) answered(st *step, v verdict, before *ordinaut.StepResult, now time.Time) verdict {
	v.result.Input, v.result.Tries = before.Input, before.Tries
	a, known := x.asked.get(before.StepID)
	if !known || a.Decision == "" && !now.Before(a.ExpiresAt) {
		if err := x.settleApprovals(); err != nil {
			if x.att.ctx.Err() != nil {
				end, ok := interrupted(x.att, nil)
				v.over = &over{end, ok}
				return v
			}
			x.e.log.ErrorContext(x.att.ctx, "approvals could not be loaded", "run_id", x.att.RunID, "err", err)
			return x.fail(st, v, failf(ordinaut.ReasonInternal, "its approval could not be loaded; the log has the details"))
		}
		a, known = x.asked.get(before.StepID)
	}
	switch {
	case !known || a.Decision == ordinaut.DecisionClosed:
		return x.fail(st, v, &failure{reason: ordinaut.ReasonInternal, msg: "its approval is gone", lasting: true})
	case a.Decision == "":
		until := a.ExpiresAt
		if soonest := now.Add(settleAgain); until.Before(soonest) {
			until = soonest
		}
		return x.await(st, v, &a, until, now)
	case a.Decision == ordinaut.DecisionExpired && a.OnTimeout == ordinaut.OnTimeoutFail:
		return x.fail(st, v, &failure{reason: ordinaut.ReasonStepTimedOut, msg: fmt.Sprintf("nobody decided within %s", st.timeout), lasting: true})
	}
	out, err := json.Marshal(approvalOutput{
		Approved: a.Approved(), Expired: a.Decision == ordinaut.DecisionExpired, By: orNone(a.DecidedBy), Note: a.Note,
		Input: a.Value(), Edited: len(a.Edited) > 0,
	})
	if err == nil {
		err = x.accept(x.att.ctx, st, &v, x.e.actions[st.Uses], result{output: out})
	}
	if err != nil {
		f := *failureOf(x.att.ctx, err, st)
		f.lasting = true // what was decided stands
		return x.fail(st, v, &f)
	}
	return v
}

// approvalOutput is the output of approval.request.
type approvalOutput struct {
	Approved bool            `json:"approved"`
	Expired  bool            `json:"expired"`
	By       *string         `json:"by"`
	Note     string          `json:"note"`
	Input    json.RawMessage `json:"input"`
	Edited   bool            `json:"edited"`
}

func orNone(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// settleApprovals reads what became of the run's approvals, if its steps ask for any.
func (x *execution) settleApprovals() error {
	if !x.prog.asks {
		return nil
	}
	return x.e.patiently(x.att, func() error {
		ctx, cancel := context.WithTimeout(x.att.ctx, programTimeout)
		defer cancel()
		all, err := x.e.cfg.Store.SettleApprovals(ctx, x.att.NamespaceID, x.att.RunID)
		for i := range all {
			x.asked.put(&all[i])
		}
		return err
	})
}
