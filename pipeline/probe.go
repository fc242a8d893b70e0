package pipeline

import (
	"encoding/json"
	"strings"

	"github.com/ordinaut/ordinaut"
)

// maxProbeBytes bounds the input of a probe as JSON: schedulers read it at every tick.
const maxProbeBytes = 16 << 10

// ProbeStep is the id of the one step that a probe runs.
const ProbeStep = "probe"

// Where the parts of a condition are in a task.
const (
	atCondition = "/schedule/condition"
	atProbe     = atCondition + "/probe"
)

// Probe is a condition whose expressions are parsed. It is safe for concurrent use.
type Probe struct {
	*Program
	// Steps is the one step.
	Steps        []ordinaut.Step
	when, cursor *expression
}

// CompileProbe parses the expressions of a condition. It returns an invalid_argument [ordinaut.Error] with
// the JSON pointer of the first that is faulty. [Language.Check] finds more.
func (l *Language) CompileProbe(c ordinaut.Condition) (*Probe, error) {
	p, err := l.compileProbe(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (l *Language) compileProbe(c ordinaut.Condition) (*Probe, *ordinaut.Error) {
	s := ordinaut.Step{ID: ProbeStep, Uses: c.Probe.Uses, With: c.Probe.With, TimeoutSeconds: c.Probe.TimeoutSeconds}
	compiled, failed := compileStep(s, atProbe)
	if failed != nil {
		return nil, failed
	}
	compiled.cursor = true
	p := &Probe{Program: &Program{steps: []step{compiled}, funcs: l.funcs}, Steps: []ordinaut.Step{s}}
	var err error
	if p.when, err = parseCondition(c.When); err != nil {
		return nil, ordinaut.Invalid(atCondition+"/when", "%s", err)
	}
	if c.Cursor == "" {
		return p, nil
	}
	if p.cursor, err = parseCondition(c.Cursor); err != nil {
		return nil, ordinaut.Invalid(atCondition+"/cursor", "%s", err)
	}
	return p, nil
}

// Judge evaluates when and cursor over the probe's output. Names are looked up in the output's own keys
// first, then as in every expression; output is the whole. The cursor is nil when the condition keeps
// none. It returns an invalid_argument [ordinaut.Error] when an expression fails.
func (p *Probe) Judge(output any, s *Scope) (met bool, cursor any, err error) {
	v, err := p.over("when", p.when, output, s)
	if err != nil {
		return false, nil, err
	}
	if p.cursor != nil {
		cursor, err = p.over("cursor", p.cursor, output, s)
	}
	return truthy(v), cursor, err
}

// over evaluates one expression with a budget of its own.
func (p *Probe) over(key string, x *expression, output any, s *Scope) (any, error) {
	r, err := p.renderer(0, s)
	if err != nil {
		return nil, err
	}
	r.root = overOutput(r.root, output)
	v, err := x.eval(r)
	if err != nil {
		return nil, ordinaut.Invalid(atCondition+"/"+key, "%s: %s", key, err)
	}
	return v, nil
}

// ProbeFault says why a probe may not do an action with this input, or "". A probe only looks: the action
// must say that it is read-only, and http.request that it gets.
func ProbeFault(a ordinaut.Action, with map[string]any) string {
	switch {
	case a.Name == ordinaut.ApprovalRequest:
		return "approval.request asks a person, and a probe looks by itself; ask in the pipeline that the condition starts"
	case a.Name == "wait.sleep":
		return "wait.sleep looks at nothing; a probe needs an action that reads"
	case a.Name == "http.request":
		if m, given := with["method"]; given && m != "GET" && m != "HEAD" {
			return "a probe only looks, so the method of its http.request is GET or HEAD, written out"
		}
		return ""
	case !a.ReadOnly:
		return clip(a.Name, 200) + " may change something, and a probe only looks; list_actions tells which actions are read_only"
	default:
		return ""
	}
}

// checkProbe is Check for the condition of spec's schedule, if it has one.
func (c *checker) checkProbe() *ordinaut.Error {
	rules := c.spec.Schedule.Rules
	if rules == nil || rules.Condition == nil {
		return nil
	}
	probe, err := c.compileProbe(*rules.Condition)
	if err != nil {
		return err
	}
	if raw, err := json.Marshal(rules.Condition.Probe.With); err != nil || len(raw) > maxProbeBytes {
		return ordinaut.Invalid(atProbe+"/with", "with is %d bytes of JSON, want at most %d", len(raw), maxProbeBytes)
	}
	own := *c
	// It is the first step of a pipeline of its own.
	own.spec.Pipeline, own.all, own.before, own.reach = probe.Steps, map[string]int{ProbeStep: 0}, nil, reach{cursor: true}
	s := &probe.Steps[0]
	if err := own.step(s); err != nil {
		err.Pointer = atProbe + err.Pointer
		err.Msg = "the probe: " + err.Msg
		return err
	}
	action, _ := c.lookup(s.Uses)
	if fault := ProbeFault(action, s.With); fault != "" {
		e := ordinaut.Invalid(atProbe+"/uses", "%s", fault)
		if action.Name == "http.request" {
			e.Pointer, e.Example = atProbe+"/with/method", "GET"
		}
		return e
	}
	known := own.namesInExpect(action)
	own.before = []*ordinaut.Step{s}
	for _, x := range []struct {
		key    string
		parsed *expression
	}{{"when", probe.when}, {"cursor", probe.cursor}} {
		if x.parsed == nil {
			continue
		}
		if fault := own.references(x.parsed, known, true); fault != "" {
			return ordinaut.Invalid(atCondition+"/"+x.key, "%s", strings.Replace(fault, "the expression", x.key+":", 1))
		}
	}
	return nil
}
