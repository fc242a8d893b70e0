package mcp

import (
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// explainedCondition is a case of explain_task about a condition.
type explainedCondition struct {
	name     string
	verdict  ordinaut.Reason
	sentence string // is in what is said
	fix      string
	cause    func(t *testing.T, w *watchtower) (task string)
}

// explainedConditions are the verdicts that come of probes.
func explainedConditions() []explainedCondition {
	return []explainedCondition{
		{
			name: "condition_false", verdict: ordinaut.ReasonConditionFalse, sentence: "asked for no run, because it was not met.", fix: "",
			cause: func(t *testing.T, w *watchtower) string {
				w.work(t)
				task := w.newTask(t, w.watching(nil))
				w.probe(t)
				return task
			},
		},
		{
			name: "condition_false, met and had its run", verdict: ordinaut.ReasonConditionFalse, sentence: "and had its run for that.", fix: "",
			cause: func(t *testing.T, w *watchtower) string {
				w.work(t)
				task := w.newTask(t, w.watching(nil))
				w.says(`{"level": 9}`)
				w.probe(t)
				w.ended(t)
				w.probe(t)
				return task
			},
		},
		{
			name: "cooldown", verdict: ordinaut.ReasonCooldown, sentence: "within cooldown_seconds of its latest start (600).", fix: "update_task",
			cause: func(t *testing.T, w *watchtower) string {
				w.work(t)
				task := w.newTask(t, w.watching(object{"mode": "level", "cooldown_seconds": 600}))
				w.says(`{"level": 9}`)
				w.probe(t)
				w.ended(t)
				w.probe(t)
				return task
			},
		},
		{
			name: "action_failed", verdict: ordinaut.ReasonActionFailed, sentence: "because an action answered with an error", fix: "get_run",
			cause: func(t *testing.T, w *watchtower) string {
				w.work(t)
				task := w.newTask(t, w.watching(nil))
				w.says("")
				w.probe(t)
				return task
			},
		},
		{
			name: "deadline_passed", verdict: ordinaut.ReasonDeadlinePassed, sentence: "It started nothing, because its condition was not met until its deadline", fix: "update_task",
			cause: func(t *testing.T, w *watchtower) string {
				task := w.newTask(t, w.watching(object{"deadline": "2035-01-01T00:00:00Z"}))
				w.sql(t, `UPDATE task SET ends_at = now() - interval '1 minute', next_at = NULL, due_at = now() - interval '1 second',
    rules = jsonb_set(rules, '{condition,deadline}', to_jsonb(now() - interval '1 minute'))`)
				w.sql(t, `UPDATE task_version SET spec = jsonb_set(spec, '{schedule,rules,condition,deadline}', to_jsonb(now() - interval '1 minute'))`)
				w.tickAsIs(t)
				return task
			},
		},
	}
}

// What a condition did not start is told by what its latest probe found, and by its cooldown and deadline.
func TestExplainTaskTellsOfConditions(t *testing.T) {
	t.Parallel()
	for _, c := range explainedConditions() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWatchtower(t)
			w.expect(t, c.cause(t, w), c.verdict, c.sentence, c.fix)
		})
	}
}

// A probe that asked for the run is no finding of its own.
func TestExplainTaskTellsOfTheRunOfACondition(t *testing.T) {
	t.Parallel()
	w := newWatchtower(t)
	w.work(t)
	task := w.newTask(t, w.watching(nil))
	w.says(`{"level": 9}`)
	w.probe(t)
	w.ended(t)
	r := w.must(t, "explain_task", object{"task_id": task})
	if r.text1(t, "verdict") != string(ordinaut.VerdictRan) || r.content["counts"].(object)["condition_false"] != nil {
		t.Errorf("got %s", r.text)
	}
}

// expect asks about a task and makes the call that is proposed.
func (w *watchtower) expect(t *testing.T, task string, verdict ordinaut.Reason, sentence, fix string) {
	t.Helper()
	r := w.must(t, "explain_task", object{"task_id": task})
	if r.text1(t, "verdict") != string(verdict) || !strings.Contains(r.text1(t, "sentence"), sentence) {
		t.Errorf("want %s, %q: %s", verdict, sentence, r.text)
	}
	proposed, _ := r.at(t, "fix").(object)
	if fix == "" && proposed == nil {
		return
	}
	if proposed["tool"] != fix {
		t.Fatalf("fix %v, want %q", proposed, fix)
	}
	w.must(t, fix, proposed["arguments"])
}
