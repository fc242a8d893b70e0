package scheduler

import (
	"strings"

	"github.com/ordinaut/ordinaut"
)

// maxWildcards bounds the ** of a pattern: one is useful, a second at times.
const maxWildcards = 3

// checkPattern returns an error for a topic pattern that no topic could match, or that is none.
func checkPattern(expr string) error {
	bad := func(format string, args ...any) error { return invalid("/schedule/expr", "email.*", format, args...) }
	if expr == "" {
		return bad("an event schedule needs a topic pattern as its expr: words joined by dots, where * stands for one word and ** for any number")
	}
	if len(expr) > ordinaut.MaxTopicBytes {
		return bad("the topic pattern is %d bytes long; at most %d are allowed", len(expr), ordinaut.MaxTopicBytes)
	}
	many := 0
	for word := range strings.SplitSeq(expr, ".") {
		switch {
		case word == "**":
			many++
		case word != "*" && !ordinaut.IsTopicWord(word):
			return bad("%s is no topic pattern at %s; want words of small letters, digits, _ and -, joined by dots, each of which may be * for one word or ** for any number", quote(expr), quote(word))
		}
	}
	if many > maxWildcards {
		return bad("%s holds ** %d times; at most %d are allowed", quote(expr), many, maxWildcards)
	}
	return nil
}
