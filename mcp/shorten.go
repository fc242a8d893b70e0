package mcp

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxErrorChars bounds the error texts of runs and steps in an answer.
	maxErrorChars = 500
	// maxPointerChars bounds pointers in an answer: a caller chooses the names of unknown keys.
	maxPointerChars = 120
)

// shorten returns s cut to at most limit bytes, at the border of a character, with an ellipsis.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:border(s, limit)] + "…"
}

// tidy returns s as it may stand in a message about a caller's own text: printable, and cut.
func tidy(s string, limit int) string { return shorten(printable(s), limit) }

// printable returns s with a sign in the place of each character that can't be seen.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// border returns the last start of a character at or before limit.
func border(s string, limit int) int {
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return limit
}

// slot is a JSON value in an answer, and where to say how many bytes of it were left out.
type slot struct {
	value *json.RawMessage
	cut   *int
}

// fit cuts the values so that together they take at most limit bytes. Small values stay whole: each
// may take an equal share of what is left, and what one does not use goes to the larger ones. A value
// that is cut becomes text.
func fit(slots []slot, limit int) {
	slices.SortStableFunc(slots, func(a, b slot) int { return len(*a.value) - len(*b.value) })
	for i, s := range slots {
		share := limit / (len(slots) - i)
		if len(*s.value) > share {
			text := string(*s.value)
			kept := border(text, share)
			*s.cut += len(text) - kept
			*s.value = quoteJSON(text[:kept])
			limit -= kept
			continue
		}
		limit -= len(*s.value)
	}
}

func quoteJSON(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage(`""`) // unreachable: every string marshals
	}
	return b
}
