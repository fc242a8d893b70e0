package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// plans remembers the plans used most recently. Tasks with the same schedule share one.
type plans struct {
	zones zones
	*recent[planKey, *Plan]
}

// planKey is what a plan depends on.
type planKey struct {
	kind           ordinaut.ScheduleKind
	expr, timezone string
	starts, ends   int64 // Unix microseconds; 0: none
	// every is a condition's; its plan tells when to probe, whatever the rest of the condition says.
	every string
}

func newPlans(size int) *plans { return &plans{recent: newRecent[planKey, *Plan](size)} }

func keyOf(s ordinaut.Schedule) planKey {
	key := planKey{kind: s.Kind, expr: s.Expr, timezone: s.Timezone, starts: unixMicro(s.StartsAt), ends: unixMicro(s.EndsAt)}
	if s.Rules != nil && s.Rules.Condition != nil {
		end := watchEnd(s)
		key.ends, key.every = end.UnixMicro(), s.Rules.Condition.Every
		if end.IsZero() {
			key.ends = 0
		}
	}
	return key
}

func unixMicro(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMicro()
}

// get returns the plan of a stored schedule.
func (p *plans) get(s ordinaut.Schedule) (*Plan, error) {
	key := keyOf(s)
	if plan, ok := p.recall(key); ok {
		return plan, nil
	}
	plan, err := compile(s, &p.zones)
	if err != nil {
		return nil, err
	}
	p.remember(key, plan)
	return plan, nil
}
