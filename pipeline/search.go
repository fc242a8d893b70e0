package pipeline

import (
	"errors"
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Expression is a parsed expression over one value, such as an event. It is safe for concurrent use.
type Expression struct {
	parsed *expression
	funcs  *library
}

// Parse parses source, an expression over an object whose keys are known; nil knows any. It returns an
// invalid_argument [ordinaut.Error] without a pointer for one that is faulty, that begins a path with another
// name, or that calls a function as it cannot be called.
func (l *Language) Parse(source string, known []string) (*Expression, error) {
	x, err := parseCondition(source)
	if err != nil {
		return nil, ordinaut.Invalid("", "%s", err)
	}
	c := checker{Language: l}
	if fault := c.references(x, known, true); fault != "" {
		return nil, ordinaut.Invalid("", "%s", fault)
	}
	return &Expression{parsed: x, funcs: l.funcs}, nil
}

// Search returns the expression's value over input alone; @ is the whole of it. It returns an
// error when it fails or its value is too large.
func (e *Expression) Search(input any) (any, error) {
	left := newBudget()
	run := evaluator{root: input, funcs: e.funcs, zone: time.UTC, left: left}
	v, err := run.eval(&e.parsed.root, input)
	if err == nil {
		v, err = finish(v)
	}
	if err == nil {
		err = check(v, 0, left)
	}
	if err != nil {
		return nil, fmt.Errorf("the expression %s %w", quoted(e.parsed.source), err)
	}
	return v, nil
}

// Truthy reports whether a value of an expression counts as true: all do but null, false, and what is empty.
func Truthy(value any) bool { return truthy(value) }

// Search evaluates the expression of data.transform over input alone; @ is the whole of it. It
// returns an invalid_argument [ordinaut.Error] when the expression is faulty or its result too large.
func (l *Language) Search(source string, input any) (any, error) {
	x, err := parseExpression(source)
	if err != nil {
		return nil, ordinaut.Invalid("/expression", "%s", err)
	}
	v, err := (&Expression{parsed: x, funcs: l.funcs}).Search(input)
	if err != nil {
		return nil, ordinaut.Invalid("/expression", "%s", err)
	}
	return v, nil
}

// eventNames are the names that filter and dedupe_by of an event schedule reach.
var eventNames = []string{"topic", "payload", "at", "id", "source"} //nolint:gochecknoglobals // constant table

// Filter parses a filter or dedupe_by of an event schedule, as [Language.Parse] does.
func (l *Language) Filter(source string) (*Expression, error) { return l.Parse(source, eventNames) }

// checkTrigger returns an invalid_argument [ordinaut.Error] with the JSON pointer of an expression of an event
// schedule that is faulty.
func (l *Language) checkTrigger(s ordinaut.Schedule) error {
	if s.Rules == nil || s.Rules.Event == nil {
		return nil
	}
	for _, part := range []struct{ key, source, example string }{
		{"filter", s.Rules.Event.Filter, "payload.amount > `100`"},
		{"dedupe_by", s.Rules.Event.DedupeBy, "payload.order_id"},
	} {
		if part.source == "" {
			continue
		}
		_, err := l.Filter(part.source)
		if public, ok := errors.AsType[*ordinaut.Error](err); ok {
			public.Pointer, public.Example = "/schedule/event/"+part.key, part.example
			return public
		}
	}
	return nil
}
