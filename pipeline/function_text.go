package pipeline

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func indexOf(s, part string) int { return strings.Index(s, part) }

// whole returns an argument that must be a whole number of at least 0.
func whole(function, name string, v any) (int, error) {
	n := v.(float64)
	if n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		return 0, fmt.Errorf("calls %s() with a %s that is no whole number of at least 0", function, name)
	}
	return int(n), nil
}

// find_first(text, part, start?, end?) and find_last: where part begins, in characters; null when it
// is nowhere.
func findFirst(e *evaluator, args []any) (any, error) { return find(e, args, strings.Index) }
func findLast(e *evaluator, args []any) (any, error)  { return find(e, args, strings.LastIndex) }

func find(e *evaluator, args []any, search func(s, part string) int) (any, error) {
	text, part := args[0].(string), args[1].(string)
	if err := e.left.spend(len(text)); err != nil {
		return nil, err
	}
	runes := []rune(text)
	start, end := 0, len(runes)
	if len(args) > 2 {
		start = clamp(args[2].(float64), len(runes))
	}
	if len(args) > 3 {
		end = clamp(args[3].(float64), len(runes))
	}
	if part == "" || start >= end {
		return nil, nil
	}
	within := string(runes[start:end])
	found := search(within, part)
	if found < 0 {
		return nil, nil
	}
	return float64(start + utf8.RuneCountInString(within[:found])), nil
}

func clamp(f float64, high int) int { return int(min(max(f, 0), float64(high))) }

// join(glue, array of texts).
func join(e *evaluator, args []any) (any, error) {
	glue, list := args[0].(string), args[1].([]any)
	parts := make([]string, len(list))
	size := 0
	for i, part := range list {
		parts[i] = part.(string)
		size += len(parts[i]) + len(glue)
	}
	if err := e.grow(size); err != nil {
		return nil, err
	}
	return strings.Join(parts, glue), nil
}

// grow pays for a text of n bytes that is yet to be made.
func (e *evaluator) grow(n int) error {
	if n > maxOutput {
		return errors.New("makes a text longer than 1 MiB")
	}
	return e.left.spendText(n)
}

// pad_left(text, width, character?) and pad_right, in characters.
func padLeft(e *evaluator, args []any) (any, error) {
	padding, err := padding(e, "pad_left", args)
	return padding + args[0].(string), err
}

func padRight(e *evaluator, args []any) (any, error) {
	padding, err := padding(e, "pad_right", args)
	return args[0].(string) + padding, err
}

func padding(e *evaluator, function string, args []any) (string, error) {
	width, err := whole(function, "width", args[1])
	if err != nil {
		return "", err
	}
	with := " "
	if len(args) > 2 {
		with = args[2].(string)
	}
	if utf8.RuneCountInString(with) != 1 {
		return "", fmt.Errorf("calls %s() with a padding of not just one character", function)
	}
	n := max(0, width-utf8.RuneCountInString(args[0].(string)))
	if err := e.grow(n * len(with)); err != nil {
		return "", err
	}
	return strings.Repeat(with, n), nil
}

// replace(text, old, new, count?).
func replace(e *evaluator, args []any) (any, error) {
	text, old, with := args[0].(string), args[1].(string), args[2].(string)
	n := strings.Count(text, old)
	if len(args) > 3 {
		most, err := whole("replace", "count", args[3])
		if err != nil {
			return nil, err
		}
		n = min(n, most)
	}
	if err := e.grow(len(text) + n*max(0, len(with)-len(old))); err != nil {
		return nil, err
	}
	return strings.Replace(text, old, with, n), nil
}

// split(text, separator, count?).
func split(e *evaluator, args []any) (any, error) {
	text, separator := args[0].(string), args[1].(string)
	if text == "" {
		return []any{}, nil
	}
	parts := strings.Count(text, separator) + 1
	if len(args) > 2 {
		most, err := whole("split", "count", args[2])
		if err != nil {
			return nil, err
		}
		parts = min(parts, most+1)
	}
	if err := e.left.spend(2 * parts); err != nil {
		return nil, err
	}
	out := make([]any, 0, parts)
	for _, part := range strings.SplitN(text, separator, parts) {
		out = append(out, part)
	}
	return out, nil
}

// to_number(value) gives null for what is no number.
func toNumber(_ *evaluator, args []any) (any, error) {
	switch v := args[0].(type) {
	case float64:
		return v, nil
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, nil
		}
		return n, nil
	default:
		return nil, nil
	}
}

// to_string(value) gives text as it is and all else as JSON.
func toString(e *evaluator, args []any) (any, error) {
	if s, ok := args[0].(string); ok {
		return s, nil
	}
	v, err := finish(args[0])
	if err != nil {
		return nil, err
	}
	within := &budget{work: e.left.work, output: maxOutput}
	w := writer{left: within}
	err = w.value(v, 0)
	e.left.work = within.work
	if errors.Is(err, errTooLarge) {
		err = errors.New("makes a text longer than 1 MiB")
	}
	return string(w.buf), err
}

// trim(text, characters?), trim_left and trim_right.
func trim(e *evaluator, args []any) (any, error) {
	return trimBy(e, args, strings.TrimFunc)
}

func trimLeft(e *evaluator, args []any) (any, error) {
	return trimBy(e, args, strings.TrimLeftFunc)
}

func trimRight(e *evaluator, args []any) (any, error) {
	return trimBy(e, args, strings.TrimRightFunc)
}

func trimBy(_ *evaluator, args []any, trim func(string, func(rune) bool) string) (any, error) {
	text := args[0].(string)
	if len(args) < 2 || args[1].(string) == "" {
		return trim(text, unicode.IsSpace), nil
	}
	set := map[rune]bool{} // a set of characters may be as long as the text
	for _, r := range args[1].(string) {
		set[r] = true
	}
	return trim(text, func(r rune) bool { return set[r] }), nil
}
