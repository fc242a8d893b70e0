package mcp

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut"
)

const (
	defaultOutputChars = 4000
	latestProgress     = 10
)

// getRunArgs is the input of get_run.
type getRunArgs struct {
	RunID          string `json:"run_id"`
	Detail         string `json:"detail,omitempty"`
	MaxOutputChars int    `json:"max_output_chars,omitempty"`
}

// getRunAnswer is the output of get_run.
type getRunAnswer struct {
	Run      runView        `json:"run"`
	Progress []progressView `json:"progress,omitempty"`
	Next     string         `json:"next"`
}

// progressView is an entry of a run's progress.
type progressView struct {
	Seq     int64    `json:"seq"`
	Type    string   `json:"type"`
	At      string   `json:"at"`
	State   string   `json:"state,omitempty"`
	Step    string   `json:"step,omitempty"`
	Percent *float64 `json:"percent,omitempty"`
	Message string   `json:"message,omitempty"`
}

func (a getRunAnswer) text() string {
	var b strings.Builder
	b.WriteString(a.Run.line())
	if n := len(a.Progress); n > 0 && a.Run.FinishedAt == "" {
		p := a.Progress[n-1]
		fmt.Fprintf(&b, "\nlatest progress (%d): %s %s %s %s", p.Seq, p.At, p.Type, p.Step, p.Message)
	}
	return b.String() + "\n" + a.Next
}

func (s *Server) getRun(ctx context.Context, c *call, in getRunArgs) (getRunAnswer, error) {
	id, err := runID(in.RunID)
	if err != nil {
		return getRunAnswer{}, err
	}
	run, err := s.cfg.Store.GetRun(ctx, c.agent.NamespaceID, id)
	if err != nil {
		return getRunAnswer{}, err
	}
	steps, err := s.cfg.Store.ListSteps(ctx, c.agent.NamespaceID, id)
	if err != nil {
		return getRunAnswer{}, err
	}
	answer := getRunAnswer{Run: viewRun(run, steps, s.now()), Next: nextForRun(run)}
	if run.State == ordinaut.RunWaiting {
		if answer.Next, err = s.nextForWaiting(ctx, run); err != nil {
			return getRunAnswer{}, err
		}
	}
	if in.Detail != detailFull {
		return answer, nil
	}
	answer.Run.addValues(run, steps, true, cmp.Or(in.MaxOutputChars, defaultOutputChars))
	entries, err := s.cfg.Store.ListProgress(ctx, c.agent.NamespaceID, id, max(0, run.Seq-latestProgress))
	for _, p := range entries {
		answer.Progress = append(answer.Progress, progressView{
			Seq: p.Seq, Type: string(p.Type), At: stamp(p.At), State: p.State, Step: p.Step,
			Percent: p.Percent, Message: shorten(p.Message, maxErrorChars),
		})
	}
	return answer, err
}

// nextForWaiting is nextForRun for one that may wait for people: it says how they answer.
func (s *Server) nextForWaiting(ctx context.Context, run ordinaut.Run) (string, error) {
	asked, err := s.cfg.Store.RunApprovals(ctx, run.NamespaceID, run.ID)
	if err != nil {
		return "", err
	}
	open := slices.DeleteFunc(asked, func(a ordinaut.Approval) bool { return a.Decision != "" })
	if len(open) == 0 {
		return nextForRun(run), nil
	}
	next := "It is awaiting approval: decide_approval " + compact(map[string]string{"approval_id": open[0].ID.String(), "decision": "approve"}) +
		", or deny, lets it go on; list_approvals shows what exactly is asked"
	if n := len(open) - 1; n > 0 {
		next += fmt.Sprintf(", %d more included", n)
	}
	return next + ".", nil
}

// addValues adds outputs, and inputs and params if asked, cut to limit bytes in all.
func (v *runView) addValues(run ordinaut.Run, steps []ordinaut.StepResult, inputs bool, limit int) {
	var slots []slot
	add := func(to *json.RawMessage, value json.RawMessage, cut *int) {
		if len(value) > 0 && string(value) != "null" {
			*to = value
			slots = append(slots, slot{to, cut})
		}
	}
	if inputs {
		add(&v.Params, run.Params, &v.CutBytes)
	}
	add(&v.Output, run.Output, &v.CutBytes)
	for i, step := range steps {
		to := &v.Steps[i]
		if inputs {
			add(&to.Input, step.Input, &to.CutBytes)
		}
		add(&to.Output, step.Output, &to.CutBytes)
		to.CutBytes += max(0, step.OutputBytes-len(step.Output)) // what was not even kept
	}
	fit(slots, limit)
}
