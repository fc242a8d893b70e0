package mcp

import (
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// What a condition did not start is told by what its latest probe found, and by its cooldown and deadline.
func TestExplainTaskTellsOfConditions(t *testing.T) {
	t.Parallel()
	t.Run("condition_false", func(t *testing.T) {
		t.Parallel()
		w := newWatchtower(t)
		w.work(t)
		task := w.newTask(t, w.watching(nil))
		w.probe(t)
		w.expect(t, task, ordinaut.ReasonConditionFalse, "asked for no run, because it was not met.", "")
	})
	t.Run("ran, and the probe that asked for it is no finding", func(t *testing.T) {
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
	})
	t.Run("condition_false, met and had its run", func(t *testing.T) {
		t.Parallel()
		w := newWatchtower(t)
		w.work(t)
		task := w.newTask(t, w.watching(nil))
		w.says(`{"level": 9}`)
		w.probe(t)
		w.ended(t)
		w.probe(t)
		w.expect(t, task, ordinaut.ReasonConditionFalse, "and had its run for that.", "")
	})
	t.Run("cooldown", func(t *testing.T) {
		t.Parallel()
		w := newWatchtower(t)
		w.work(t)
		task := w.newTask(t, w.watching(object{"mode": "level", "cooldown_seconds": 600}))
		w.says(`{"level": 9}`)
		w.probe(t)
		w.ended(t)
		w.probe(t)
		w.expect(t, task, ordinaut.ReasonCooldown, "within cooldown_seconds of its latest start (600).", "update_task")
	})
	t.Run("action_failed", func(t *testing.T) {
		t.Parallel()
		w := newWatchtower(t)
		w.work(t)
		task := w.newTask(t, w.watching(nil))
		w.says("")
		w.probe(t)
		w.expect(t, task, ordinaut.ReasonActionFailed, "because an action answered with an error", "get_run")
	})
	t.Run("deadline_passed", func(t *testing.T) {
		t.Parallel()
		w := newWatchtower(t)
		task := w.newTask(t, w.watching(object{"deadline": "2035-01-01T00:00:00Z"}))
		w.sql(t, `UPDATE task SET ends_at = now() - interval '1 minute', next_at = NULL, due_at = now() - interval '1 second',
    rules = jsonb_set(rules, '{condition,deadline}', to_jsonb(now() - interval '1 minute'))`)
		w.sql(t, `UPDATE task_version SET spec = jsonb_set(spec, '{schedule,rules,condition,deadline}', to_jsonb(now() - interval '1 minute'))`)
		w.tickAsIs(t)
		w.expect(t, task, ordinaut.ReasonDeadlinePassed, "It started nothing, because its condition was not met until its deadline", "update_task")
	})
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
