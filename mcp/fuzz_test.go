package mcp

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// Whatever comes as arguments is refused or has one digest, which writing it anew does not change.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"a":[1.0,2e3,-0,1e400],"b":{"c":null}}`, `{"a":9007199254740993}`, `[`, `{"a":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		sum := func(raw []byte) (args map[string]any, sum []byte, err error) {
			if args, err = parseArguments(raw); err != nil {
				return nil, nil, err
			}
			if _, err = canonical(args, ""); err != nil {
				return nil, nil, err
			}
			sum, err = digest(args)
			return args, sum, err
		}
		args, first, err := sum(raw)
		if err != nil {
			if ordinaut.CodeOf(err) != ordinaut.CodeInvalidArgument {
				t.Errorf("error %v, want invalid_argument", err)
			}
			return
		}
		again, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		if _, second, err := sum(again); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%q and %q: error %v, digests %x and %x", raw, again, err, first, second)
		}
	})
}

// Only the very text that was handed out is a cursor.
func FuzzCursor(f *testing.F) {
	c := &call{tool: "list_runs", agent: &ordinaut.Agent{}}
	good, err := c.cursor(ordinaut.NewRunID(), nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, good + "=", good[:38], "AAAA", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := c.after(text, nil)
		if err != nil || text == "" {
			return
		}
		if want, err := c.cursor(id, nil); err != nil || text != want {
			t.Errorf("%q was taken for the cursor %q, %v", text, want, err)
		}
	})
}
