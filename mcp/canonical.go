package mcp

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// maxExactInteger is the greatest integer that every reader of JSON keeps exactly.
const maxExactInteger = 1<<53 - 1

// parseArguments reads a call's arguments, numbers as json.Number. No arguments are an empty object.
func parseArguments(raw json.RawMessage) (map[string]any, error) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return map[string]any{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, ordinaut.Invalid("", "the arguments are not JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, ordinaut.Invalid("", "the arguments are more than one JSON value")
	}
	args, ok := v.(map[string]any)
	if !ok {
		return nil, ordinaut.Invalid("", "want the arguments as an object")
	}
	return args, nil
}

// canonical puts every number within v into its shortest form, so that 5, 5.0 and 5e0 are one value to
// the digest and to a struct's int. It refuses integers that would lose digits on their way.
func canonical(v any, pointer string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) { // sorted, so that of two faults the same one is told
			c, err := canonical(v[key], pointer+schemas.Pointer(key))
			if err != nil {
				return nil, err
			}
			v[key] = c
		}
		return v, nil
	case []any:
		for i := range v {
			c, err := canonical(v[i], pointer+"/"+strconv.Itoa(i))
			if err != nil {
				return nil, err
			}
			v[i] = c
		}
		return v, nil
	case json.Number:
		return canonicalNumber(v, pointer)
	default:
		return v, nil
	}
}

func canonicalNumber(n json.Number, pointer string) (any, error) {
	f, err := n.Float64()
	if err != nil {
		return nil, ordinaut.Invalid(pointer, "the number is too large; send it as a string")
	}
	switch exact := math.Abs(f) <= maxExactInteger; {
	case !exact && !strings.ContainsAny(string(n), ".eE"):
		return nil, ordinaut.Invalid(pointer, "integers beyond ±%d lose digits; send it as a string", int64(maxExactInteger))
	case !exact || f != math.Trunc(f):
		return n, nil
	}
	return json.Number(strconv.FormatInt(int64(f), 10)), nil
}

// digest returns the SHA-256 of canonical arguments without the idempotency key.
func digest(args map[string]any) ([]byte, error) {
	rest := maps.Clone(args)
	delete(rest, "idempotency_key")
	b, err := json.Marshal(rest) // sorts keys
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return sum[:], nil
}

// decode fills a tool's struct from canonical arguments that fit its schema.
func decode[In any](args map[string]any) (In, error) {
	var in In
	b, err := json.Marshal(args)
	if err != nil {
		return in, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return in, dec.Decode(&in)
}

// notInstant is the error for a text that the schema lets pass as an instant and that is none.
func notInstant(args map[string]any, text string) error {
	pointer := find(args["schedule"], text, "/schedule")
	if pointer == "" {
		pointer = find(args, text, "")
	}
	bad := ordinaut.Invalid(pointer, "is not an instant; write RFC 3339, as in 2030-05-01T09:00:00+02:00")
	bad.Example = "2030-05-01T09:00:00Z"
	return bad
}

// find returns the pointer of a text within value; "" when it is not there.
func find(value any, text, pointer string) string {
	switch value := value.(type) {
	case string:
		if value == text {
			return pointer
		}
	case []any:
		for i, item := range value {
			if found := find(item, text, pointer+"/"+strconv.Itoa(i)); found != "" {
				return found
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if found := find(value[key], text, pointer+schemas.Pointer(key)); found != "" {
				return found
			}
		}
	}
	return ""
}
