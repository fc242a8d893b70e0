package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// Program is a pipeline whose expressions are parsed. It is safe for concurrent use.
type Program struct {
	steps  []step
	funcs  *library
	assert []*expression
	output *expression
}

type step struct {
	id           string
	at           string // its JSON pointer
	with         node
	when, expect *expression
	cases        []*expression // of flow.switch
	// cursor reports whether the step is a probe, whose templates reach the cursor.
	cursor bool
}

// node is a value of with: a plain one, a template, or an object or array that holds templates.
type node struct {
	plain    any
	template *template
	keys     []string
	members  []node // of the object, in the order of keys, or of the array
	array    bool
}

// Compile parses the expressions of a task. The methods of the program know a step by its place in
// [ordinaut.TaskSpec.AllSteps]. It returns an invalid_argument [ordinaut.Error] with the JSON pointer of the
// first that is faulty. [Language.Check] finds more.
func (l *Language) Compile(spec *ordinaut.TaskSpec) (*Program, error) {
	p := &Program{steps: make([]step, 0, len(spec.Pipeline)), funcs: l.funcs}
	var failed *ordinaut.Error
	if p.assert, p.output, failed = compileEnds(&spec.Ends); failed != nil {
		return nil, failed
	}
	for at, s := range spec.AllSteps() {
		compiled, err := compileStep(*s, at)
		if err != nil {
			err.Msg = fmt.Sprintf("step %q: %s", clip(s.ID, 63), err.Msg)
			return nil, err
		}
		p.steps = append(p.steps, compiled)
	}
	return p, nil
}

func compileStep(s ordinaut.Step, at string) (step, *ordinaut.Error) {
	with, failed := compileObject(s.With, at+"/with", 0)
	if failed != nil {
		return step{}, failed
	}
	compiled := step{id: s.ID, at: at, with: with}
	for _, condition := range []struct {
		key, source string
		into        **expression
	}{{"if", s.If, &compiled.when}, {"expect", s.Expect, &compiled.expect}} {
		if condition.source == "" {
			continue
		}
		x, err := parseCondition(condition.source)
		if err != nil {
			return step{}, ordinaut.Invalid(at+"/"+condition.key, "%s", err)
		}
		*condition.into = x
	}
	for i, c := range s.Cases {
		x, err := parseCondition(c.If)
		if err != nil {
			return step{}, ordinaut.Invalid(at+caseIf(i), "%s", err)
		}
		compiled.cases = append(compiled.cases, x)
	}
	return compiled, nil
}

// caseIf is the JSON pointer of a case's expression, from its step.
func caseIf(i int) string { return "/cases/" + strconv.Itoa(i) + "/if" }

func compileNode(v any, at string, depth int) (node, *ordinaut.Error) {
	if depth > maxValueDepth {
		return node{}, ordinaut.Invalid(at, "is nested deeper than %d levels", maxValueDepth)
	}
	switch v := v.(type) {
	case string:
		t, err := parseTemplate(v)
		if err != nil {
			return node{}, ordinaut.Invalid(at, "%s", err)
		}
		return node{plain: v, template: t}, nil
	case map[string]any:
		return compileObject(v, at, depth)
	case []any:
		n := node{plain: v, array: true}
		live := false
		for i, member := range v {
			m, err := compileNode(member, at+"/"+strconv.Itoa(i), depth+1)
			if err != nil {
				return node{}, err
			}
			n.members = append(n.members, m)
			live = live || m.live()
		}
		if !live {
			n.members = nil
		}
		return n, nil
	default:
		return node{plain: v}, nil
	}
}

func compileObject(v map[string]any, at string, depth int) (node, *ordinaut.Error) {
	n := node{plain: v}
	live := false
	for _, key := range slices.Sorted(maps.Keys(v)) {
		m, err := compileNode(v[key], at+schemas.Pointer(key), depth+1)
		if err != nil {
			return node{}, err
		}
		n.keys = append(n.keys, key)
		n.members = append(n.members, m)
		live = live || m.live()
	}
	if !live {
		n.keys, n.members = nil, nil
	}
	return n, nil
}

// live reports whether the node holds a template.
func (n *node) live() bool { return n.template != nil || len(n.members) > 0 }

// renderer is what one rendering shares.
type renderer struct {
	root  map[string]any
	funcs *library
	zone  *time.Location
	left  *budget
}

func (p *Program) renderer(i int, s *Scope) (*renderer, error) {
	root, err := s.root()
	if err != nil {
		return nil, ordinaut.Invalid("", "now %s", err)
	}
	if p.steps[i].cursor {
		root["cursor"] = s.Cursor
	}
	return &renderer{root: root, funcs: p.funcs, zone: s.zone(), left: newBudget()}, nil
}

// Render returns the input of step i. It returns an invalid_argument [ordinaut.Error] that names the
// place and the expression when a value is missing or an expression fails, and when the input would
// be larger than 1 MiB.
func (p *Program) Render(i int, s *Scope) (map[string]any, error) {
	r, err := p.renderer(i, s)
	if err != nil {
		return nil, err
	}
	st := &p.steps[i]
	if !st.with.live() {
		with, _ := st.with.plain.(map[string]any)
		return maps.Clone(orEmpty(with)), nil
	}
	v, failed := r.render(&st.with, "/with")
	if failed != nil {
		failed.Msg = fmt.Sprintf("step %q, %s: %s", st.id, failed.Pointer[1:], failed.Msg)
		failed.Pointer = st.at + failed.Pointer
		return nil, failed
	}
	return v.(map[string]any), nil
}

func (r *renderer) render(n *node, at string) (any, *ordinaut.Error) {
	switch {
	case n.template != nil:
		v, err := n.template.render(r)
		if err != nil {
			return nil, &ordinaut.Error{Code: ordinaut.CodeInvalidArgument, Msg: err.Error(), Pointer: at}
		}
		return v, nil
	case len(n.members) == 0:
		return n.plain, nil
	case n.array:
		out := make([]any, len(n.members))
		for i := range n.members {
			v, err := r.render(&n.members[i], at+"/"+strconv.Itoa(i))
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	default:
		out := make(map[string]any, len(n.members))
		for i, key := range n.keys {
			v, err := r.render(&n.members[i], at+schemas.Pointer(key))
			if err != nil {
				return nil, err
			}
			out[key] = v
		}
		return out, nil
	}
}

// why says what of the path that x is leads nowhere, if that can be told.
func (r *renderer) why(x *expression) string {
	path := pathOf(&x.root)
	var v any = r.root
	for i, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Sprintf(": %s is %s", clip(strings.Join(path[:i], "."), 80), typeName(v))
		}
		if v, ok = m[name]; ok {
			continue
		}
		if near := schemas.Nearest(name, slices.Collect(maps.Keys(m))); near != "" {
			like := append(slices.Clone(path[:i]), near)
			return fmt.Sprintf(": there is no %s, did you mean %s?", clip(strings.Join(path[:i+1], "."), 80), clip(strings.Join(like, "."), 80))
		}
		return fmt.Sprintf(": there is no %s", clip(strings.Join(path[:i+1], "."), 80))
	}
	return ""
}

// If reports whether step i is to be run: a step without a condition always is.
func (p *Program) If(i int, s *Scope) (bool, error) {
	when := p.steps[i].when
	if when == nil {
		return true, nil
	}
	r, err := p.renderer(i, s)
	if err != nil {
		return false, err
	}
	return p.condition(i, "if", when, r)
}

// Case returns which case of step i applies, counted from 0, or -1 when none does.
func (p *Program) Case(i int, s *Scope) (int, error) {
	r, err := p.renderer(i, s)
	if err != nil {
		return -1, err
	}
	for n, x := range p.steps[i].cases {
		if met, err := p.condition(i, caseIf(n)[1:], x, r); err != nil || met {
			return n, err
		}
	}
	return -1, nil
}

// Expect reports whether output meets the expectation of step i: it does when there is none. Names
// are looked up in the output's own keys first, then as in every expression; output is the whole.
func (p *Program) Expect(i int, output any, s *Scope) (bool, error) {
	expect := p.steps[i].expect
	if expect == nil {
		return true, nil
	}
	r, err := p.renderer(i, s)
	if err != nil {
		return false, err
	}
	r.root = overOutput(r.root, output)
	return p.condition(i, "expect", expect, r)
}

func (p *Program) condition(i int, key string, x *expression, r *renderer) (bool, error) {
	v, err := x.eval(r)
	if err != nil {
		return false, ordinaut.Invalid(p.steps[i].at+"/"+key, "step %q, %s: %s", p.steps[i].id, key, err)
	}
	return truthy(v), nil
}
