package executor

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/ordinaut/ordinaut"
)

func (m *memStore) RescueRuns(context.Context, int) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return 0, errAway
	}
	for id, r := range m.runs {
		if r.place == "lease" && r.until.Before(m.now()) {
			m.steal(id)
			n++
		}
	}
	return n, nil
}

// steal takes a run from its holder, as a rescue does.
func (m *memStore) steal(id ordinaut.RunID) {
	r := m.runs[id]
	r.att.Seq++
	r.progress[r.att.Seq] = "run.requeued"
	r.place = "queue"
	r.crashes++
	m.order = append(m.order, id)
	poke(m.wakeQueue)
}

// ReleaseRuns has nothing to do: no run of this store is buffered.
func (m *memStore) ReleaseRuns(context.Context, int) (int, error) { return 0, nil }

func (m *memStore) WakeRuns(context.Context, int) (n int, next time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return 0, 0, errAway
	}
	next = time.Hour
	for id, r := range m.runs {
		if r.place != "wait" {
			continue
		}
		if left := r.due.Sub(m.now()); left > 0 {
			next = min(next, left)
			continue
		}
		r.place = "queue"
		m.order = append(m.order, id)
		n++
	}
	if n > 0 {
		poke(m.wakeQueue)
	}
	return n, next, nil
}

func (m *memStore) TaskVersion(_ context.Context, _ ordinaut.NamespaceID, id ordinaut.TaskID, _ int) (*ordinaut.TaskSpec, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errAway
	}
	m.versions++
	spec, ok := m.specs[id]
	if !ok {
		return nil, ordinaut.Errorf(ordinaut.CodeNotFound, "no such task")
	}
	return spec, nil
}

func (m *memStore) ListSteps(_ context.Context, _ ordinaut.NamespaceID, run ordinaut.RunID) ([]ordinaut.StepResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errAway
	}
	m.lists++
	return slices.Collect(maps.Values(m.runs[run].steps)), nil
}

func (m *memStore) GetEvent(_ context.Context, _ ordinaut.NamespaceID, id ordinaut.EventID) (ordinaut.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return ordinaut.Event{}, errAway
	}
	for _, run := range m.runs {
		for _, e := range run.events {
			if e.ID == id {
				return e, nil
			}
		}
	}
	return ordinaut.Event{}, ordinaut.Errorf(ordinaut.CodeNotFound, "no such event")
}

func (m *memStore) GetCursor(_ context.Context, _ ordinaut.NamespaceID, id ordinaut.TaskID, _ int) (json.RawMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errAway
	}
	return json.RawMessage(m.cursors[id]), nil
}
