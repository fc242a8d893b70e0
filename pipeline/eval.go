package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"
)

// evaluator evaluates one expression. The library's own interpreter has no bounds: a hundred bytes
// of expression can fill its memory, or keep it busy for days. Here every node that is evaluated
// and every member that is copied is paid for.
type evaluator struct {
	root  any
	vars  map[string]any
	funcs *library
	zone  *time.Location
	left  *budget
}

// reference is the value of &expression, which only functions take.
type reference = func(any) (any, error)

// eval returns the value of node for the current value v.
func (e *evaluator) eval(node *parsing.ASTNode, v any) (any, error) {
	if err := e.left.spend(1); err != nil {
		return nil, err
	}
	switch node.NodeType {
	case parsing.ASTField:
		m, _ := v.(map[string]any)
		return m[node.Value.(string)], nil
	case parsing.ASTIdentity, parsing.ASTCurrentNode:
		return v, nil
	case parsing.ASTRootNode:
		return e.root, nil
	case parsing.ASTLiteral:
		return node.Value, nil
	case parsing.ASTSubexpression, parsing.ASTIndexExpression, parsing.ASTPipe:
		return e.chain(node, v)
	case parsing.ASTIndex:
		return index(node.Value.(int), v), nil
	case parsing.ASTSlice:
		return e.slice(node.Value.([]*int), v)
	case parsing.ASTProjection, parsing.ASTValueProjection, parsing.ASTFilterProjection:
		return e.project(node, v)
	case parsing.ASTFlatten:
		return e.flatten(node, v)
	case parsing.ASTMultiSelectList, parsing.ASTMultiSelectHash:
		return e.multiSelect(node, v)
	case parsing.ASTKeyValPair:
		return e.eval(&node.Children[0], v)
	case parsing.ASTOrExpression, parsing.ASTAndExpression:
		left, err := e.eval(&node.Children[0], v)
		if err != nil || truthy(left) == (node.NodeType == parsing.ASTOrExpression) {
			return left, err
		}
		return e.eval(&node.Children[1], v)
	case parsing.ASTNotExpression:
		operand, err := e.eval(&node.Children[0], v)
		return !truthy(operand), err
	case parsing.ASTComparator:
		return e.compare(node, v)
	case parsing.ASTArithmeticExpression, parsing.ASTArithmeticUnaryExpression:
		return e.arithmetic(node, v)
	case parsing.ASTFunctionExpression:
		return e.call(node, v)
	case parsing.ASTExpRef:
		vars := e.vars
		return func(v any) (any, error) {
			inner := *e
			inner.vars = vars
			return inner.eval(&node.Children[0], v)
		}, nil
	case parsing.ASTLetExpression:
		return e.let(node, v)
	case parsing.ASTVariable:
		value, ok := e.vars[node.Value.(string)]
		if !ok {
			return nil, fmt.Errorf("has a variable %s that no let binds", clip(node.Value.(string), 40))
		}
		return value, nil
	default:
		return nil, fmt.Errorf("has an element %s where it makes no sense", node.NodeType)
	}
}

// chain hands the value of each part to the next. A null ends a.b and a[0], but not a | b.
func (e *evaluator) chain(node *parsing.ASTNode, v any) (any, error) {
	for i := range node.Children {
		var err error
		if v, err = e.eval(&node.Children[i], v); err != nil {
			return nil, err
		}
		if v == nil && node.NodeType != parsing.ASTPipe {
			return nil, nil
		}
	}
	return v, nil
}

func index(i int, v any) any {
	list, _ := v.([]any)
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}

// slice gives every step-th member from start to stop, of an array or of a text's characters.
func (e *evaluator) slice(parts []*int, v any) (any, error) {
	text, isText := v.(string)
	list, isList := v.([]any)
	if !isText && !isList {
		return nil, nil
	}
	step := 1
	if parts[2] != nil {
		step = *parts[2]
	}
	if step == 0 {
		return nil, errors.New("has a slice with step 0")
	}
	if isList {
		return cut(list, parts, step), e.left.spend(len(list))
	}
	if err := e.left.spend(len(text)); err != nil {
		return nil, err
	}
	return string(cut([]rune(text), parts, step)), nil
}

func cut[T any](list []T, parts []*int, step int) []T {
	low, high := 0, len(list)
	if step < 0 {
		low, high = -1, len(list)-1
	}
	bound := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		i := *p
		if i < 0 {
			i += len(list)
		}
		return min(max(i, low), high)
	}
	start, stop := bound(parts[0], low), bound(parts[1], high)
	if step < 0 {
		start, stop = bound(parts[0], high), bound(parts[1], low)
	}
	out := []T{}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		out = append(out, list[i])
		if step > len(list) || step < -len(list) {
			break // the next i would be beyond the list, or beyond int
		}
	}
	return out
}

// project gives the right-hand side of every member of the left-hand one that is not null and, in a
// filter, meets the condition.
func (e *evaluator) project(node *parsing.ASTNode, v any) (any, error) {
	left, err := e.eval(&node.Children[0], v)
	if err != nil {
		return nil, err
	}
	members, ok := left.([]any)
	if node.NodeType == parsing.ASTValueProjection {
		var m map[string]any
		if m, ok = left.(map[string]any); ok {
			if err := e.left.spend(2 * len(m)); err != nil {
				return nil, err
			}
			members = valuesOf(m)
		}
	}
	if !ok {
		if text, isText := left.(string); isText && isSlice(&node.Children[0]) {
			return text, nil
		}
		return nil, nil
	}
	out := []any{}
	for _, member := range members {
		if node.NodeType == parsing.ASTFilterProjection {
			met, err := e.eval(&node.Children[2], member)
			if err != nil {
				return nil, err
			}
			if !truthy(met) {
				continue
			}
		}
		value, err := e.eval(&node.Children[1], member)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out = append(out, value)
		}
	}
	return out, nil
}

func isSlice(node *parsing.ASTNode) bool {
	return node.NodeType == parsing.ASTIndexExpression && len(node.Children) == 2 && node.Children[1].NodeType == parsing.ASTSlice
}

// valuesOf returns the members of m in the order of their keys, so that a result is always the same.
func valuesOf(m map[string]any) []any {
	out := make([]any, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

func (e *evaluator) flatten(node *parsing.ASTNode, v any) (any, error) {
	left, err := e.eval(&node.Children[0], v)
	if err != nil {
		return nil, err
	}
	list, ok := left.([]any)
	if !ok {
		return nil, nil
	}
	out := []any{}
	for _, member := range list {
		inner, ok := member.([]any)
		if !ok {
			inner = []any{member}
		}
		if err := e.left.spend(1 + len(inner)); err != nil {
			return nil, err
		}
		out = append(out, inner...)
	}
	return out, nil
}

func (e *evaluator) multiSelect(node *parsing.ASTNode, v any) (any, error) {
	list, object := []any{}, map[string]any{}
	for i := range node.Children {
		child := &node.Children[i]
		value, err := e.eval(child, v)
		if err != nil {
			return nil, err
		}
		if node.NodeType == parsing.ASTMultiSelectHash {
			object[child.Value.(string)] = value
		} else {
			list = append(list, value)
		}
	}
	if node.NodeType == parsing.ASTMultiSelectHash {
		return object, nil
	}
	return list, nil
}

func (e *evaluator) let(node *parsing.ASTNode, v any) (any, error) {
	outer := e.vars
	defer func() { e.vars = outer }()
	for i := range node.Children[0].Children {
		binding := &node.Children[0].Children[i]
		if err := e.left.spend(len(e.vars)); err != nil {
			return nil, err
		}
		value, err := e.eval(&binding.Children[1], v)
		if err != nil {
			return nil, err
		}
		inner := map[string]any{binding.Children[0].Value.(string): value}
		for name, bound := range e.vars {
			if _, hidden := inner[name]; !hidden {
				inner[name] = bound
			}
		}
		e.vars = inner
	}
	return e.eval(&node.Children[1], v)
}
