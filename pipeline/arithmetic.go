package pipeline

import (
	"fmt"
	"math"
	"time"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"
)

func (e *evaluator) both(node *parsing.ASTNode, v any) (left, right any, err error) {
	if left, err = e.eval(&node.Children[0], v); err != nil {
		return nil, nil, err
	}
	right, err = e.eval(&node.Children[1], v)
	return left, right, err
}

// compare gives null, as JMESPath does, where there is no order: only numbers have one, and texts of
// instants.
func (e *evaluator) compare(node *parsing.ASTNode, v any) (any, error) {
	left, right, err := e.both(node, v)
	if err != nil {
		return nil, err
	}
	switch node.Value {
	case parsing.TOKEQ:
		same, err := equal(left, right, e.left)
		return same, err
	case parsing.TOKNE:
		same, err := equal(left, right, e.left)
		return !same, err
	}
	order, ok := compareValues(left, right)
	if !ok {
		return nil, nil
	}
	switch node.Value {
	case parsing.TOKLT:
		return order < 0, nil
	case parsing.TOKLTE:
		return order <= 0, nil
	case parsing.TOKGT:
		return order > 0, nil
	default:
		return order >= 0, nil
	}
}

func compareValues(left, right any) (order int, ok bool) {
	if a, ok := number(left); ok {
		b, ok := number(right)
		switch {
		case !ok:
			return 0, false
		case a < b:
			return -1, true
		case a > b:
			return 1, true
		default:
			return 0, a == b
		}
	}
	a, ok := instant(left)
	if !ok {
		return 0, false
	}
	b, ok := instant(right)
	return a.Compare(b), ok
}

func (e *evaluator) arithmetic(node *parsing.ASTNode, v any) (any, error) {
	if node.NodeType == parsing.ASTArithmeticUnaryExpression {
		operand, err := e.eval(&node.Children[0], v)
		if err != nil {
			return nil, err
		}
		sign := 1.0
		if node.Value == parsing.TOKMinus {
			sign = -1
		}
		return calculate(parsing.TOKMultiply, operand, sign)
	}
	left, right, err := e.both(node, v)
	if err != nil {
		return nil, err
	}
	op := node.Value.(parsing.TokType)
	if left == nil || right == nil {
		return nil, nil
	}
	if d, ok := right.(time.Duration); ok && (op == parsing.TOKPlus || op == parsing.TOKMinus) {
		if op == parsing.TOKMinus {
			d = -d
		}
		return e.shift(left, d)
	}
	return calculate(op, left, right)
}

// shift moves a time by d, or adds d to a duration. The result is shown in the task's timezone.
func (e *evaluator) shift(left any, d time.Duration) (any, error) {
	if base, ok := left.(time.Duration); ok {
		return base + d, nil
	}
	t, ok := instant(left)
	if !ok {
		return nil, fmt.Errorf("adds a duration to what is no time but %s; a time is RFC 3339 such as 2030-03-01T09:00:00Z", typeName(left))
	}
	return timeText(t.Add(d), e.zone)
}

func calculate(op parsing.TokType, left, right any) (any, error) {
	if left == nil || right == nil {
		return nil, nil
	}
	a, ok := number(left)
	b, ok2 := number(right)
	if !ok || !ok2 {
		return nil, fmt.Errorf("calculates with %s and %s; that needs two numbers, or a time and a duration such as 24h", typeName(left), typeName(right))
	}
	result := 0.0
	switch op {
	case parsing.TOKPlus:
		result = a + b
	case parsing.TOKMinus:
		result = a - b
	case parsing.TOKStar, parsing.TOKMultiply:
		result = a * b
	case parsing.TOKDivide:
		result = a / b
	case parsing.TOKDiv:
		result = math.Floor(a / b)
	case parsing.TOKModulo:
		result = math.Mod(a, b)
	}
	if math.IsNaN(result) || math.IsInf(result, 0) {
		return nil, errNoNumber
	}
	return result, nil
}
