package pipeline

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// BuiltIns returns the actions that need no server, sorted by name. Their definitions are the files in
// schemas/actions.
func BuiltIns() []ordinaut.Action {
	names := schemas.ActionNames()
	actions := make([]ordinaut.Action, len(names))
	for i, name := range names {
		raw, _ := schemas.Action(name)
		if err := json.Unmarshal(raw, &actions[i]); err != nil {
			panic("pipeline: definition of " + name + ": " + err.Error()) // embedded, and read by a test
		}
	}
	return actions
}

// ValidateInput returns an invalid_argument [ordinaut.Error] that says what is wrong with input by the
// input schema of a; its pointer starts at the input. An action without a schema takes anything.
// A schema that cannot be used gives failed_precondition.
func (l *Language) ValidateInput(a ordinaut.Action, input map[string]any) error {
	return l.validate(a.InputSchema, orEmpty(input), "input of "+clip(a.Name, 200))
}

// ValidateOutput is ValidateInput for what a gave back.
func (l *Language) ValidateOutput(a ordinaut.Action, output any) error {
	return l.validate(a.OutputSchema, output, "output of "+clip(a.Name, 200))
}

func (l *Language) validate(schema json.RawMessage, value any, what string) error {
	if len(schema) == 0 || string(schema) == "null" {
		return nil
	}
	problems, err := l.validator.Validate(schema, value)
	if err != nil {
		return &ordinaut.Error{Code: ordinaut.CodeFailedPrecondition, Msg: fmt.Sprintf("the %s cannot be checked: %s", what, clip(err.Error(), 300))}
	}
	if len(problems) == 0 {
		return nil
	}
	return &ordinaut.Error{Code: ordinaut.CodeInvalidArgument, Pointer: problems[0].Pointer, Msg: "the " + what + " does not fit its schema: " + list(problems)}
}

// list returns up to five problems as one text.
func list(problems []schemas.Problem) string {
	var all []string
	for i, p := range problems {
		if i == 5 {
			all = append(all, fmt.Sprintf("and %d more", len(problems)-i))
			break
		}
		all = append(all, p.String())
	}
	return strings.Join(all, "; ")
}
