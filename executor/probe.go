package executor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
)

// defaultProbeTimeout bounds a probe that does not say how long it may take.
const defaultProbeTimeout = 30 * time.Second

// compileProbe makes the program of a task's probe: its one step, which is not tried again, for the next
// probe is.
func compileProbe(language *pipeline.Language, spec *ordinaut.TaskSpec, version int) (*program, error) {
	if spec.Schedule.Rules == nil || spec.Schedule.Rules.Condition == nil {
		return nil, errors.New("this version of the task has no condition")
	}
	c := spec.Schedule.Rules.Condition
	location, err := time.LoadLocation(cmp.Or(spec.Schedule.Timezone, "UTC"))
	if err != nil {
		return nil, err
	}
	probe, err := language.CompileProbe(*c)
	if err != nil {
		return nil, err
	}
	texts := []any{c.Probe.With, c.When, c.Cursor}
	tells := func(name string) bool { return mentions(texts, regexp.MustCompile(`\b`+name+`\b`)) }
	s := probe.Steps[0]
	return &program{
		code: probe.Program, probe: probe, title: spec.Title, version: version, params: spec.Params, location: location,
		timeout:  defaultTimeoutSeconds * time.Second,
		tellsRun: tells("run"), tellsTask: tells("task"), tellsCursor: tells("cursor"),
		steps: []step{{
			Step: s, name: s.ID,
			timeout: cmp.Or(time.Duration(s.TimeoutSeconds*float64(time.Second)), defaultProbeTimeout),
		}},
	}, nil
}

// loadCursor lets a probe's expressions reach what the one before has left.
func (x *frame) loadCursor(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, programTimeout)
	defer cancel()
	raw, err := x.e.cfg.Store.GetCursor(ctx, x.att.NamespaceID, x.att.TaskID, x.att.TaskVersion)
	if err != nil || len(raw) == 0 {
		return err
	}
	return json.Unmarshal(raw, &x.scope.Cursor)
}

// found ends a probe whose step has succeeded. What its expressions make of the output goes with the
// outcome; if they fail, so has the probe.
func (x *frame) found(v *verdict) ending {
	end := ending{outcome: x.succeeded(), step: &v.result}
	met, cursor, err := x.prog.probe.Judge(v.value, &x.scope)
	if err != nil {
		end.outcome = endFailed(ordinaut.ReasonTemplateError, clip(messageOf(err))).outcome
		return end
	}
	found := &ordinaut.Verdict{Met: &met, Value: excerpt(&v.result)}
	if cursor != nil {
		if found.Cursor, err = json.Marshal(cursor); err != nil || len(found.Cursor) > ordinaut.MaxCursor {
			f := failf(ordinaut.ReasonTemplateError, "cursor: its value has %d bytes of JSON, at most %d are kept; take less of the output, such as one id", len(found.Cursor), ordinaut.MaxCursor)
			end.outcome = endFailed(f.reason, f.msg).outcome
			return end
		}
	}
	end.verdict = found
	return end
}

// excerpt returns an output whole if it is short, else its beginning as text.
func excerpt(r *ordinaut.StepResult) json.RawMessage {
	if len(r.Output) <= ordinaut.MaxVerdictValue {
		return r.Output
	}
	for limit := ordinaut.MaxVerdictValue; ; limit /= 2 {
		text, _ := json.Marshal(clipTo(string(r.Output), limit)) //nolint:errchkjson // a string
		if len(text) <= ordinaut.MaxVerdictValue {
			return text // a byte may take up to six as text
		}
	}
}

// verdict returns what a probe's ending says of its condition: what it found, or why it failed. One that
// is given back or was canceled says nothing.
func (a *attempt) verdict(e ending) *ordinaut.Verdict {
	if a.Kind != ordinaut.RunProbe || !e.outcome.State.Terminal() || e.outcome.State == ordinaut.RunCanceled {
		return nil
	}
	found := e.verdict
	if found == nil || e.outcome.State != ordinaut.RunSucceeded {
		found = &ordinaut.Verdict{Error: e.outcome.Error}
	}
	found.TaskVersion = a.TaskVersion
	return found
}
