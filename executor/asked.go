package executor

import (
	"slices"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
)

// asked is what a run has asked people, as far as the attempt knows. It is safe for concurrent use.
type asked struct {
	mu     sync.Mutex // guards what follows
	byStep map[string]ordinaut.Approval
	// waited is for how long at least one of them is, was or may be open.
	waited time.Duration
}

func (q *asked) get(step string) (ordinaut.Approval, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a, ok := q.byStep[step]
	return a, ok
}

func (q *asked) put(a *ordinaut.Approval) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byStep == nil {
		q.byStep = make(map[string]ordinaut.Approval)
	}
	q.byStep[a.StepID] = *a
	q.waited = covered(q.byStep)
}

// time is for how long the run's own time stands still.
func (q *asked) time() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waited
}

// covered is how long the stretches are in which any of the approvals was open; where several were, it counts
// once.
func covered(all map[string]ordinaut.Approval) time.Duration {
	type stretch struct{ from, to time.Time }
	stretches := make([]stretch, 0, len(all))
	for _, a := range all {
		from, to := a.Waited()
		stretches = append(stretches, stretch{from, to})
	}
	slices.SortFunc(stretches, func(a, b stretch) int { return a.from.Compare(b.from) })
	var sum time.Duration
	var end time.Time
	for _, s := range stretches {
		if s.from.Before(end) {
			s.from = end
		}
		if s.to.After(s.from) {
			sum += s.to.Sub(s.from)
			end = s.to
		}
	}
	return sum
}
