package store

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

const (
	// maxDepth is how deep a stored document may nest. The server's stack ends some thousands deeper.
	maxDepth = 1000
	// maxDigits and maxExponentDigits bound a stored number: numeric ends at 131,072 digits before the
	// point and 16,383 after it.
	maxDigits         = 1000
	maxExponentDigits = 4
)

// clean returns text without what a text column cannot hold: NUL and bytes that are no UTF-8.
func clean(text string) string {
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}

// cleanJSON returns doc as jsonb takes it. What an action answers is not ours to choose, and one
// document that jsonb refuses (a NUL or half a surrogate pair in a string, a number beyond numeric)
// would sink the batch that carries it. A document that is no JSON or nests too deep becomes a string.
func cleanJSON(doc json.RawMessage) json.RawMessage {
	if len(doc) == 0 {
		return nil
	}
	if !suspicious(doc) {
		return doc
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(doc))
	decoder.UseNumber()
	if !json.Valid(doc) || decoder.Decode(&value) != nil {
		value = string(doc)
	}
	value = cleanValue(value, 0)
	if value == tooDeep {
		value = clean(string(doc))
	}
	out, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(`null`)
	}
	return out
}

// tooDeep is what cleanValue makes of a document that nests deeper than maxDepth.
const tooDeep deep = "too deep"

type deep string

func cleanValue(value any, depth int) any {
	if depth > maxDepth {
		return tooDeep
	}
	switch v := value.(type) {
	case string:
		return clean(v)
	case json.Number:
		if bigNumber([]byte(v)) {
			return string(v)
		}
		return v
	case []any:
		for i := range v {
			if v[i] = cleanValue(v[i], depth+1); v[i] == tooDeep {
				return tooDeep
			}
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, member := range v {
			if member = cleanValue(member, depth+1); member == tooDeep {
				return tooDeep
			}
			out[clean(key)] = member
		}
		return out
	default:
		return v
	}
}

// suspicious reports whether doc may hold something that jsonb refuses. It errs on the safe side.
func suspicious(doc []byte) bool {
	return !utf8.Valid(doc) || bytes.Contains(doc, []byte(`\u`)) || bigNumber(doc) || nesting(doc) > maxDepth || !json.Valid(doc)
}

// bigNumber reports whether doc holds more than maxDigits digits in a row, or a digit, an e and more
// than maxExponentDigits digits, in a number or anywhere.
func bigNumber(doc []byte) bool {
	digits, most := 0, maxDigits
	for i, c := range doc {
		switch {
		case isDigit(c):
			if digits++; digits > most {
				return true
			}
		case c|0x20 == 'e' && i > 0 && isDigit(doc[i-1]):
			digits, most = 0, maxExponentDigits
		case (c == '+' || c == '-') && digits == 0:
		default:
			digits, most = 0, maxDigits
		}
	}
	return false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// nesting returns how many brackets are open at once at most, those in strings included.
func nesting(doc []byte) int {
	open, most := 0, 0
	for _, c := range doc {
		switch c {
		case '[', '{':
			open++
			most = max(most, open)
		case ']', '}':
			open--
		}
	}
	return most
}
