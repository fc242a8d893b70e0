package mcp

import (
	"context"
	"fmt"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/mcp/front"
)

// meterStep is the least by which a meter rises, in percent. The protocol wants each report to exceed
// the one before, also when nothing but the message is new.
const meterStep = 0.01

// meter makes of a run's progress entries reports on a call, in percent of the run.
type meter struct {
	steps   map[string]bool // the ids of the pipeline's own; empty if it is not known
	done    map[string]bool
	percent float64
	seen    int64 // the number of the last entry
}

// newMeter returns a meter for the run. Without its pipeline the meter only counts entries.
func (s *Server) newMeter(ctx context.Context, run ordinaut.Run) *meter {
	m := &meter{steps: make(map[string]bool), done: make(map[string]bool)}
	spec, err := s.cfg.Store.TaskVersion(ctx, run.NamespaceID, run.TaskID, run.TaskVersion)
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "pipeline not read, progress is told without percent", "run_id", run.ID.String(), "err", err)
		return m
	}
	for i := range spec.Pipeline {
		m.steps[spec.Pipeline[i].ID] = true
	}
	return m
}

// report passes entries on to the caller until the run's end, of which it reports whether it came, or
// until the entries or ctx end.
func (m *meter) report(ctx context.Context, entries <-chan ordinaut.Progress) (ended bool) {
	for {
		select {
		case <-ctx.Done():
			return false
		case p, open := <-entries:
			if !open {
				return false
			}
			m.seen = p.Seq
			if p.Type == ordinaut.ProgressFinished {
				return true // the answer follows at once and says more
			}
			front.Progress(ctx, m.advance(p), 100, progressText(p))
		}
	}
}

// advance returns how far the run is after p: more than before, and at most 100.
func (m *meter) advance(p ordinaut.Progress) float64 {
	part := 0.0
	switch {
	case p.Type == ordinaut.ProgressStep:
		if m.steps[p.Step] {
			m.done[p.Step] = true
		}
	case p.Percent != nil && m.steps[p.Step] && !m.done[p.Step]:
		part = min(max(*p.Percent, 0), 100)
	}
	now := 0.0
	if len(m.steps) > 0 {
		now = (100*float64(len(m.done)) + part) / float64(len(m.steps))
	}
	m.percent = min(100, max(m.percent+meterStep, now))
	return m.percent
}

// progressText is a progress entry as a line for a person.
func progressText(p ordinaut.Progress) string {
	var text string
	switch p.Type {
	case ordinaut.ProgressQueued:
		text = "queued"
	case ordinaut.ProgressStarted:
		text = "started"
	case ordinaut.ProgressStep, ordinaut.ProgressStepStarted, ordinaut.ProgressStepWaiting:
		text = p.Step + " " + p.State
	case ordinaut.ProgressWaiting:
		text = "waiting"
	case ordinaut.ProgressRequeued:
		text = "queued again"
	default:
		text = p.Step
	}
	if p.Percent != nil {
		text += fmt.Sprintf(" %.0f%%", *p.Percent)
	}
	if p.Message != "" {
		text += ": " + shorten(p.Message, maxErrorChars)
	}
	return text
}
