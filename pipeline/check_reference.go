package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// references says what is wrong with the names and functions of an expression in the step that is checked,
// or "". With no known names, any name may begin a path.
func (c *checker) references(x *expression, known []string, guarded bool) string {
	fault := ""
	note := func(f string) {
		if fault == "" && f != "" {
			fault = "the expression " + quoted(x.source) + ": " + f
		}
	}
	v := visitor{
		call: func(function string, arguments int) {
			f, ok := c.funcs.table[function]
			if !ok {
				note(c.funcs.unknown(function).Error())
			} else if err := f.arity(function, arguments); err != nil {
				note(err.Error())
			}
		},
		name: func(root, member string, guarded bool) {
			if known == nil {
				return
			}
			note(rootFault(root, known))
			switch {
			case root == "cursor" && !guarded && c.reach.cursor:
				note("cursor is null until a probe has left one; give a default as ${cursor || 'none'}")
			case member == "":
			case root == "steps":
				note(c.stepFault(member))
			case root == "params" && !guarded:
				note(c.paramFault(member))
			}
		},
	}
	v.visit(&x.root, place{atRoot: true, guarded: guarded})
	return fault
}

// stepFault says why the step that is checked cannot reach steps.name, or "".
func (c *checker) stepFault(name string) string {
	var before []string
	for _, s := range c.before {
		switch name {
		case savedAs(s):
			return ""
		case s.ID:
			return fmt.Sprintf("the output of step %s is saved as steps.%s", name, s.SaveAs)
		}
		before = append(before, savedAs(s))
	}
	depth, saved := c.all[name]
	switch {
	case saved && c.own != nil && savedAs(c.own) == name:
		return fmt.Sprintf("steps.%s is this step's own output, which is not there yet", clip(name, 63))
	case saved && depth > 0:
		return fmt.Sprintf("steps.%s is the output of a step inside another, and not reached from here", clip(name, 63))
	case saved:
		return fmt.Sprintf("steps.%s is the output of a later step; steps run in order", clip(name, 63))
	}
	fault := fmt.Sprintf("no step before this one saves steps.%s", clip(name, 63))
	if near := schemas.Nearest(name, before); near != "" {
		return fault + "; did you mean steps." + near + "?"
	}
	if len(before) == 0 {
		return fault + "; it is the first step"
	}
	return fault + "; known are " + strings.Join(before, ", ")
}

// paramFault says why a run cannot have params.name, or "". A scheduled run has the task's params and
// no others. A manual task may get more from run_now, so only a likely slip is a fault there.
func (c *checker) paramFault(name string) string {
	if _, declared := c.spec.Params[name]; declared || c.anyParams {
		return ""
	}
	fault := fmt.Sprintf("params.%s is not among the task's params", clip(name, 63))
	if near := schemas.Nearest(name, slices.Collect(maps.Keys(c.spec.Params))); near != "" {
		return fault + "; did you mean params." + clip(near, 63) + "?"
	}
	if kind := c.spec.Schedule.Kind; kind == "" || kind == ordinaut.ScheduleManual {
		return ""
	}
	return fault + fmt.Sprintf(" and a scheduled run has no others; add it to params or give a default as ${params.%s || 'none'}", clip(name, 63))
}

// namesInExpect returns the names that begin a path in the action's expect, or nil when the output
// may have any key.
func (c *checker) namesInExpect(a ordinaut.Action) []string {
	var schema struct {
		Properties           map[string]json.RawMessage
		AdditionalProperties json.RawMessage
	}
	if json.Unmarshal(a.OutputSchema, &schema) != nil || string(bytes.TrimSpace(schema.AdditionalProperties)) != "false" {
		return nil
	}
	known := append(slices.Sorted(maps.Keys(schema.Properties)), "output")
	return append(known, c.reach.names()...)
}
