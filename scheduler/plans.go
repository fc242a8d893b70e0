package scheduler

import (
	"container/list"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
)

// plans remembers the plans used most recently. Tasks with the same schedule share one.
type plans struct {
	zones zones

	mu    sync.Mutex // guards what follows; held only for a look-up or an insertion
	size  int
	order *list.List // of *remembered, the latest used first
	byKey map[planKey]*list.Element
}

// planKey is what a plan depends on.
type planKey struct {
	kind           ordinaut.ScheduleKind
	expr, timezone string
	starts, ends   int64 // Unix microseconds; 0: none
}

type remembered struct {
	key  planKey
	plan *Plan
}

func newPlans(size int) *plans {
	return &plans{size: max(size, 1), order: list.New(), byKey: map[planKey]*list.Element{}}
}

func keyOf(s ordinaut.Schedule) planKey {
	return planKey{kind: s.Kind, expr: s.Expr, timezone: s.Timezone, starts: unixMicro(s.StartsAt), ends: unixMicro(s.EndsAt)}
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
	if plan := p.recall(key); plan != nil {
		return plan, nil
	}
	plan, err := compile(s, &p.zones)
	if err != nil {
		return nil, err
	}
	p.remember(key, plan)
	return plan, nil
}

func (p *plans) recall(key planKey) *Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	element, ok := p.byKey[key]
	if !ok {
		return nil
	}
	p.order.MoveToFront(element)
	return element.Value.(*remembered).plan
}

func (p *plans) remember(key planKey, plan *Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.byKey[key]; ok {
		return
	}
	p.byKey[key] = p.order.PushFront(&remembered{key: key, plan: plan})
	if p.order.Len() > p.size {
		oldest := p.order.Back()
		p.order.Remove(oldest)
		delete(p.byKey, oldest.Value.(*remembered).key)
	}
}
