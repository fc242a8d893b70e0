package scheduler

import (
	"testing"

	"github.com/ordinaut/ordinaut"
)

// Law: the memory of plans stays within its size and never answers with another schedule's plan.
func TestPlansAreBounded(t *testing.T) {
	t.Parallel()
	p := newPlans(3)
	for i := range 10 {
		s := ordinaut.Schedule{Kind: "cron", Expr: string(rune('0'+i)) + " * * * *", Timezone: "UTC"}
		plan, err := p.get(s)
		if err != nil {
			t.Fatal(err)
		}
		next, _ := plan.Next(at("2026-11-22T10:59:59Z"))
		if next.Minute() != i {
			t.Errorf("minute %d: next is %s", i, next)
		}
		if again, _ := p.get(s); again != plan {
			t.Errorf("minute %d: read again", i)
		}
	}
	if p.order.Len() != 3 || len(p.byKey) != 3 {
		t.Errorf("remembers %d plans by %d keys, want 3", p.order.Len(), len(p.byKey))
	}
}
