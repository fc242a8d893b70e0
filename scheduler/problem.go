package scheduler

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ordinaut/ordinaut"
)

// shownLength bounds how much of a caller's text an error repeats.
const shownLength = 60

func invalid(pointer, example, format string, args ...any) *ordinaut.Error {
	err := ordinaut.Invalid(pointer, format, args...)
	err.Example = example
	return err
}

func unknownKind(kind ordinaut.ScheduleKind) *ordinaut.Error {
	return invalid("/schedule/kind", string(ordinaut.ScheduleCron), "schedule kind %s is unknown; allowed are %s",
		quote(string(kind)), choices(ordinaut.ScheduleKinds()))
}

// quote shows text of a caller: printable ASCII, cut to a length that cannot flood an answer.
func quote(s string) string {
	if len(s) > shownLength {
		return strconv.QuoteToASCII(s[:shownLength]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

func choices[T ~string](words []T) string {
	shown := make([]string, len(words))
	for i, w := range words {
		shown[i] = string(w)
	}
	return strings.Join(shown, ", ")
}

// plural returns "1 hour", "2 hours".
func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
