package storetest

import (
	"iter"
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// Upheld fails the test for each law of [store.Laws] that does not hold on what it has left in the database
// of s. check is that of a scheduler's auditor, which this package cannot know.
func Upheld(t testing.TB, s *store.Store, check func(ordinaut.AuditedTask, iter.Seq[ordinaut.Occurrence]) []ordinaut.Audited) {
	t.Helper()
	all, err := s.Verify(t.Context(), check)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Violations > 0 {
			t.Errorf("%s: %s, but %d of %d do not:\n%s", v.ID, v.What, v.Violations, v.Checked, strings.Join(v.Shown, "\n"))
		}
	}
}
