package schemas

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Problem is one thing that is wrong with a value.
type Problem struct {
	// Pointer is the JSON pointer of the faulty, missing or unknown member; "" is the value itself.
	Pointer string
	// At is the JSON pointer of the value that Keyword applies to: for a missing or unknown member
	// the object that lacks or has it, else the same as Pointer.
	At string
	// Keyword is the schema's keyword that is not met, such as type or required.
	Keyword string
	// Msg says what is wrong and what is allowed.
	Msg string
	// Want holds the types that would do, when Keyword is type.
	Want []string
	// Conditional tells that the keyword applies, or this form of several was taken, only because of
	// what the value at From holds.
	Conditional bool
	From        string
}

// String returns pointer and message as one line.
func (p Problem) String() string {
	if p.Pointer == "" {
		return p.Msg
	}
	return p.Pointer + ": " + p.Msg
}

// Pointer returns the JSON pointer of the path tokens.
func Pointer(tokens ...string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(t, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

func (c *compiled) problems(e *jsonschema.ValidationError) []Problem {
	found := c.flatten(e)
	slices.SortStableFunc(found, func(a, b Problem) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return slices.CompactFunc(found, func(a, b Problem) bool { return a.Pointer == b.Pointer && a.Msg == b.Msg })
}

func (c *compiled) flatten(e *jsonschema.ValidationError) []Problem {
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf:
		return c.choose(e)
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return c.choose(e)
		}
	case *kind.PropertyNames:
		p := c.problem(e, "propertyNames", "the name of the key is not allowed"+hint(c.causeSchema(e)))
		p.Pointer = Pointer(append(slices.Clone(e.InstanceLocation), k.Property)...)
		return []Problem{p}
	case *kind.Required:
		return c.missing(e, k.Missing)
	case *kind.AdditionalProperties:
		return c.unknown(e, k.Properties)
	}
	if len(e.Causes) == 0 {
		return []Problem{c.leaf(e)}
	}
	var all []Problem
	for _, cause := range e.Causes {
		all = append(all, c.flatten(cause)...)
	}
	return all
}

func (c *compiled) missing(e *jsonschema.ValidationError, keys []string) []Problem {
	var all []Problem
	for _, key := range keys {
		p := c.problem(e, "required", "is missing")
		if s := c.byLocation[e.SchemaURL]; s != nil && s.Properties[key] != nil {
			p.Msg += hint(s.Properties[key])
		}
		p.Pointer = Pointer(append(slices.Clone(e.InstanceLocation), key)...)
		all = append(all, p)
	}
	return all
}

func (c *compiled) unknown(e *jsonschema.ValidationError, keys []string) []Problem {
	var known []string
	if s := c.byLocation[e.SchemaURL]; s != nil {
		known = slices.Sorted(maps.Keys(s.Properties))
	}
	var all []Problem
	for _, key := range keys {
		p := c.problem(e, "additionalProperties", "is not a known key"+suggest(key, known))
		p.Pointer = Pointer(append(slices.Clone(e.InstanceLocation), key)...)
		all = append(all, p)
	}
	return all
}

// choose makes one report of the branches of an anyOf or oneOf, none of which fits: of the one
// that has the right type if there is just one, else of the types that would do.
func (c *compiled) choose(e *jsonschema.ValidationError) []Problem {
	var near [][]Problem
	var want []string
	got := ""
	for _, cause := range e.Causes {
		branch := c.flatten(cause)
		if len(branch) == 1 && branch[0].Keyword == "type" && len(branch[0].At) <= len(Pointer(e.InstanceLocation...)) {
			want = append(want, branch[0].Want...)
			if t, ok := leafKind(cause).(*kind.Type); ok {
				got = t.Got
			}
			continue
		}
		near = append(near, branch)
	}
	keyword := strings.Join(e.ErrorKind.KeywordPath(), "/")
	if len(near) == 0 {
		slices.Sort(want)
		want = slices.Compact(want)
		p := c.problem(e, "type", fmt.Sprintf("got %s, want %s", got, strings.Join(want, " or ")))
		p.Want = want
		return []Problem{p}
	}
	if len(near) == 1 {
		for i := range near[0] {
			near[0][i].Conditional, near[0][i].From = true, Pointer(e.InstanceLocation...)
		}
		return near[0]
	}
	var ways []string
	for _, branch := range near {
		if len(branch) > 0 && len(ways) < 3 {
			ways = append(ways, branch[0].String())
		}
	}
	return []Problem{c.problem(e, keyword, "fits none of the allowed forms ("+strings.Join(ways, "; or ")+")")}
}

// leafKind follows references down to what failed.
func leafKind(e *jsonschema.ValidationError) jsonschema.ErrorKind {
	for len(e.Causes) == 1 {
		e = e.Causes[0]
	}
	return e.ErrorKind
}

func (c *compiled) causeSchema(e *jsonschema.ValidationError) *jsonschema.Schema {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	return c.byLocation[e.SchemaURL]
}

func (c *compiled) problem(e *jsonschema.ValidationError, keyword, msg string) Problem {
	at := Pointer(e.InstanceLocation...)
	return Problem{Pointer: at, At: at, Keyword: keyword, Msg: msg, Conditional: conditional(e.SchemaURL)}
}

// conditional reports whether the schema at location is applied depending on other values.
func conditional(location string) bool {
	_, fragment, _ := strings.Cut(location, "#")
	for token := range strings.SplitSeq(fragment, "/") {
		switch token {
		case "then", "else", "anyOf", "oneOf", "not":
			return true
		}
	}
	return false
}

func (c *compiled) leaf(e *jsonschema.ValidationError) Problem {
	s := c.byLocation[e.SchemaURL]
	p := c.problem(e, strings.Join(e.ErrorKind.KeywordPath(), "/"), "")
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		p.Want = k.Want
		p.Msg = fmt.Sprintf("got %s, want %s", k.Got, strings.Join(k.Want, " or ")) + hint(s)
	case *kind.Enum:
		p.Msg = "got " + shown(k.Got) + ", want " + oneOf(k.Want)
		if got, ok := k.Got.(string); ok {
			p.Msg += suggestOnly(got, k.Want)
		}
	case *kind.Const:
		p.Msg = "got " + shown(k.Got) + ", want " + shown(k.Want)
	case *kind.Minimum:
		p.Msg = "got " + number(k.Got) + ", want at least " + number(k.Want)
	case *kind.Maximum:
		p.Msg = "got " + number(k.Got) + ", want at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		p.Msg = "got " + number(k.Got) + ", want more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		p.Msg = "got " + number(k.Got) + ", want less than " + number(k.Want)
	case *kind.MultipleOf:
		p.Msg = "got " + number(k.Got) + ", want a multiple of " + number(k.Want)
	case *kind.MinLength:
		p.Msg = fmt.Sprintf("is %s long, want at least %d", count(k.Got, "character"), k.Want)
	case *kind.MaxLength:
		p.Msg = fmt.Sprintf("is %s long, want at most %d", count(k.Got, "character"), k.Want)
	case *kind.MinItems:
		p.Msg = fmt.Sprintf("has %s, want at least %d", count(k.Got, "item"), k.Want)
	case *kind.MaxItems:
		p.Msg = fmt.Sprintf("has %s, want at most %d", count(k.Got, "item"), k.Want)
	case *kind.MinProperties:
		p.Msg = fmt.Sprintf("has %s, want at least %d", count(k.Got, "key"), k.Want) + keysOf(s)
	case *kind.MaxProperties:
		p.Msg = fmt.Sprintf("has %s, want at most %d", count(k.Got, "key"), k.Want) + keysOf(s)
	case *kind.UniqueItems:
		p.Msg = fmt.Sprintf("items %d and %d are equal, want each once", k.Duplicates[0], k.Duplicates[1])
	case *kind.Pattern:
		p.Msg = "got " + shown(k.Got) + ", want text that matches " + clip(k.Want, 200) + hint(s)
	case *kind.OneOf:
		p.Msg = "fits more than one of the allowed forms, want just one"
	case *kind.Not:
		p.Msg = "has a form that is not allowed" + hint(s)
	case *kind.FalseSchema:
		p.Msg = "is not allowed here together with what else is given"
	case *kind.DependentRequired:
		p.Msg = fmt.Sprintf("with %s also needs %s", clip(k.Prop, 60), clip(strings.Join(k.Missing, ", "), 200))
	case *kind.Contains, *kind.MinContains:
		p.Msg = "lacks an item of the required form"
	case *kind.InvalidJsonValue:
		p.Msg = "is not a JSON value"
	default:
		p.Msg = "does not meet " + cmp.Or(p.Keyword, "its schema")
	}
	return p
}
