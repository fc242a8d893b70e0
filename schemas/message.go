package schemas

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func number(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// shown returns a value as it may stand in a message: short, on one line, without control characters.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(clip(v, 60))
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return clip(fmt.Sprint(v), 60)
	}
}

// clip returns s without what a terminal or a log would obey, cut to n characters.
func clip(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		if n--; n < 0 {
			return b.String() + "…"
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

func oneOf(values []any) string {
	var all []string
	for _, v := range values[:min(len(values), 20)] {
		all = append(all, shown(v))
	}
	if len(values) > 20 {
		all = append(all, "…")
	}
	return strings.Join(all, " or ")
}

func suggest(key string, known []string) string {
	if near := Nearest(key, known); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	if len(known) == 0 {
		return ""
	}
	return "; known are " + clip(strings.Join(known, ", "), 300)
}

func suggestOnly(got string, values []any) string {
	var known []string
	for _, v := range values {
		if s, ok := v.(string); ok {
			known = append(known, s)
		}
	}
	if near := Nearest(got, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func keysOf(s *jsonschema.Schema) string {
	if s == nil || len(s.Properties) == 0 {
		return ""
	}
	return " of " + clip(strings.Join(slices.Sorted(maps.Keys(s.Properties)), ", "), 300)
}

// hint returns the schema's own words about a value, if they are few.
func hint(s *jsonschema.Schema) string {
	if s == nil || s.Description == "" || len(s.Description) > 160 {
		return ""
	}
	return " (" + clip(strings.TrimSuffix(s.Description, "."), 160) + ")"
}
