package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// delimited reads to the delimiter that is not escaped. In '…' a backslash escapes only itself and
// the delimiter.
func (s *scanner) delimited(c byte, rest string) error {
	for n := 1; n < len(rest); n++ {
		if n > maxExpression {
			break
		}
		if rest[n] == '\\' && n+1 < len(rest) && (c != '\'' || rest[n+1] == '\'' || rest[n+1] == '\\') {
			n++
			continue
		}
		if rest[n] != c {
			continue
		}
		if err := wellFormed(c, rest[1:n]); err != nil {
			return faultAt(s.pos, "%s", err)
		}
		kind := tokenText
		switch c {
		case '"':
			kind = tokenQuoted
		case '`':
			kind = tokenLiteral
		}
		s.emit(kind, n+1)
		return nil
	}
	return faultAt(s.pos, "has a %c that is not closed", c)
}

// wellFormed says whether the parser can take what stands between delimiters c.
func wellFormed(c byte, inner string) error {
	if !utf8.ValidString(inner) {
		return errors.New("holds bytes that are not UTF-8")
	}
	switch c {
	case '"':
		var name string
		if json.Unmarshal([]byte(`"`+inner+`"`), &name) != nil {
			return errors.New("has a quoted name that is no JSON string")
		}
	case '`':
		inner = strings.ReplaceAll(inner, "\\`", "`")
		if depthOf(inner) > maxNesting {
			return fmt.Errorf("has a literal nested deeper than %d brackets", maxNesting)
		}
		var v any
		if json.Unmarshal([]byte(inner), &v) != nil {
			return errors.New("has a literal in backticks that is no JSON; text stands in single quotes")
		}
	}
	return nil
}

// depthOf counts brackets that are open at once. Those in strings count too, which only errs on the
// safe side.
func depthOf(s string) int {
	depth, most := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[', '{':
			depth++
			most = max(most, depth)
		case ']', '}':
			depth--
		}
	}
	return most
}
