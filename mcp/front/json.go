package front

import (
	"errors"
	"unicode/utf8"
)

// CheckJSON returns an error unless doc is one JSON value as strictly as messages must be: valid UTF-8, no
// duplicate keys, no U+0000 and no half of a surrogate pair in text, no number beyond a float64, at most
// maxDepth levels deep. The error names the place by its byte and repeats nothing of doc.
func CheckJSON(doc []byte, maxDepth int) error {
	s := scanner{in: doc, maxDepth: maxDepth}
	if !utf8.Valid(doc) {
		return errors.New("it is not valid UTF-8")
	}
	s.space()
	f := s.value(placeOther, 0)
	if s.space(); f == nil && s.pos != len(doc) {
		f = s.syntax("text after the value")
	}
	if f != nil {
		return errors.New(f.msg)
	}
	return nil
}
