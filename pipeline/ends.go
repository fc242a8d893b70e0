package pipeline

import (
	"strconv"

	"github.com/ordinaut/ordinaut"
)

// compileEnds parses assert and output.
func compileEnds(e *ordinaut.Ends) (asserts []*expression, output *expression, failed *ordinaut.Error) {
	for i, source := range e.Assert {
		x, err := parseCondition(source)
		if err != nil {
			return nil, nil, ordinaut.Invalid(assertAt(i), "%s", err)
		}
		asserts = append(asserts, x)
	}
	if e.Output != "" {
		x, err := parseCondition(e.Output)
		if err != nil {
			return nil, nil, ordinaut.Invalid("/output", "%s", err)
		}
		output = x
	}
	return asserts, output, nil
}

func assertAt(i int) string { return "/assert/" + strconv.Itoa(i) }

// checkEnds checks what comes after the pipeline, whose steps are known by now.
func (c *checker) checkEnds() *ordinaut.Error {
	asserts, output, err := compileEnds(&c.spec.Ends)
	if err != nil {
		return err
	}
	c.own = nil
	for i, x := range asserts {
		if fault := c.references(x, c.reach.names(), true); fault != "" {
			return ordinaut.Invalid(assertAt(i), "%s", fault)
		}
	}
	if output != nil {
		if fault := c.references(output, c.reach.names(), true); fault != "" {
			return ordinaut.Invalid("/output", "%s", fault)
		}
	}
	c.reach.failure = true
	for _, b := range c.spec.Blocks()[1:] {
		if err := c.block(b.Steps, b.Pointer); err != nil {
			return err
		}
	}
	return nil
}

// Unmet returns the source of the first assertion that is not true, or "".
func (p *Program) Unmet(s *Scope) (string, error) {
	for i, x := range p.assert {
		v, err := p.atEnd(x, assertAt(i), s)
		if err != nil || !truthy(v) {
			return x.source, err
		}
	}
	return "", nil
}

// Output evaluates the expression of the run's output. It reports whether there is one.
func (p *Program) Output(s *Scope) (value any, given bool, err error) {
	if p.output == nil {
		return nil, false, nil
	}
	v, err := p.atEnd(p.output, "/output", s)
	return v, true, err
}

// atEnd evaluates an expression that belongs to no step, with a budget of its own.
func (p *Program) atEnd(x *expression, at string, s *Scope) (any, error) {
	root, err := s.root()
	if err != nil {
		return nil, ordinaut.Invalid("", "now %s", err)
	}
	v, err := x.eval(&renderer{root: root, funcs: p.funcs, zone: s.zone(), left: newBudget()})
	if err != nil {
		return nil, ordinaut.Invalid(at, "%s: %s", at[1:], err)
	}
	return v, nil
}
