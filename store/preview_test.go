package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// A preview gives back the very schedule that was shown, to the agent that saw it, for a day; then it is
// forgotten.
func TestPreviewIsKeptForADay(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	agent, err := s.LocalAgent(t.Context(), "tester")
	if err != nil {
		t.Fatal(err)
	}
	starts := time.Date(2030, 3, 1, 9, 0, 0, 123456000, time.UTC)
	schedule := ordinaut.Schedule{
		Kind: ordinaut.ScheduleInterval, Expr: "PT90M", Timezone: "Europe/Chisinau", StartsAt: &starts,
		Overlap: ordinaut.OverlapSkip, CatchUp: ordinaut.CatchUpLatest, MaxRuns: 3,
		Rules: &ordinaut.Rules{Calendars: []string{"holidays"}, OnExcluded: ordinaut.ExcludedShift},
	}
	old, err := s.InsertPreview(t.Context(), agent, schedule)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := s.InsertPreview(t.Context(), agent, schedule)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.GetPreview(t.Context(), agent, old)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(schedule, got); diff != "" {
		t.Errorf("shown (-) and kept (+):\n%s", diff)
	}
	other := *agent
	other.ID = ordinaut.NewAgentID()
	if _, err := s.GetPreview(t.Context(), &other, old); ordinaut.CodeOf(err) != ordinaut.CodeNotFound {
		t.Errorf("another agent got %v, want not_found", err)
	}
	const age = `UPDATE preview SET created_at = created_at - interval '25 hours' WHERE id = $1`
	if _, err := pool.Exec(t.Context(), age, old); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetPreview(t.Context(), agent, old); ordinaut.CodeOf(err) != ordinaut.CodeNotFound {
		t.Errorf("a preview of yesterday gave %v, want not_found", err)
	}
	if err := store.ForgetPreviews(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	var left ordinaut.PreviewID
	if err := pool.QueryRow(t.Context(), `SELECT id FROM preview`).Scan(&left); err != nil || left != fresh {
		t.Errorf("left is %s (%v), want %s alone", left, err, fresh)
	}
}
