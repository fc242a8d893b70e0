package executor

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

// fenced returns a block of docs/pipelines.md.
func fenced(t *testing.T, kind string) string {
	t.Helper()
	raw, err := os.ReadFile("../docs/pipelines.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(raw), "```"+kind+"\n")
	block, _, closed := strings.Cut(rest, "\n```")
	if !found || !closed {
		t.Fatalf("there is no block %s", kind)
	}
	return block
}

// The example of steps that hold steps gives what the page says.
func TestPageTellsWhatTheFlowGives(t *testing.T) {
	law(t, tools{
		"weather.now": func(_ context.Context, c downstream.Call) (json.RawMessage, error) {
			if c.Arguments["city"] == "Atlantis" {
				return nil, failf(ordinaut.ReasonActionFailed, "nobody knows Atlantis")
			}
			return json.RawMessage(`{"degrees": 7}`), nil
		},
		"mail.unread": answer(`{"count": 3}`),
		"news.latest": func(context.Context, downstream.Call) (json.RawMessage, error) {
			return nil, failf(ordinaut.ReasonServerUnavailable, "the news are away")
		},
	}, func(t *testing.T, m *memStore) {
		r := m.ended(t, m.queue(m.task(specOf(t, fenced(t, "json flow"))), ""))
		var want any
		if err := json.Unmarshal([]byte(fenced(t, "json letter")), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, outputOf(t, &r, "letter")); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", r.out, diff)
		}
	})
}

// The example of what follows the pipeline ends as the page says.
func TestPageTellsWhatFollows(t *testing.T) {
	t.Parallel()
	for accepted, want := range map[string]struct {
		state  ordinaut.RunState
		output string
		events int
		note   string
	}{
		`{"accepted": 1, "id": "m1"}`: {ordinaut.RunSucceeded, `{"city":"Chisinau","letter":"m1"}`, 0, "all is well"},
		`{"accepted": 0, "id": "m1"}`: {ordinaut.RunFailed, "", 1, "expectation_failed"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemStore()
			stop := start(t, quietConfig(m, tools{"weather.now": answer(`{"degrees": 7}`), "mail.send": answer(accepted)}))
			defer stop()
			r := m.ended(t, m.queue(m.task(specOf(t, fenced(t, "json ends"))), ""))
			if r.out.State != want.state || string(r.out.Output) != want.output || len(r.events) != want.events {
				t.Errorf("%s: ended %+v with %d events", accepted, r.out, len(r.events))
			}
			if diff := cmp.Diff(map[string]any{"result": want.note}, outputOf(t, &r, "note")); diff != "" {
				t.Errorf("%s: note (-want +got):\n%s", accepted, diff)
			}
		})
	}
}
