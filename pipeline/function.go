package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jmespath-community/go-jmespath/pkg/functions"
	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/ordinaut/ordinaut/schemas"
)

// handler computes a function of arguments whose number and types are checked.
type handler func(e *evaluator, args []any) (any, error)

type function struct {
	args []functions.ArgSpec
	call handler
}

// library is the table of functions. It never changes after newLibrary.
type library struct{ table map[string]function }

// newLibrary takes the functions of JMESPath, replaces those that could panic, change their arguments,
// grow without bound or depend on the order of a map, and adds those that know time.
func newLibrary() *library {
	l := &library{table: map[string]function{}}
	for _, entry := range functions.GetDefaultFunctions() {
		l.table[entry.Name] = function{entry.Arguments, func(_ *evaluator, args []any) (any, error) { return entry.Handler(args) }}
	}
	for name, own := range map[string]handler{
		"contains": contains, "find_first": findFirst, "find_last": findLast, "items": items, "join": join, "keys": keys,
		"map": mapOver, "pad_left": padLeft, "pad_right": padRight, "replace": replace, "sort_by": sortBy, "split": split,
		"to_number": toNumber, "to_string": toString, "trim": trim, "trim_left": trimLeft, "trim_right": trimRight, "values": values, "zip": zip,
	} {
		l.table[name] = function{l.table[name].args, own}
	}
	text := functions.ArgSpec{Types: []functions.JpType{functions.JpString}}
	l.table["duration"] = function{[]functions.ArgSpec{text}, duration}
	l.table["format_time"] = function{[]functions.ArgSpec{text, text}, formatTime}
	l.table["to_zone"] = function{[]functions.ArgSpec{text, text}, toZone}
	return l
}

func (l *library) names() []string { return slices.Sorted(maps.Keys(l.table)) }

// unknown is the error about a function that does not exist.
func (l *library) unknown(name string) error {
	if near := schemas.Nearest(name, l.names()); near != "" {
		return fmt.Errorf("uses %s(), which is no function; did you mean %s()?", clip(name, 40), near)
	}
	return fmt.Errorf("uses %s(), which is no function; known are %s", clip(name, 40), strings.Join(l.names(), " "))
}

// arity returns what is wrong with calling f with n arguments, or nil.
func (f function) arity(name string, n int) error {
	least, most := 0, len(f.args)
	for _, a := range f.args {
		if !a.Optional {
			least++
		}
		if a.Variadic {
			most = -1
		}
	}
	switch {
	case n >= least && (most < 0 || n <= most):
		return nil
	case most < 0:
		return fmt.Errorf("calls %s() with %d arguments, it takes %d or more", name, n, least)
	case least == most:
		return fmt.Errorf("calls %s() with %d arguments, it takes %d", name, n, least)
	default:
		return fmt.Errorf("calls %s() with %d arguments, it takes %d to %d", name, n, least, most)
	}
}

func (e *evaluator) call(node *parsing.ASTNode, v any) (any, error) {
	name := node.Value.(string)
	f, ok := e.funcs.table[name]
	if !ok {
		return nil, e.funcs.unknown(name)
	}
	if err := f.arity(name, len(node.Children)); err != nil {
		return nil, err
	}
	args := make([]any, len(node.Children))
	for i := range node.Children {
		arg, err := e.eval(&node.Children[i], v)
		if err != nil {
			return nil, err
		}
		spec := f.args[min(i, len(f.args)-1)]
		if args[i], err = e.argument(name, i, spec, arg); err != nil {
			return nil, err
		}
	}
	return f.call(e, args)
}

// argument pays for going through arg and checks its type. Numbers arrive as float64.
func (e *evaluator) argument(name string, i int, spec functions.ArgSpec, arg any) (any, error) {
	if err := e.left.spend(breadth(arg)); err != nil {
		return nil, err
	}
	if n, ok := number(arg); ok {
		arg = n
	}
	for _, t := range spec.Types {
		ok := false
		switch t {
		case functions.JpAny:
			ok = true
		case functions.JpArrayArray:
			arg, ok = allOf(arg, func(v any) (any, bool) { _, is := v.([]any); return v, is })
		case functions.JpArrayString:
			arg, ok = allOf(arg, func(v any) (any, bool) { _, is := v.(string); return v, is })
		case functions.JpArrayNumber:
			arg, ok = allOf(arg, func(v any) (any, bool) { n, is := number(v); return n, is })
		case functions.JpExpref:
			_, ok = arg.(reference)
		default:
			ok = typeName(arg) == string(t)
		}
		if ok {
			return arg, nil
		}
	}
	var want []string
	for _, t := range spec.Types {
		want = append(want, typeWords(t))
	}
	return nil, fmt.Errorf("calls %s() with %s as argument %d, it wants %s", name, typeName(arg), i+1, strings.Join(want, " or "))
}

func typeWords(t functions.JpType) string {
	switch t {
	case functions.JpArrayArray:
		return "array of arrays"
	case functions.JpArrayNumber:
		return "array of numbers"
	case functions.JpArrayString:
		return "array of strings"
	case functions.JpExpref:
		return "an expression such as &name"
	default:
		return string(t)
	}
}

// allOf reports whether v is an array whose members are all as is says, and returns it with what is
// makes of them.
func allOf(v any, is func(any) (any, bool)) (any, bool) {
	list, ok := v.([]any)
	if !ok {
		return v, false
	}
	out := list
	for i, member := range list {
		made, ok := is(member)
		if !ok {
			return v, false
		}
		if _, exact := member.(json.Number); exact {
			if &out[0] == &list[0] {
				out = slices.Clone(list)
			}
			out[i] = made
		}
	}
	return out, true
}

// breadth is the work of going through v once, without what lies deeper.
func breadth(v any) int {
	switch v := v.(type) {
	case string:
		return 1 + len(v)/16
	case []any:
		n := 1
		for _, member := range v {
			n++
			if s, ok := member.(string); ok {
				n += len(s) / 16
			}
		}
		return n * (1 + log2(n)) // sorting is the dearest that is done to an array
	case map[string]any:
		return 1 + 2*len(v)
	default:
		return 1
	}
}

func log2(n int) int {
	log := 0
	for ; n > 1; n /= 2 {
		log++
	}
	return log
}

// finish turns the value of a whole expression into what JSON has.
func finish(v any) (any, error) {
	switch v := v.(type) {
	case time.Duration:
		return v.Seconds(), nil
	case reference:
		return nil, fmt.Errorf("gives an expression; & is for arguments of functions")
	default:
		return v, nil
	}
}
