package mcp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// The same arguments have the same digest however they are written, and any difference but the key's
// changes it.
func TestDigestIsCanonical(t *testing.T) {
	t.Parallel()
	sum := func(raw string) string {
		args, err := parseArguments(json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := canonical(args, ""); err != nil {
			t.Fatal(err)
		}
		b, err := digest(args)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	base := sum(`{"a": 5, "b": {"c": [1.5, "x"], "d": null}}`)
	for _, same := range []string{
		`{"b": {"d": null, "c": [1.5, "x"]}, "a": 5.0}`,
		`{"a": 5e0, "b": {"c": [1.5, "x"], "d": null}, "idempotency_key": "k"}`,
	} {
		if sum(same) != base {
			t.Errorf("%s has another digest", same)
		}
	}
	for _, other := range []string{
		`{"a": "5", "b": {"c": [1.5, "x"], "d": null}}`,
		`{"a": 5, "b": {"c": ["x", 1.5], "d": null}}`,
		`{"a": 5, "b": {"c": [1.5, "x"]}}`,
	} {
		if sum(other) == base {
			t.Errorf("%s has the same digest", other)
		}
	}
}

// A number that would change on its way is refused, with its place.
func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	for raw, pointer := range map[string]string{
		`{"params": {"chat": 9007199254740993}}`:    "/params/chat",
		`{"params": {"a/b": [-90071992547409931]}}`: "/params/a~1b/0",
		`{"params": {"n": 1e999}}`:                  "/params/n",
	} {
		args, err := parseArguments(json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		_, err = canonical(args, "")
		var public *ordinaut.Error
		if !asPublic(err, &public) || public.Pointer != pointer {
			t.Errorf("%s: error %v, want one at %s", raw, err, pointer)
		}
	}
}

// Arguments are one object or nothing.
func TestArgumentsAreOneObject(t *testing.T) {
	t.Parallel()
	for raw, ok := range map[string]bool{
		``: true, `null`: true, `{}`: true, ` {"a":1} `: true,
		`[]`: false, `"x"`: false, `{"a":1} {"b":2}`: false, `{`: false, `{"a":1}]`: false,
	} {
		if _, err := parseArguments(json.RawMessage(raw)); (err == nil) != ok {
			t.Errorf("%q: error %v, want accepted: %t", raw, err, ok)
		}
	}
}

// A cursor works for the caller, the tool and the filters it was made for, and for nothing else.
func TestCursorIsBound(t *testing.T) {
	t.Parallel()
	mine := &ordinaut.Agent{NamespaceID: ordinaut.NewNamespaceID(), ID: ordinaut.NewAgentID()}
	c := &call{tool: "list_runs", agent: mine}
	last := ordinaut.NewRunID()
	cursor, err := c.cursor(last, "filters")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.after(cursor, "filters"); err != nil || got != [16]byte(last) {
		t.Errorf("after gave %x, %v; want %x", got, err, last)
	}
	other := &ordinaut.Agent{NamespaceID: mine.NamespaceID, ID: ordinaut.NewAgentID()}
	for name, refuse := range map[string]func() ([16]byte, error){
		"other filters": func() ([16]byte, error) { return c.after(cursor, "others") },
		"other tool":    func() ([16]byte, error) { return (&call{tool: "list_tasks", agent: mine}).after(cursor, "filters") },
		"other agent":   func() ([16]byte, error) { return (&call{tool: "list_runs", agent: other}).after(cursor, "filters") },
		"shorter":       func() ([16]byte, error) { return c.after(cursor[:len(cursor)-1], "filters") },
		"longer":        func() ([16]byte, error) { return c.after(cursor+"A", "filters") },
		"other version": func() ([16]byte, error) { return c.after("B"+cursor[1:], "filters") },
		"no base64":     func() ([16]byte, error) { return c.after("!"+cursor[1:], "filters") },
		"AAAA":          func() ([16]byte, error) { return c.after("AAAA", "filters") },
	} {
		if _, err := refuse(); ordinaut.CodeOf(err) != ordinaut.CodeInvalidArgument {
			t.Errorf("%s: error %v, want invalid_argument", name, err)
		}
	}
}

// Values fit the limit together, small ones stay whole, and what was cut is counted.
func TestFitSharesTheLimit(t *testing.T) {
	t.Parallel()
	small, large, wide := json.RawMessage(`{"ok":true}`), json.RawMessage(`"`+strings.Repeat("x", 500)+`"`), json.RawMessage(`"`+strings.Repeat("ж", 300)+`"`)
	size := len(large) + len(wide)
	values := []json.RawMessage{large, small, wide}
	cuts := make([]int, 3)
	var slots []slot
	for i := range values {
		slots = append(slots, slot{&values[i], &cuts[i]})
	}
	fit(slots, 300)
	if string(values[1]) != string(small) || cuts[1] != 0 {
		t.Errorf("the small value became %s, %d bytes cut", values[1], cuts[1])
	}
	kept := 0
	for _, i := range []int{0, 2} {
		var text string
		if err := json.Unmarshal(values[i], &text); err != nil || !utf8.ValidString(text) {
			t.Errorf("a cut value is %s: %v", values[i], err)
		}
		kept += len(text)
	}
	if kept+len(small) > 300 || kept < 280 {
		t.Errorf("kept %d bytes of the large values, want nearly 300 in all", kept)
	}
	if cuts[0]+cuts[2] != size-kept {
		t.Errorf("%d bytes were left out, told were %d", size-kept, cuts[0]+cuts[2])
	}
}

// An id of another kind is told as what it is.
func TestIDsNameTheirKind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		ordinaut.NewRunID().String():            "got the id of a run, want the id of a task: task_ and 32 hex digits; list_tasks shows ids",
		ordinaut.NewAgentID().String():          "got the id of an agent, want the id of a task: task_ and 32 hex digits; list_tasks shows ids",
		"":                                      "want the id of a task: task_ and 32 hex digits; list_tasks shows ids",
		"0199e0c2-b6d2-7cc1-9a5f-0b7c5b1f3a52":  "want the id of a task: task_ and 32 hex digits; list_tasks shows ids",
		"task_00000000000000000000000000000000": "want the id of a task: task_ and 32 hex digits; list_tasks shows ids",
	} {
		_, err := taskID(text)
		var public *ordinaut.Error
		if !asPublic(err, &public) || public.Msg != want || public.Pointer != "/task_id" {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func asPublic(err error, public **ordinaut.Error) bool { return errors.As(err, public) }

// A denied call of a known agent leaves one audit row, whose request id the answer names; one that is let
// in and only reads leaves none.
func TestDenialIsAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	credential := h.guest(t, "default", ordinaut.ScopeTasksRead)
	v := h.connect(t, credential)
	v.must(t, "list_tasks", nil)
	r := v.call(t, "delete_task", object{"task_id": exampleTask})
	rows, err := h.pool.Query(t.Context(),
		`SELECT concat_ws(' ', actor, action, outcome, request_id, detail->>'needs') FROM audit WHERE action <> 'create_key'`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{h.guests[credential].ID.String() + " delete_task denied " + r.content["request_id"].(string) + " tasks:write"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}
