package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

// errAway is what the store answers while it is away.
var errAway = &ordinaut.Error{Code: ordinaut.CodeUnavailable, Msg: "away"}

// memRun is one run in the fake, in exactly one of the places queue, lease, wait, ended.
type memRun struct {
	att      ordinaut.Attempt
	place    string
	worker   string
	until    time.Time
	due      time.Time
	canceled bool
	crashes  int
	out      *ordinaut.Outcome
	endedAt  time.Time
	steps    map[string]ordinaut.StepResult
	progress map[int64]string
	reports  []ordinaut.Progress
	events   []ordinaut.Event
	verdict  *ordinaut.Verdict
	// approvals are by step.
	approvals map[string]*ordinaut.Approval
}

// memStore keeps what the real store keeps, by the same rules, in memory, so that it works inside a
// synctest bubble. Its clock is skew ahead of the bubble's.
type memStore struct {
	mu                        sync.Mutex
	skew                      time.Duration
	runs                      map[ordinaut.RunID]*memRun
	order                     []ordinaut.RunID
	specs                     map[ordinaut.TaskID]*ordinaut.TaskSpec
	cursors                   map[ordinaut.TaskID]string
	away                      bool
	hang                      bool // Record never answers
	loseAnswer                int  // so many calls of Record do their work and then fail
	poison                    func(ordinaut.Record) bool
	stale                     int
	claims                    []int
	batches                   []int
	versions, lists, renewals int
	wakeQueue, wakeCancel     chan struct{}
	changed                   chan struct{}
}

func newMemStore() *memStore {
	return &memStore{
		runs: map[ordinaut.RunID]*memRun{}, specs: map[ordinaut.TaskID]*ordinaut.TaskSpec{},
		wakeQueue: make(chan struct{}, 1), wakeCancel: make(chan struct{}, 1), changed: make(chan struct{}),
	}
}

func (m *memStore) now() time.Time { return time.Now().Add(m.skew) }

// note tells those who wait in until; the caller holds mu.
func (m *memStore) note() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memStore) set(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
}

// task stores a definition and returns its id.
func (m *memStore) task(spec ordinaut.TaskSpec) ordinaut.TaskID {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := ordinaut.NewTaskID()
	m.specs[id] = &spec
	return id
}

// queue makes a run of the task and wakes the claimer.
func (m *memStore) queue(task ordinaut.TaskID, params string) ordinaut.RunID {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := ordinaut.NewRunID()
	now := m.now()
	r := &memRun{place: "queue", steps: map[string]ordinaut.StepResult{}, progress: map[int64]string{1: "run.queued"}}
	r.att = ordinaut.Attempt{
		Lease: ordinaut.Lease{RunID: id}, TaskID: task, TaskVersion: 1, Kind: ordinaut.RunManual, DueAt: now, QueuedAt: now, Seq: 1,
	}
	if params != "" {
		r.att.Params = json.RawMessage(params)
	}
	m.runs[id] = r
	m.order = append(m.order, id)
	poke(m.wakeQueue)
	return id
}

func (m *memStore) ClaimRuns(_ context.Context, worker string, ttl time.Duration, limit int) ([]ordinaut.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errAway
	}
	m.claims = append(m.claims, limit)
	var out []ordinaut.Attempt
	for _, id := range m.order {
		r := m.runs[id]
		if r.place != "queue" || len(out) == limit {
			continue
		}
		r.place, r.worker, r.until = "lease", worker, m.now().Add(ttl)
		r.att.Epoch++
		r.att.Seq++
		r.att.ClaimedAt = m.now()
		r.progress[r.att.Seq] = "run.started"
		out = append(out, r.att)
		if r.att.StartedAt == nil {
			started := r.att.ClaimedAt
			r.att.StartedAt = &started
		}
	}
	m.order = slices.DeleteFunc(m.order, func(id ordinaut.RunID) bool { return m.runs[id].place != "queue" })
	m.note()
	return out, nil
}

func (m *memStore) RenewLeases(_ context.Context, worker string, ttl time.Duration, held []ordinaut.Lease) (lost, canceled []ordinaut.RunID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, nil, errAway
	}
	m.renewals++
	for _, l := range held {
		r := m.runs[l.RunID]
		if r.place != "lease" || r.att.Epoch != l.Epoch || r.worker != worker {
			lost = append(lost, l.RunID)
			continue
		}
		r.until = m.now().Add(ttl)
		if r.canceled {
			canceled = append(canceled, l.RunID)
		}
	}
	return lost, canceled, nil
}

func (m *memStore) Record(ctx context.Context, recs []ordinaut.Record) (lost []ordinaut.RunID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.hang {
		m.mu.Unlock()
		<-ctx.Done()
		m.mu.Lock()
		return nil, ctx.Err()
	}
	if m.away {
		return nil, errAway
	}
	for _, rec := range recs {
		if m.poison != nil && m.poison(rec) {
			return nil, ordinaut.Errorf(ordinaut.CodeInvalidArgument, "a value cannot be stored")
		}
	}
	m.batches = append(m.batches, len(recs))
	for _, rec := range recs {
		r := m.runs[rec.Lease.RunID]
		if r.place != "lease" || r.att.Epoch != rec.Lease.Epoch {
			m.stale++
			lost = append(lost, rec.Lease.RunID)
			continue
		}
		m.apply(r, rec)
	}
	m.note()
	if m.loseAnswer > 0 {
		m.loseAnswer--
		return nil, errAway
	}
	return lost, nil
}

func (m *memStore) apply(r *memRun, rec ordinaut.Record) {
	put := func(seq int64, kind string) {
		if was, ok := r.progress[seq]; ok && was != kind {
			panic(fmt.Sprintf("entry %d was %s and became %s", seq, was, kind))
		}
		r.progress[seq] = kind
		r.att.Seq = max(r.att.Seq, seq)
	}
	for _, s := range rec.Steps {
		if was, ok := r.steps[s.StepID]; ok && was.State.Final() && !sameResult(was, s) {
			panic(fmt.Sprintf("step %s was %s and became %s", s.StepID, was.State, s.State))
		}
		r.steps[s.StepID] = s
		if a := s.Approval; a != nil && r.approvals[a.StepID] == nil {
			if r.approvals == nil {
				r.approvals = map[string]*ordinaut.Approval{}
			}
			own := *a
			r.approvals[a.StepID] = &own
		}
		if s.State.Final() {
			m.closeApproval(r, s.StepID)
		}
		if s.State.Final() {
			put(s.Seq, "step.finished")
		}
	}
	for _, p := range rec.Progress {
		put(p.Seq, string(p.Type))
		r.reports = append(r.reports, p)
	}
	for _, e := range rec.Events {
		if !slices.ContainsFunc(r.events, func(o ordinaut.Event) bool { return o.ID == e.ID }) {
			r.events = append(r.events, e)
		}
	}
	out := rec.Outcome
	if out == nil {
		return
	}
	r.out, r.verdict = out, rec.Verdict
	switch out.State {
	case ordinaut.RunQueued:
		put(out.Seq, "run.requeued")
		r.place = "queue"
		m.order = append(m.order, r.att.RunID)
		poke(m.wakeQueue)
	case ordinaut.RunWaiting:
		put(out.Seq, "run.waiting")
		r.place, r.due = "wait", m.now().Add(out.Delay)
		for step, a := range r.approvals {
			if a.Decision != "" && r.steps[step].State == ordinaut.StepWaiting {
				r.due = m.now()
			}
		}
		if out.Failed {
			r.att.Failures++
		}
	default:
		put(out.Seq, "run.finished")
		r.place, r.endedAt = "ended", m.now()
		for step := range r.approvals {
			if out.Asked {
				m.closeApproval(r, step)
			}
		}
	}
}

func sameResult(a, b ordinaut.StepResult) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func (m *memStore) cancel(id ordinaut.RunID) {
	m.set(func() { m.runs[id].canceled = true })
	poke(m.wakeCancel)
}

// until waits for the run to be as is says.
func (m *memStore) until(t *testing.T, id ordinaut.RunID, is func(*memRun) bool) memRun {
	t.Helper()
	limit := time.After(time.Hour)
	for {
		m.mu.Lock()
		r, changed := *m.runs[id], m.changed
		there := is(&r) // under the lock: the maps in it are the store's
		m.mu.Unlock()
		if there {
			return r
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("waited in vain; the run is in %s with %+v, steps %+v", r.place, r.out, r.steps)
		}
	}
}

func in(place string) func(*memRun) bool { return func(r *memRun) bool { return r.place == place } }

// ended waits for the run's end and checks that its progress has no gap.
func (m *memStore) ended(t *testing.T, id ordinaut.RunID) memRun {
	t.Helper()
	r := m.until(t, id, in("ended"))
	m.mu.Lock()
	defer m.mu.Unlock()
	for seq := int64(1); seq <= int64(len(r.progress)); seq++ {
		if r.progress[seq] == "" {
			t.Errorf("progress of the run has a gap at %d: %v", seq, r.progress)
		}
	}
	if last := r.progress[int64(len(r.progress))]; last != "run.finished" {
		t.Errorf("the last entry is %q, want run.finished", last)
	}
	return r
}
