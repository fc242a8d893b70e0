package ordinaut_test

import (
	"slices"
	"testing"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/explain"
)

// The list of verdicts is closed: each reason that a row of the ledger or a run can carry is in it, each
// has its rule, and there is no rule besides. So nothing can be dropped for a reason that nobody explains.
func TestVerdictsAreAllListedAndExplained(t *testing.T) {
	t.Parallel()
	codes := ordinaut.VerdictCodes()
	for i, code := range codes {
		if slices.Contains(codes[:i], code) {
			t.Errorf("%s is in the list twice", code)
		}
	}
	for _, reason := range ordinaut.Reasons() {
		if !slices.Contains(codes, reason.Verdict()) {
			t.Errorf("the reason %s has no verdict", reason)
		}
	}
	explained := map[ordinaut.VerdictCode]bool{}
	for _, row := range explain.Table() {
		explained[row.Code] = true
		if !slices.Contains(codes, row.Code) || row.Meaning == "" {
			t.Errorf("package explain has a rule for %q that is not in the list, or says nothing", row.Code)
		}
	}
	for _, code := range codes {
		if !explained[code] {
			t.Errorf("package explain has no rule for %s: give it a meaning, a sentence and a fix in explain/rules.go", code)
		}
	}
}
