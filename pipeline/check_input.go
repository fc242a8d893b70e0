package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// input holds the plain parts of with against the input schema of the action. A template stands for
// any value, so a problem that its value could solve is none yet.
func (c *checker) input(s *ordinaut.Step, a ordinaut.Action, with *node) *ordinaut.Error {
	if len(a.InputSchema) == 0 || string(a.InputSchema) == "null" {
		return nil
	}
	value, err := plainJSON(orEmpty(s.With))
	if err != nil {
		return ordinaut.Invalid("/with", "holds a value that is no JSON")
	}
	problems, err := c.validator.Validate(a.InputSchema, value)
	if err != nil {
		return &ordinaut.Error{
			Code: ordinaut.CodeFailedPrecondition, Pointer: "/uses",
			Msg: fmt.Sprintf("the input schema of %s cannot be used: %s", clip(a.Name, 200), clip(err.Error(), 300)),
		}
	}
	t := templates{}
	t.collect(with, "")
	problems = slices.DeleteFunc(problems, t.mayPass)
	if len(problems) == 0 {
		return nil
	}
	e := ordinaut.Invalid("/with"+problems[0].Pointer, "with does not fit %s: %s", clip(a.Name, 200), list(problems))
	e.Example = exampleOf(a)
	return e
}

// plainJSON returns v in the types that encoding/json gives.
func plainJSON(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var plain any
	err = json.Unmarshal(raw, &plain)
	return plain, err
}

// templates holds the JSON pointer of each template, and whether it is one expression and so may give
// any type.
type templates map[string]bool

func (t templates) collect(n *node, at string) {
	if n.template != nil {
		t[at] = n.template.whole() != nil
	}
	for i := range n.members {
		token := strconv.Itoa(i)
		if !n.array {
			token = n.keys[i]
		}
		t.collect(&n.members[i], at+schemas.Pointer(token))
	}
}

// mayPass reports whether the problem may be gone once the templates have their values.
func (t templates) mayPass(p schemas.Problem) bool {
	if whole, is := t[p.At]; is {
		return whole || p.Keyword != "type" || slices.Contains(p.Want, "string")
	}
	if p.Conditional && t.under(p.From) {
		return true
	}
	switch p.Keyword {
	case "type", "required", "additionalProperties", "propertyNames", "minItems", "maxItems", "minProperties", "maxProperties":
		return false // about the object or array itself, whose form is plain
	default:
		return t.under(p.At)
	}
}

// under reports whether there is a template at or below at.
func (t templates) under(at string) bool {
	for pointer := range t {
		if pointer == at || strings.HasPrefix(pointer, at+"/") {
			return true
		}
	}
	return false
}

// exampleOf returns the first example of the action's input schema, or "".
func exampleOf(a ordinaut.Action) string {
	var schema struct{ Examples []json.RawMessage }
	if json.Unmarshal(a.InputSchema, &schema) != nil || len(schema.Examples) == 0 || len(schema.Examples[0]) > 500 {
		return ""
	}
	raw, err := json.Marshal(schema.Examples[0]) // compacts
	if err != nil {
		return ""
	}
	return string(raw)
}
