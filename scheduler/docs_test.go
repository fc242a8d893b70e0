package scheduler

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Each row of the table of clock changes in the document is what the scheduler computes.
func TestClockChangesAreAsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(schedulingDoc)
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| (cron|rrule|interval) \\| `([^`]+)` \\| (\\S+) \\| (\\d{4}-\\d\\d-\\d\\d) \\| ([^|]+) \\|")
	rows := row.FindAllStringSubmatch(string(text), -1)
	if len(rows) < 8 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for _, r := range rows {
		zone, err := time.LoadLocation(r[3])
		if err != nil {
			t.Fatal(err)
		}
		from, err := time.ParseInLocation(time.DateOnly, r[4], time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		starts := from.Add(-12 * time.Hour)
		plan, _, err := Parse(ordinaut.Schedule{Kind: ordinaut.ScheduleKind(r[1]), Expr: strings.ReplaceAll(r[2], " / ", "\n"), Timezone: r[3], StartsAt: &starts}, starts)
		if err != nil {
			t.Fatalf("%s: %v", r[0], err)
		}
		var due []string
		for _, f := range plan.Preview(starts, 200) {
			if f.Local.Format(time.DateOnly) == r[4] {
				due = append(due, f.UTC.In(time.UTC).Format("15:04"))
			}
		}
		got := strings.Join(due, " ")
		if strings.HasSuffix(r[5], "times") {
			got = fmt.Sprintf("%d times", len(due))
		}
		if got != r[5] {
			t.Errorf("%s in %s on %s is due at %q, the document says %q", r[2], zone, r[4], got, r[5])
		}
	}
}
