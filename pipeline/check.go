package pipeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// Bounds of one pipeline. The schema holds the rest.
const (
	maxSteps         = 50
	maxPipelineBytes = 256 << 10 // of pipeline and params as JSON
)

// Check says what is wrong with the pipeline and the params of spec before anything runs: the form of
// the steps, names used twice, unknown actions, faulty expressions, references to steps that do not
// come before and to params that no run can have, and the plain parts of with that do not fit the
// action's input schema. What a template gives is checked when it is rendered.
//
// It returns an invalid_argument [ordinaut.Error] about the first fault, with its JSON pointer and,
// where there is one, a corrected example. lookup finds an action by name, and names are those that
// may be suggested.
func (l *Language) Check(spec ordinaut.TaskSpec, lookup func(name string) (ordinaut.Action, bool), names []string) error {
	if err := l.checkForm(spec); err != nil {
		return err
	}
	if err := checkNames(&spec); err != nil {
		return err
	}
	c := checker{Language: l, spec: spec, lookup: lookup, names: names, all: map[string]int{}}
	for at, s := range spec.AllSteps() {
		c.all[savedAs(s)] = nesting(at)
	}
	if err := c.block(spec.Pipeline, "/pipeline"); err != nil {
		return err
	}
	if err := c.checkEnds(); err != nil {
		return err
	}
	if err := c.checkProbe(); err != nil {
		return err
	}
	return l.checkTrigger(spec.Schedule)
}

// CheckSchedule is [Language.Check] for what a schedule holds of the pipeline's language, before there is a
// pipeline: the probe of a condition and the expressions of an event. Params are not known yet, so each
// that is referred to is taken to be there.
func (l *Language) CheckSchedule(s ordinaut.Schedule, lookup func(name string) (ordinaut.Action, bool), names []string) error {
	c := checker{Language: l, spec: ordinaut.TaskSpec{Schedule: s}, lookup: lookup, names: names, anyParams: true}
	if err := c.checkProbe(); err != nil {
		return err
	}
	return l.checkTrigger(s)
}

// savedAs returns the name of the step's output under steps.
func savedAs(s *ordinaut.Step) string { return cmp.Or(s.SaveAs, s.ID) }

// checkForm holds the steps and the params against pipeline.json.
func (l *Language) checkForm(spec ordinaut.TaskSpec) error {
	if n := len(spec.Pipeline); n == 0 || n > maxSteps {
		return ordinaut.Invalid("/pipeline", "has %d steps, want 1 to %d", n, maxSteps)
	}
	raw, err := json.Marshal(struct {
		Pipeline []ordinaut.Step `json:"pipeline"`
		Params   map[string]any  `json:"params"`
		ordinaut.Ends
	}{spec.Pipeline, orEmpty(spec.Params), spec.Ends})
	if err != nil {
		return ordinaut.Invalid("/pipeline", "holds a value that is no JSON")
	}
	if len(raw) > maxPipelineBytes {
		return ordinaut.Invalid("/pipeline", "pipeline and params are %d bytes of JSON, want at most %d", len(raw), maxPipelineBytes)
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return ordinaut.Invalid("/pipeline", "is nested too deep")
	}
	problems, err := l.validator.Validate(schemas.Pipeline(), doc)
	if err != nil {
		return ordinaut.Invalid("/pipeline", "%s", err)
	}
	if len(problems) > 0 {
		return ordinaut.Invalid(problems[0].Pointer, "%s", problems[0].Msg)
	}
	return nil
}

// checkNames holds that each id and each name under steps is used once, that there are not too many steps,
// and that they are not nested too deep.
func checkNames(spec *ordinaut.TaskSpec) error {
	ids, saved, total := map[string]bool{}, map[string]string{}, 0
	for at, s := range spec.AllSteps() {
		total++
		switch other, taken := saved[savedAs(s)]; {
		case total > maxAllSteps:
			return ordinaut.Invalid("/pipeline", "has more than %d steps in all", maxAllSteps)
		case nesting(at) > maxStepNesting:
			return ordinaut.Invalid(at, "step %q: steps are nested deeper than %d levels", s.ID, maxStepNesting)
		case ids[s.ID]:
			return ordinaut.Invalid(at+"/id", "step %q: another step has this id too; ids are unique in the whole pipeline", s.ID)
		case taken:
			key := "/save_as"
			if s.SaveAs == "" {
				key = "/id"
			}
			return ordinaut.Invalid(at+key, "step %q: its output would be steps.%s, as that of step %q is; give it another save_as", s.ID, savedAs(s), other)
		}
		ids[s.ID], saved[savedAs(s)] = true, s.ID
	}
	return nil
}

// nesting counts the steps that the one at a pointer lies within.
func nesting(at string) int {
	depth := -1
	for token := range strings.SplitSeq(at, "/") {
		if _, err := strconv.Atoi(token); err == nil {
			depth++
		}
	}
	return depth - strings.Count(at, "/cases/")
}

type checker struct {
	*Language
	spec   ordinaut.TaskSpec
	lookup func(name string) (ordinaut.Action, bool)
	names  []string
	// all holds the names under which any step saves, each with how deep it lies.
	all map[string]int
	// before are the steps whose outputs the one that is checked reaches, own is itself.
	before []*ordinaut.Step
	own    *ordinaut.Step
	reach  reach
	// anyParams says that the params are not known yet.
	anyParams bool
}

// block checks the steps of a list. What they save is reached by those after them.
func (c *checker) block(steps []ordinaut.Step, at string) *ordinaut.Error {
	for i := range steps {
		s, here := &steps[i], at+"/"+strconv.Itoa(i)
		if err := c.step(s); err != nil {
			err.Pointer = here + err.Pointer
			err.Msg = fmt.Sprintf("step %q: %s", s.ID, err.Msg)
			return err
		}
		inner := slices.Clone(c.before)
		for _, b := range s.Blocks() {
			own := *c
			own.reach = c.reach.within(b)
			if err := own.block(b.Steps, here+b.Pointer); err != nil {
				return err
			}
			if b.Kind != "steps" { // those of flow.foreach have an output an item
				inner = append(inner, own.before[len(c.before):]...)
			}
		}
		inner = append(inner, s)
		c.before = inner
	}
	return nil
}

// step checks one step without those in it. The pointer of its error starts at the step.
func (c *checker) step(s *ordinaut.Step) *ordinaut.Error {
	c.own = s
	action, found := c.lookup(s.Uses)
	if !found {
		return c.unknownAction(s)
	}
	if err := checkHolds(s); err != nil {
		return err
	}
	compiled, err := compileStep(*s, "")
	if err != nil {
		return err
	}
	if err := templateInKey(s.With, "/with"); err != nil {
		return err
	}
	if err := c.node(&compiled.with, "/with"); err != nil {
		return err
	}
	if compiled.when != nil {
		if fault := c.references(compiled.when, c.reach.names(), true); fault != "" {
			return ordinaut.Invalid("/if", "%s", fault)
		}
	}
	for i, x := range compiled.cases {
		if fault := c.references(x, c.reach.names(), true); fault != "" {
			return ordinaut.Invalid(caseIf(i), "%s", fault)
		}
	}
	if compiled.expect != nil {
		if fault := c.references(compiled.expect, c.namesInExpect(action), true); fault != "" {
			return ordinaut.Invalid("/expect", "%s", fault)
		}
	}
	if err := c.transform(s); err != nil {
		return err
	}
	return c.input(s, action, &compiled.with)
}

func (c *checker) unknownAction(s *ordinaut.Step) *ordinaut.Error {
	e := ordinaut.Invalid("/uses", "there is no action %s", clip(s.Uses, 80))
	if near := schemas.Nearest(s.Uses, c.names); near != "" {
		e.Msg += "; did you mean " + near + "?"
		e.Example = near
		return e
	}
	known := slices.Sorted(slices.Values(c.names))
	more := ""
	if len(known) > 20 {
		known, more = known[:20], fmt.Sprintf(" and %d more", len(known)-20)
	}
	e.Msg += "; known are " + strings.Join(known, ", ") + more
	return e
}

// node checks the references of the templates in a part of with.
func (c *checker) node(n *node, at string) *ordinaut.Error {
	if n.template != nil {
		for _, p := range n.template.parts {
			if p.expr == nil {
				continue
			}
			if fault := c.references(p.expr, c.reach.names(), false); fault != "" {
				return ordinaut.Invalid(at, "%s", fault)
			}
		}
	}
	for k := range n.members {
		token := strconv.Itoa(k)
		if !n.array {
			token = n.keys[k]
		}
		if err := c.node(&n.members[k], at+schemas.Pointer(token)); err != nil {
			return err
		}
	}
	return nil
}

// templateInKey finds a key that its writer took for a template.
func templateInKey(v any, at string) *ordinaut.Error {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner := at + schemas.Pointer(key)
			if strings.Contains(key, "${") {
				return ordinaut.Invalid(inner, "a key is never rendered; ${…} has a meaning in values only")
			}
			if err := templateInKey(v[key], inner); err != nil {
				return err
			}
		}
	case []any:
		for i, member := range v {
			if err := templateInKey(member, at+"/"+strconv.Itoa(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// transform checks the expression of data.transform, which is no template.
func (c *checker) transform(s *ordinaut.Step) *ordinaut.Error {
	source, _ := s.With["expression"].(string)
	if s.Uses != "data.transform" || source == "" || strings.Contains(source, "${") {
		return nil
	}
	x, err := parseExpression(source)
	if err != nil {
		return ordinaut.Invalid("/with/expression", "%s", err)
	}
	if fault := c.references(x, nil, true); fault != "" {
		return ordinaut.Invalid("/with/expression", "%s", fault)
	}
	return nil
}
