package store_test

import (
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// must returns v, or fails the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// claimAll claims up to limit runs for worker "w".
func claimAll(t testing.TB, s *store.Store, limit int) []ordinaut.Attempt {
	t.Helper()
	return must(s.ClaimRuns(t.Context(), "w", 30*time.Second, limit))(t)
}

// claimOne claims the one run that is ready.
func claimOne(t testing.TB, s *store.Store) ordinaut.Attempt {
	t.Helper()
	all := claimAll(t, s, 10)
	if len(all) != 1 {
		t.Fatalf("claimed %d runs, want 1", len(all))
	}
	return all[0]
}

// record records recs and fails the test if a lease is lost.
func record(t testing.TB, s *store.Store, recs ...ordinaut.Record) {
	t.Helper()
	lost := must(s.Record(t.Context(), recs))(t)
	if len(lost) > 0 {
		t.Fatalf("leases lost: %v", lost)
	}
}

// ended is a record that ends an attempt as succeeded.
func ended(a ordinaut.Attempt) ordinaut.Record {
	return ordinaut.Record{Lease: a.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunSucceeded, Seq: a.Seq + 1}}
}

// step is a succeeded result of step id.
func step(id string, seq int64) ordinaut.StepResult {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return ordinaut.StepResult{
		StepID: id, Uses: "data.transform", State: ordinaut.StepSucceeded, Tries: 1,
		Output: []byte(`{"ok": true}`), OutputBytes: 12, StartedAt: now, FinishedAt: &now, Seq: seq,
	}
}

func codeIs(t testing.TB, err error, want ordinaut.Code) {
	t.Helper()
	if err == nil || ordinaut.CodeOf(err) != want {
		t.Errorf("error = %v, want code %s", err, want)
	}
}
