package executor

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

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
		spec := ordinaut.TaskSpec{Title: "letter"}
		if err := json.Unmarshal([]byte(fenced(t, "json flow")), &spec); err != nil {
			t.Fatal(err)
		}
		r := m.ended(t, m.queue(m.task(spec), ""))
		var want any
		if err := json.Unmarshal([]byte(fenced(t, "json letter")), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, outputOf(t, &r, "letter")); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", r.out, diff)
		}
	})
}
