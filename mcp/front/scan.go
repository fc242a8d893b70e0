package front

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxEnvelopeKeys = 64 // members of the message, of its params and of _meta
	linearKeys      = 12 // members compared one by one before a map is made
)

// place says what a value is to the message that holds it.
type place uint8

const (
	placeRoot      place = iota // the message
	placeParams                 // its params
	placeMeta                   // params._meta
	placeArguments              // params.arguments and everything in it
	placeOther
)

// scanner reads one JSON value strictly and keeps the few members that routing needs. It allocates
// only for objects with many members, escaped keys and faults.
//
// The standard decoder is no help here: it accepts duplicate keys, matches keys whatever their case,
// replaces invalid UTF-8 silently and knows no depth.
type scanner struct {
	in       []byte
	pos      int
	maxDepth int
	maxText  int
	keys     [][]byte // members of the open objects, innermost last
	path     []step   // way from params.arguments to the value being read
	msg      *message
}

// step is one reference token of a path: a member, or the index if key is nil.
type step struct {
	key   []byte
	index int
}

// syntax returns a fault for bytes that are no JSON.
func (s *scanner) syntax(what string) *fault {
	return &fault{code: codeParse, msg: fmt.Sprintf("the message is not valid JSON: %s at byte %d", what, s.pos)}
}

// refuse returns a fault for JSON that is no acceptable message.
func (s *scanner) refuse(format string, args ...any) *fault {
	return &fault{code: codeInvalidRequest, msg: fmt.Sprintf(format, args...) + " at byte " + strconv.Itoa(s.pos)}
}

// scanAll reads the one value that the input must be.
func (s *scanner) scanAll() *fault {
	if !utf8.Valid(s.in) {
		return &fault{code: codeParse, msg: "the message is not valid UTF-8"}
	}
	s.space()
	if s.peek() == '[' {
		return &fault{code: codeInvalidRequest, msg: "batches are not supported: send one message at a time"}
	}
	if s.pos < len(s.in) && s.peek() != '{' {
		return s.syntax("the message must be one object, found something else")
	}
	if f := s.value(placeRoot, 0); f != nil {
		return f
	}
	s.space()
	if s.pos != len(s.in) {
		return s.syntax("text after the message")
	}
	return nil
}

func (s *scanner) peek() byte {
	if s.pos < len(s.in) {
		return s.in[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value reads the value at pos; depth counts the containers around it.
func (s *scanner) value(at place, depth int) *fault {
	switch c := s.peek(); {
	case s.pos >= len(s.in):
		return s.syntax("it ends too early")
	case c == '{':
		return s.object(at, depth+1)
	case c == '[':
		return s.array(at, depth+1)
	case c == '"':
		t, f := s.text()
		if f != nil {
			return f
		}
		return s.checkText(t, at)
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.in[s.pos:], []byte(word)) {
			s.pos += len(word)
			return nil
		}
	}
	return s.syntax("unexpected character")
}

func (s *scanner) object(at place, depth int) *fault {
	if depth > s.maxDepth {
		return s.refuse("nested deeper than %d levels", s.maxDepth)
	}
	base := len(s.keys)
	defer func() { s.keys = s.keys[:base] }()
	var seen map[string]struct{}
	s.pos++
	for s.space(); s.peek() != '}'; {
		if s.peek() != '"' {
			return s.syntax("expected a member name")
		}
		start := s.pos
		t, f := s.text()
		if f != nil {
			return f
		}
		key := s.in[start+1 : s.pos-1]
		if t.escaped {
			key = unescape(key)
		}
		if f := s.checkText(t, at); f != nil {
			return f
		}
		if seen, f = s.addKey(at, base, seen, key); f != nil {
			return f
		}
		s.space()
		if s.peek() != ':' {
			return s.syntax("expected a colon")
		}
		s.pos++
		s.space()
		if f := s.member(at, key, depth); f != nil {
			return f
		}
		s.space()
		if s.peek() == '}' {
			break
		}
		if s.peek() != ',' {
			return s.syntax("expected a comma or a closing brace")
		}
		s.pos++
		s.space()
		if s.peek() == '}' {
			return s.syntax("comma before a closing brace")
		}
	}
	s.pos++
	return nil
}

// addKey records a member name and refuses one that the object already has. In the envelope names
// that differ in case only are the same name, because the decoders behind us take them for the same.
func (s *scanner) addKey(at place, base int, seen map[string]struct{}, key []byte) (map[string]struct{}, *fault) {
	mine := s.keys[base:]
	envelope := at <= placeMeta
	if envelope && len(mine) >= maxEnvelopeKeys {
		return seen, s.refuse("more than %d members in the envelope", maxEnvelopeKeys)
	}
	duplicate := false
	switch {
	case envelope:
		for _, k := range mine {
			duplicate = duplicate || bytes.EqualFold(k, key)
		}
	case len(mine) < linearKeys:
		for _, k := range mine {
			duplicate = duplicate || bytes.Equal(k, key)
		}
	default:
		if seen == nil {
			seen = make(map[string]struct{}, 4*linearKeys)
			for _, k := range mine {
				seen[string(k)] = struct{}{}
			}
		}
		_, duplicate = seen[string(key)]
		seen[string(key)] = struct{}{}
	}
	if duplicate {
		return seen, s.refuse("duplicate key in an object")
	}
	if seen == nil {
		s.keys = append(s.keys, key)
	}
	return seen, nil
}

// member reads the value of one member and keeps it if the message needs it.
func (s *scanner) member(at place, key []byte, depth int) *fault {
	inner := placeOther
	name := string(key)
	switch {
	case at == placeArguments:
		s.path = append(s.path, step{key: key})
		defer func() { s.path = s.path[:len(s.path)-1] }()
		inner = placeArguments
	case at == placeRoot && name == "params":
		inner = placeParams
	case at == placeParams && name == "_meta":
		inner = placeMeta
	case at == placeParams && name == "arguments":
		inner = placeArguments
	}
	start := s.pos
	if f := s.value(inner, depth); f != nil {
		return f
	}
	if at > placeMeta {
		return nil
	}
	if !s.msg.keep(at, name, s.in[start:s.pos]) {
		return s.refuse("a member name of the envelope is written in the wrong case")
	}
	return nil
}

func (s *scanner) array(at place, depth int) *fault {
	if depth > s.maxDepth {
		return s.refuse("nested deeper than %d levels", s.maxDepth)
	}
	inner := placeOther
	if at == placeArguments {
		inner = placeArguments
		s.path = append(s.path, step{})
		defer func() { s.path = s.path[:len(s.path)-1] }()
	}
	s.pos++
	for s.space(); s.peek() != ']'; {
		if f := s.value(inner, depth); f != nil {
			return f
		}
		if inner == placeArguments {
			s.path[len(s.path)-1].index++
		}
		s.space()
		if s.peek() == ']' {
			break
		}
		if s.peek() != ',' {
			return s.syntax("expected a comma or a closing bracket")
		}
		s.pos++
		s.space()
		if s.peek() == ']' {
			return s.syntax("comma before a closing bracket")
		}
	}
	s.pos++
	return nil
}

// pointer returns the JSON pointer, within the arguments, of the value being read. It stops at a name
// that is long or not plain, so that it never carries a stranger's bytes into an answer.
func (s *scanner) pointer() string {
	var b strings.Builder
	for _, p := range s.path {
		switch {
		case p.key == nil:
			b.WriteString("/" + strconv.Itoa(p.index))
		case plainName(p.key, 64):
			b.WriteByte('/')
			b.Write(p.key)
		default:
			return b.String()
		}
	}
	return b.String()
}
