package executor

import (
	"strings"
	"sync"

	"github.com/ordinaut/ordinaut"
)

// recorded is what is known of the steps of a run: what earlier attempts left, and what this one has recorded
// within flows, where a step may be come to again. It is safe for concurrent use.
type recorded struct {
	mu    sync.Mutex // guards what follows
	byID  map[string]ordinaut.StepResult
	bytes int // of outputs
}

func (r *recorded) put(s *ordinaut.StepResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = make(map[string]ordinaut.StepResult)
	}
	r.bytes += len(s.Output) - len(r.byID[s.StepID].Output)
	r.byID[s.StepID] = *s
}

// size returns how much the outputs come to, in bytes.
func (r *recorded) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes
}

func (r *recorded) get(id string) (ordinaut.StepResult, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.byID[id]
	return s, ok
}

// final returns the result of a step that has ended.
func (r *recorded) final(id string) (ordinaut.StepResult, bool) {
	s, ok := r.get(id)
	return s, ok && s.State.Final()
}

// open returns that of a step that has begun and not ended: it waits, or is a flow.
func (r *recorded) open(id string) (ordinaut.StepResult, bool) {
	s, ok := r.get(id)
	return s, ok && !s.State.Final()
}

// under returns the steps that have begun and not ended whose ids have a prefix.
func (r *recorded) under(prefix string) []ordinaut.StepResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []ordinaut.StepResult
	for id, s := range r.byID {
		if strings.HasPrefix(id, prefix) && !s.State.Final() {
			found = append(found, s)
		}
	}
	return found
}
