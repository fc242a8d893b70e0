package executor

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ordinaut/ordinaut"
)

// probing is a task that watches what an action gives.
func probing(c ordinaut.Condition) ordinaut.TaskSpec {
	spec := steps(uses("never", "s.never"))
	spec.Schedule = ordinaut.Schedule{Kind: ordinaut.ScheduleCondition, Timezone: "UTC", Rules: &ordinaut.Rules{Condition: &c}}
	return spec
}

// A probe runs its one step and nothing of the pipeline, and its outcome carries the verdict: what was
// found, or why nothing was.
func TestProbeGivesItsVerdict(t *testing.T) {
	t.Parallel()
	given := func(v any) ordinaut.Probe {
		return ordinaut.Probe{Uses: "data.transform", With: map[string]any{"input": v, "expression": "@"}}
	}
	for _, tc := range []struct {
		name      string
		condition ordinaut.Condition
		cursor    string
		state     ordinaut.RunState
		reason    ordinaut.Reason
		met       string
		error     string
		leaves    string
	}{
		{"met", ordinaut.Condition{Probe: given(7.0), When: "result > 5"}, "", ordinaut.RunSucceeded, "", "true", "", ""},
		{"not met", ordinaut.Condition{Probe: given(3.0), When: "result > 5"}, "", ordinaut.RunSucceeded, "", "false", "", ""},
		{"null is not met", ordinaut.Condition{Probe: given(3.0), When: "result.level"}, "", ordinaut.RunSucceeded, "", "false", "", ""},
		{"cursor goes on", ordinaut.Condition{Probe: given("${cursor || 1}"), When: "result > cursor", Cursor: "result + 1"}, "41", ordinaut.RunSucceeded, "", "false", "", "42"},
		{"cursor at first", ordinaut.Condition{Probe: given("${cursor || 1}"), When: "cursor == null", Cursor: "result"}, "", ordinaut.RunSucceeded, "", "true", "", "1"},
		{"the step fails", ordinaut.Condition{Probe: ordinaut.Probe{Uses: "s.gone"}, When: "@"}, "", ordinaut.RunFailed, ordinaut.ReasonUnknownAction, "", "no such tool", ""},
		{"when fails", ordinaut.Condition{Probe: given("x"), When: "abs(result) > 1"}, "", ordinaut.RunFailed, ordinaut.ReasonTemplateError, "", "when: ", ""},
		{"cursor too long", ordinaut.Condition{Probe: given(strings.Repeat("x", ordinaut.MaxCursor)), When: "true", Cursor: "result"}, "", ordinaut.RunFailed, ordinaut.ReasonTemplateError, "", "at most 4096", ""},
		{"no longer read-only", ordinaut.Condition{Probe: ordinaut.Probe{Uses: "s.write"}, When: "true"}, "", ordinaut.RunFailed, ordinaut.ReasonPermissionDenied, "", "only looks", ""},
		{"posts after all", ordinaut.Condition{Probe: ordinaut.Probe{Uses: "http.request", With: map[string]any{"url": "http://127.0.0.1:1/", "method": "${params.m || 'POST'}"}}, When: "true"}, "", ordinaut.RunFailed, ordinaut.ReasonPermissionDenied, "", "GET or HEAD", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemStore()
				task := m.task(probing(tc.condition))
				if tc.cursor != "" {
					m.cursors = map[ordinaut.TaskID]string{task: tc.cursor}
				}
				id := m.queue(task, "")
				m.set(func() { m.runs[id].att.Kind = ordinaut.RunProbe })
				stop := start(t, quietConfig(m, tools{"s.write": answer(`{}`)}))
				defer stop()
				r := m.ended(t, id)
				if r.out.State != tc.state || r.out.Reason != tc.reason {
					t.Errorf("ended as %s(%s): %s", r.out.State, r.out.Reason, r.out.Error)
				}
				v := r.verdict
				if v == nil || v.TaskVersion != 1 {
					t.Fatalf("verdict = %+v", v)
				}
				met := ""
				if v.Met != nil {
					raw, _ := json.Marshal(*v.Met)
					met = string(raw)
				}
				if met != tc.met || !strings.Contains(v.Error, tc.error) || (tc.error == "") != (v.Error == "") || string(v.Cursor) != tc.leaves {
					t.Errorf("verdict: met %q, error %q, cursor %s", met, v.Error, v.Cursor)
				}
				if _, recorded := r.steps["probe"]; !recorded || len(r.steps) != 1 {
					t.Errorf("steps = %v", r.steps)
				}
			})
		})
	}
}

// What a probe found is kept whole when it is short, else its beginning as text, in bounds either way.
func TestVerdictValueIsBounded(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]string{
		"short": `{"a":1}`, "long": `"` + strings.Repeat("x", 10_000) + `"`, "quotes": `["` + strings.Repeat(`\"`, 5_000) + `"]`,
	} {
		got := excerpt(&ordinaut.StepResult{Output: json.RawMessage(output)})
		if !json.Valid(got) || len(got) > ordinaut.MaxVerdictValue || (name == "short") != (string(got) == output) {
			t.Errorf("%s: %d bytes: %.60s", name, len(got), got)
		}
	}
}
