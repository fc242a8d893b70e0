package front

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

const maxNumberChars = 128 // longest number literal

// text is what is known of one string literal.
type text struct {
	size      int  // bytes of the decoded text
	escaped   bool // it holds a backslash
	nul       bool // it holds the character U+0000
	surrogate bool // it holds half a surrogate pair
}

// text reads the string literal at pos.
func (s *scanner) text() (text, *fault) {
	var t text
	for s.pos++; s.pos < len(s.in); {
		switch c := s.in[s.pos]; {
		case c == '"':
			s.pos++
			return t, nil
		case c < 0x20:
			return t, s.syntax("control character in a string")
		case c != '\\':
			s.pos++
			t.size++
		default:
			t.escaped = true
			if f := s.escape(&t); f != nil {
				return t, f
			}
		}
	}
	return t, s.syntax("it ends within a string")
}

// escape reads one escape sequence.
func (s *scanner) escape(t *text) *fault {
	if s.pos+1 >= len(s.in) {
		return s.syntax("it ends within a string")
	}
	switch s.in[s.pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		t.size++
		return nil
	case 'u':
	default:
		return s.syntax("unknown escape in a string")
	}
	r, ok := s.hex(s.pos)
	if !ok {
		return s.syntax("malformed \\u escape in a string")
	}
	s.pos += 6
	switch {
	case r == 0:
		t.nul = true
	case 0xD800 <= r && r < 0xDC00:
		low, ok := s.hex(s.pos)
		if !ok || low < 0xDC00 || low > 0xDFFF {
			t.surrogate = true
			return nil
		}
		s.pos += 6
		t.size += 4
		return nil
	case 0xDC00 <= r && r <= 0xDFFF:
		t.surrogate = true
		return nil
	}
	t.size += utf8.RuneLen(r)
	return nil
}

// hex reads the \uXXXX at i without moving.
func (s *scanner) hex(i int) (rune, bool) {
	if i+6 > len(s.in) || s.in[i] != '\\' || s.in[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s.in[i+2 : i+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// checkText refuses text that Postgres cannot hold or that is too long. Within the arguments of a call
// that is the caller's mistake about a tool, which its model should see and correct: the first one is
// kept for the answer, and reading goes on.
func (s *scanner) checkText(t text, at place) *fault {
	var msg string
	switch {
	case t.nul:
		msg = "text must not hold the character U+0000"
	case t.surrogate:
		msg = "text must not hold half of a surrogate pair"
	case t.size > s.maxText && at == placeArguments:
		msg = fmt.Sprintf("text must have at most %d bytes, this one has %d", s.maxText, t.size)
	default:
		return nil
	}
	if at != placeArguments {
		return s.refuse("%s", msg)
	}
	if s.msg.badArgument == nil {
		s.msg.badArgument = &badArgument{pointer: s.pointer(), msg: msg}
	}
	return nil
}

// number reads a number by the grammar of JSON and refuses one that no float64 can hold.
func (s *scanner) number() *fault {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	switch {
	case s.peek() == '0':
		s.pos++
	case !s.digits():
		return s.syntax("malformed number")
	}
	if s.peek() == '.' {
		if s.pos++; !s.digits() {
			return s.syntax("malformed number")
		}
	}
	exponent := s.peek() == 'e' || s.peek() == 'E'
	if exponent {
		if s.pos++; s.peek() == '+' || s.peek() == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.syntax("malformed number")
		}
	}
	if s.pos-start > maxNumberChars {
		return s.refuse("a number of more than %d characters", maxNumberChars)
	}
	if exponent {
		if _, err := strconv.ParseFloat(string(s.in[start:s.pos]), 64); err != nil {
			return s.refuse("a number out of range")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}

// unescape decodes the inside of a string literal that the scanner has accepted.
func unescape(raw []byte) []byte {
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var out string
	if err := json.Unmarshal(quoted, &out); err != nil {
		return raw // unreachable for accepted text; the raw form still tells members apart
	}
	return []byte(out)
}

// plainName reports whether b is short and of letters, digits, dot, dash and underscore only.
func plainName(b []byte, limit int) bool {
	if len(b) == 0 || len(b) > limit {
		return false
	}
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}
