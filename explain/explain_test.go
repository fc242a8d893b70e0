package explain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/explain"
)

// A reason that a newer version of the program has written is told as it stands, and stays a problem.
func TestUnknownReasonIsTold(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 7, 30, 0, 0, time.UTC)
	h := ordinaut.TaskHistory{
		Task: ordinaut.Task{Spec: ordinaut.TaskSpec{Schedule: ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "30 8 * * *", Timezone: "Europe/Berlin"}}},
		Now:  at.Add(time.Hour), Since: at.Add(-time.Hour), Until: at.Add(time.Hour),
		Occurrences: []ordinaut.Occurrence{{
			NominalAt: at, LastAt: at, Count: 1, Kind: ordinaut.RunScheduled, Fate: ordinaut.FateSkipped, Reason: "of_tomorrow", DecidedAt: at,
		}},
	}
	got, err := explain.Explain(h, explain.Question{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Verdict != "of_tomorrow" || got.Sentence != "It was due at Mon 08:30 Europe/Berlin: of_tomorrow." || got.Fix != nil {
		t.Errorf("%s: %s, fix %v", got.Verdict, got.Sentence, got.Fix)
	}
	if len(got.Evidence) != 1 || !strings.Contains(got.Evidence[0].What, "skipped (of_tomorrow)") {
		t.Errorf("evidence %v", got.Evidence)
	}
}
