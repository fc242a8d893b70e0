package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// truthy reports whether v counts as true: all but null, false and an empty text, array or object do,
// 0 too.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	default:
		return true
	}
}

// number returns v as a float64 and reports whether it is a number.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	default:
		return 0, false
	}
}

// typeName names the type of v as messages and the function type do.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case time.Duration:
		return "duration"
	case reference:
		return "expression"
	}
	if _, ok := number(v); ok {
		return "number"
	}
	return "unknown"
}

// equal reports whether a and b are the same value. Values may share parts, so that comparing what is
// small in memory takes long; the budget bounds it.
func equal(a, b any, left *budget) (bool, error) {
	if err := left.spend(1); err != nil {
		return false, err
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y, nil
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false, nil
		}
		for i := range a {
			if same, err := equal(a[i], b[i], left); !same {
				return false, err
			}
		}
		return true, nil
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false, nil
		}
		for k, v := range a {
			other, ok := b[k]
			if !ok {
				return false, nil
			}
			if same, err := equal(v, other, left); !same {
				return false, err
			}
		}
		return true, nil
	case string:
		b, ok := b.(string)
		return ok && a == b, left.spendText(len(a))
	case nil, bool, time.Duration:
		return a == b, nil
	default:
		return false, nil // references, which are never equal
	}
}

// writer builds text of bounded length and depth out of values.
type writer struct {
	buf  []byte
	left *budget
}

// value appends v as JSON with sorted keys.
func (w *writer) value(v any, depth int) error {
	if depth > maxValueDepth {
		return fmt.Errorf("gives a value nested deeper than %d levels", maxValueDepth)
	}
	if err := w.left.produce(1); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		w.buf = append(w.buf, "null"...)
	case bool:
		w.buf = strconv.AppendBool(w.buf, v)
	case string:
		return w.text(v)
	case []any:
		w.buf = append(w.buf, '[')
		for i, e := range v {
			if i > 0 {
				w.buf = append(w.buf, ',')
			}
			if err := w.value(e, depth+1); err != nil {
				return err
			}
		}
		w.buf = append(w.buf, ']')
	case map[string]any:
		if err := w.left.spend(len(v)); err != nil {
			return err
		}
		w.buf = append(w.buf, '{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				w.buf = append(w.buf, ',')
			}
			if err := w.text(k); err != nil {
				return err
			}
			w.buf = append(w.buf, ':')
			if err := w.value(v[k], depth+1); err != nil {
				return err
			}
		}
		w.buf = append(w.buf, '}')
	default:
		text, err := numberText(v)
		w.buf = append(w.buf, text...)
		return err
	}
	return nil
}

func (w *writer) text(s string) error {
	if err := w.left.produce(len(s)); err != nil {
		return err
	}
	w.buf = appendQuoted(w.buf, s)
	return nil
}

// appendQuoted appends s as a JSON string. Unlike encoding/json it leaves < > & as they are: the text
// goes to people and prompts, not into pages.
func appendQuoted(buf []byte, s string) []byte {
	const hex = "0123456789abcdef"
	buf = append(buf, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			buf = append(buf, '\\', byte(r))
		case r == '\n':
			buf = append(buf, '\\', 'n')
		case r == '\t':
			buf = append(buf, '\\', 't')
		case r == '\r':
			buf = append(buf, '\\', 'r')
		case r < ' ':
			buf = append(buf, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			buf = utf8.AppendRune(buf, r)
		}
	}
	return append(buf, '"')
}

// numberText returns a number in digits, without an exponent as far as JSON has none either.
func numberText(v any) (string, error) {
	if n, ok := v.(json.Number); ok {
		return n.String(), nil
	}
	f, ok := number(v)
	if !ok {
		return "", fmt.Errorf("gives a value of type %s, which is no JSON", typeName(v))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "", errNoNumber
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.FormatFloat(f, format, -1, 64), nil
}

// check walks v as if to write it, and so bounds what an expression hands out.
func check(v any, depth int, left *budget) error {
	if depth > maxValueDepth {
		return fmt.Errorf("gives a value nested deeper than %d levels", maxValueDepth)
	}
	if err := left.produce(1); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil, bool, json.Number:
	case string:
		return left.produce(len(v))
	case []any:
		for _, e := range v {
			if err := check(e, depth+1, left); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, e := range v {
			if err := left.produce(len(k)); err != nil {
				return err
			}
			if err := check(e, depth+1, left); err != nil {
				return err
			}
		}
	default:
		_, err := numberText(v)
		return err
	}
	return nil
}
