package mcp

import (
	"testing"

	"github.com/ordinaut/ordinaut"
)

// explainedEnd is a case of explain_task about a run that others than its pipeline end.
type explainedEnd struct {
	reason ordinaut.Reason
	end    func(t *testing.T, h *house, v *visitor, task, run string)
	fix    string
}

// explainedEnds are the reasons for which a run is ended from outside.
func explainedEnds() []explainedEnd {
	return []explainedEnd{
		{ordinaut.ReasonCanceled, func(t *testing.T, _ *house, v *visitor, _, run string) {
			v.must(t, "cancel_run", object{"run_id": run})
		}, "retry_run"},
		{ordinaut.ReasonTaskDeleted, func(t *testing.T, _ *house, v *visitor, task, _ string) {
			v.must(t, "delete_task", object{"task_id": task})
		}, "create_task"},
		{ordinaut.ReasonWorkerCrashed, func(t *testing.T, h *house, v *visitor, _, run string) {
			h.crashWorkers(t)
			v.ended(t, run)
		}, "retry_run"},
	}
}

// A run that ended without its pipeline's doing is told so too.
func TestExplainTaskTellsOfRunsThatWereEnded(t *testing.T) {
	t.Parallel()
	for _, tc := range explainedEnds() {
		t.Run(string(tc.reason), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			v := h.connect(t, h.key)
			args := manual("Ended")
			args["pipeline"] = []object{{"id": "look", "uses": "http.request", "with": object{"url": h.deadlyURL(t)}}}
			task := v.newTask(t, args)
			run := v.newRun(t, task)
			tc.end(t, h, v, task, run)
			r := v.must(t, "explain_task", object{"task_id": task, "run_id": run})
			if got := r.text1(t, "verdict"); got != string(tc.reason) {
				t.Fatalf("verdict %s: %s", got, r.text)
			}
			checkEvidence(t, r, []string{"(" + string(tc.reason) + ")"})
			if got := r.text1(t, "fix", "tool"); got != tc.fix {
				t.Fatalf("fix %s, want %s", got, tc.fix)
			}
			v.must(t, tc.fix, r.at(t, "fix", "arguments"))
		})
	}
}
