package pipeline

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of one expression. The parser recurses, so they hold before it runs.
const (
	maxExpression = 4 << 10 // bytes
	maxNesting    = 32      // brackets of any kind, also within literals
)

// syntaxError is a fault in an expression at a byte offset of it.
type syntaxError struct {
	offset int
	msg    string
}

func (e *syntaxError) Error() string { return e.msg }

func faultAt(offset int, format string, args ...any) *syntaxError {
	return &syntaxError{offset: offset, msg: fmt.Sprintf(format, args...)}
}

type tokenKind int

const (
	tokenName     tokenKind = iota // foo, and $foo
	tokenQuoted                    // "foo", a name too
	tokenText                      // 'foo'
	tokenLiteral                   // `1`
	tokenNumber                    // 12 or -1.5
	tokenDuration                  // 24h or 1h30m
	tokenOpen                      // ( [ [? {
	tokenClose                     // ) ] }
	tokenOperand                   // @ $ []
	tokenOperator
)

type token struct {
	kind   tokenKind
	text   string
	offset int
}

// endsOperand reports whether an operator must follow, so that a minus after it is no sign.
func (t token) endsOperand() bool {
	switch t.kind {
	case tokenOpen, tokenOperator:
		return false
	default:
		return true
	}
}

// scanner cuts an expression into tokens as the parser's own lexer does, plus decimal numbers and
// durations, and refuses what is too long or nested too deep.
type scanner struct {
	source   string
	pos      int
	template bool // ends at the brace that closes ${
	open     []byte
	tokens   []token
}

// scan returns the tokens of a whole expression.
func scan(source string) ([]token, error) {
	if len(source) > maxExpression {
		return nil, faultAt(0, "is %d bytes long, at most %d are allowed", len(source), maxExpression)
	}
	s := scanner{source: source}
	if err := s.run(); err != nil {
		return nil, err
	}
	return s.tokens, nil
}

// scanTemplate returns the length of the expression that text starts with, up to the brace that
// closes it.
func scanTemplate(text string) (int, error) {
	s := scanner{source: text, template: true}
	if err := s.run(); err != nil {
		return 0, err
	}
	if s.pos >= len(text) {
		return 0, faultAt(s.pos, "the closing } of ${ is missing")
	}
	return s.pos, nil
}

func (s *scanner) run() error {
	for s.pos < len(s.source) {
		if s.pos > maxExpression {
			return faultAt(0, "is longer than %d bytes", maxExpression)
		}
		c := s.source[s.pos]
		if s.template && c == '}' && len(s.open) == 0 {
			return nil
		}
		if err := s.next(c); err != nil {
			return err
		}
	}
	if len(s.open) > 0 {
		return faultAt(s.pos, "ends before its %s is closed", bracketName(s.open[len(s.open)-1]))
	}
	return nil
}

func (s *scanner) next(c byte) error {
	rest := s.source[s.pos:]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		s.pos++
	case isLetter(c) || c == '$':
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
			n++
		}
		if rest[:n] == "$" {
			s.emit(tokenOperand, 1)
		} else {
			s.emit(tokenName, n)
		}
	case isDigit(c), c == '-' && len(rest) > 1 && isDigit(rest[1]) && !s.afterOperand():
		return s.number(rest)
	case c == '\'' || c == '"' || c == '`':
		return s.delimited(c, rest)
	case strings.HasPrefix(rest, "[]"):
		s.emit(tokenOperand, 2)
	case c == '(' || c == '[' || c == '{':
		if len(s.open) == maxNesting {
			return faultAt(s.pos, "is nested deeper than %d brackets", maxNesting)
		}
		if strings.HasPrefix(rest, "[?") {
			s.open = append(s.open, '?')
			s.emit(tokenOpen, 2)
			return nil
		}
		s.open = append(s.open, c)
		s.emit(tokenOpen, 1)
	case c == ')' || c == ']' || c == '}':
		return s.closing(c)
	case c == '@':
		s.emit(tokenOperand, 1)
	default:
		return s.operator(rest)
	}
	return nil
}

func (s *scanner) emit(kind tokenKind, n int) {
	s.tokens = append(s.tokens, token{kind, s.source[s.pos : s.pos+n], s.pos})
	s.pos += n
}

func (s *scanner) afterOperand() bool {
	return len(s.tokens) > 0 && s.tokens[len(s.tokens)-1].endsOperand()
}

// number reads digits with a sign and a fraction, and what follows a unit: 1h30m is one token.
func (s *scanner) number(rest string) error {
	n := 1
	for n < len(rest) && (isDigit(rest[n]) || rest[n] == '.' && n+1 < len(rest) && isDigit(rest[n+1])) {
		n++
	}
	if n == len(rest) || !isLetter(rest[n]) {
		if !json.Valid([]byte(rest[:n])) {
			return faultAt(s.pos, "has %s, which is no number", clip(rest[:n], 40))
		}
		s.emit(tokenNumber, n)
		return nil
	}
	for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n]) || rest[n] == '.' && n+1 < len(rest) && isDigit(rest[n+1])) {
		n++
	}
	if _, err := parseDuration(rest[:n]); err != nil {
		return faultAt(s.pos, "%s", err)
	}
	s.emit(tokenDuration, n)
	return nil
}

func (s *scanner) closing(c byte) error {
	if len(s.open) == 0 {
		return faultAt(s.pos, "has a %c that nothing opens", c)
	}
	top := s.open[len(s.open)-1]
	if want := closerOf(top); c != want {
		return faultAt(s.pos, "has a %c where %c closes the %s", c, want, bracketName(top))
	}
	s.open = s.open[:len(s.open)-1]
	s.emit(tokenClose, 1)
	return nil
}

func closerOf(open byte) byte {
	switch open {
	case '(':
		return ')'
	case '{':
		return '}'
	default:
		return ']'
	}
}

func bracketName(open byte) string {
	if open == '?' {
		return "[?"
	}
	return string(open)
}

func (s *scanner) operator(rest string) error {
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			s.emit(tokenOperator, len(op))
			return nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	switch r {
	case '=':
		return faultAt(s.pos, "has a single =, equality is ==")
	case '?':
		return faultAt(s.pos, "has a ?, which only opens a filter as [?; a default is a || b")
	case utf8.RuneError:
		return faultAt(s.pos, "holds bytes that are not UTF-8")
	default:
		return faultAt(s.pos, "holds %q, which means nothing here; text stands in single quotes", r)
	}
}

// operators holds longer ones before their beginnings. A lone = is for let.
var operators = []string{"||", "&&", "==", "!=", "<=", ">=", "//", ".", "*", ",", ":", "+", "-", "/", "%", "|", "&", "<", ">", "!", "=", "−", "×", "÷"}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
