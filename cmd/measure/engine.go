package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor"
	"github.com/ordinaut/ordinaut/store"
)

// system is what our results are called.
const system = "ordinaut"

// InsertBatch is how many runs one insert makes.
const InsertBatch = 1000

// Backlog is how many runs the inserter of a flow may be ahead of the workers: enough that they never
// starve, few enough that inserting, claiming and finishing go on side by side.
const Backlog = 10_000

// engine is a store and an executor at work, with default settings.
type engine struct {
	store *store.Store
	call  ordinaut.Call
	task  ordinaut.TaskID
	ended *Counter
	// work starts the executor, which a drain does late. stop ends all and waits.
	work func()
	stop func() error
}

type handler = func(ctx context.Context, a *ordinaut.Attempt) (json.RawMessage, error)

// nothing is the run that only passes through.
func nothing(context.Context, *ordinaut.Attempt) (json.RawMessage, error) { return nil, nil }

// start readies an engine that will see n runs end. A nil handler interprets the task's pipeline.
func (p *Place) start(ctx context.Context, n int, handle handler) (*engine, error) {
	s, err := store.New(store.Config{Pool: p.pool, Log: p.log})
	if err != nil {
		return nil, err
	}
	call, task, err := p.task(ctx, s)
	if err != nil {
		return nil, err
	}
	ended := NewCounter(n)
	queue, unsubscribe := s.Subscribe(store.WakeQueue)
	e, err := executor.New(executor.Config{
		Store: countingStore{s, ended}, Worker: "bench", WakeQueue: queue, Handler: handle, Log: p.log,
	})
	if err != nil {
		unsubscribe()
		return nil, err
	}
	// The store goes on until the executor has stopped.
	storeCtx, stopStore := context.WithCancel(ctx)
	workCtx, stopWork := context.WithCancel(ctx)
	var storing, working sync.WaitGroup
	var storeErr, workErr error
	storing.Go(func() { storeErr = s.Run(storeCtx) })
	return &engine{
		store: s, call: call, task: task, ended: ended,
		work: func() { working.Go(func() { workErr = e.Run(workCtx) }) },
		stop: func() error {
			stopWork()
			working.Wait()
			stopStore()
			storing.Wait()
			unsubscribe()
			if workErr != nil {
				return fmt.Errorf("executor: %w", workErr)
			}
			return storeErr
		},
	}, nil
}

// insert queues n runs, batch by batch, and keeps at most ahead runs before the workers; 0 sets no
// bound.
func (e *engine) insert(ctx context.Context, n, ahead int) error {
	batch := make([]store.NewRun, 0, InsertBatch)
	for done := 0; done < n; done += len(batch) {
		if ahead > 0 {
			if err := e.ended.Await(ctx, done-ahead); err != nil {
				return err
			}
		}
		batch = batch[:0]
		for range min(InsertBatch, n-done) {
			batch = append(batch, store.NewRun{TaskID: e.task})
		}
		if _, err := e.store.InsertRuns(ctx, e.call, batch); err != nil {
			return err
		}
	}
	return nil
}

// countingStore counts the runs whose end is committed, at no cost to the database. A run that does
// not succeed spoils the measurement.
type countingStore struct {
	*store.Store
	ended *Counter
}

// Record implements [executor.Queue].
func (s countingStore) Record(ctx context.Context, recs []ordinaut.Record) ([]ordinaut.RunID, error) {
	lost, err := s.Store.Record(ctx, recs)
	if err != nil {
		return lost, err
	}
	gone := make(map[ordinaut.RunID]bool, len(lost))
	for _, id := range lost {
		gone[id] = true
	}
	count := 0
	for i := range recs {
		lease, out := recs[i].Lease, recs[i].Outcome
		switch {
		case out == nil:
		case gone[lease.RunID] || out.State != ordinaut.RunSucceeded:
			s.ended.Fail(fmt.Errorf("run %s ended as %s (%s) instead of succeeding: %s", lease.RunID, out.State, out.Reason, out.Error))
		default:
			count++
		}
	}
	s.ended.Add(count)
	return lost, nil
}
