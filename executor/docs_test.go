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

// The example of asking a person gives what the page says, and sends what was approved.
func TestPageTellsWhatAnApprovalGives(t *testing.T) {
	var sent map[string]any
	law(t, tools{
		"weather.now": answer(`{"degrees": 7}`),
		"mail.send": func(_ context.Context, c downstream.Call) (json.RawMessage, error) {
			sent = c.Arguments
			return json.RawMessage(`{}`), nil
		},
	}, func(t *testing.T, m *memStore) {
		id := m.queue(m.task(specOf(t, fenced(t, "json ask"))), "")
		if a := m.asked(t, id, "ok").approvals["ok"]; a.Message != "Send this to ann@example.com?" || string(a.Input) != `{"text":"7 °C in Chisinau","to":"ann@example.com"}` {
			t.Errorf("asked %+v", a)
		}
		m.decide(id, "ok", ordinaut.DecisionApproved, "ann", `{"to": "ann@example.com", "text": "Mild today"}`)
		r := m.ended(t, id)
		var want any
		if err := json.Unmarshal([]byte(fenced(t, "json answer")), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, outputOf(t, &r, "ok")); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", r.out, diff)
		}
		if diff := cmp.Diff(map[string]any{"to": "ann@example.com", "text": "Mild today"}, sent); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
	})
}
