package mcp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// maxProblems is how many faults of one call are told; a model corrects them together.
const maxProblems = 3

// validate checks a call's arguments against the tool's input schema. The error's pointer is that of
// the first fault; its message names the places of the others.
func (d *definition) validate(args map[string]any) error {
	problems, err := d.validator.Validate(d.input, args)
	if err != nil { // the schema is ours and compiled, so it is the value
		return ordinaut.Invalid("", "the arguments cannot be checked: %s", err)
	}
	if len(problems) == 0 {
		return nil
	}
	first := problems[0]
	var msg strings.Builder
	msg.WriteString(first.Msg)
	for _, p := range problems[1:min(len(problems), maxProblems)] {
		p.Pointer = tidy(p.Pointer, maxPointerChars)
		msg.WriteString(". Also " + p.String())
	}
	if more := len(problems) - maxProblems; more > 0 {
		fmt.Fprintf(&msg, ". And %d more", more)
	}
	return &argumentError{
		public:  ordinaut.Invalid(first.Pointer, "%s", msg.String()),
		allowed: d.allowed(first),
	}
}

// allowed returns the values, or the keys, that the schema allows where the problem is.
func (d *definition) allowed(p schemas.Problem) []string {
	at := d.schemaAt(p.At)
	switch p.Keyword {
	case "enum":
		return at.Enum
	case "additionalProperties":
		return slices.Sorted(maps.Keys(at.Properties))
	default:
		return nil
	}
}

// subschema is what allowed needs of a schema.
type subschema struct {
	Enum       []string                   `json:"enum"`
	Properties map[string]json.RawMessage `json:"properties"`
	Items      json.RawMessage            `json:"items"`
}

// schemaAt returns the part of the input schema that the value at pointer must fit, empty where there
// is none.
func (d *definition) schemaAt(pointer string) subschema {
	raw := d.input
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		s := readSubschema(raw)
		if token == "" {
			return s
		}
		if _, err := strconv.Atoi(token); err == nil {
			raw = s.Items
		} else {
			raw = s.Properties[token]
		}
	}
	return readSubschema(raw)
}

func readSubschema(raw json.RawMessage) subschema {
	var s subschema
	if json.Unmarshal(raw, &s) != nil {
		return subschema{} // nothing to allow, or an enum of other things than text
	}
	return s
}
