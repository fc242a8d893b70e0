package mcp

import (
	"slices"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// Each reason and each further verdict is explained in a test that brings it about: by the calls, ticks,
// workers and servers that bring it about in earnest. None is written into a row.
func TestEveryVerdictIsCausedAndExplained(t *testing.T) {
	t.Parallel()
	caused := map[ordinaut.VerdictCode]bool{}
	for _, c := range slices.Concat(explainedTimes(), explainedPolicies(), explainedEvents()) {
		caused[c.verdict] = true
	}
	for _, c := range explainedRuns("") {
		caused[c.reason.Verdict()] = true
	}
	for _, c := range explainedEnds() {
		caused[c.reason.Verdict()] = true
	}
	caused[explainedApproval.Verdict()] = true
	for _, c := range explainedConditions() {
		caused[c.verdict.Verdict()] = true
	}
	for _, code := range ordinaut.VerdictCodes() {
		if !caused[code] {
			t.Errorf("no test brings %s about and asks explain_task", code)
		}
		delete(caused, code)
	}
	for code := range caused {
		t.Errorf("%s is not in the list", code)
	}
}
