package executor

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// endless hands out n runs and takes their outcomes at no cost: what is left is the executor's own.
type endless struct {
	memStore
	spec  *ordinaut.TaskSpec
	left  atomic.Int64
	ended atomic.Int64
	total int64
	done  chan struct{}
}

func (e *endless) ClaimRuns(_ context.Context, _ string, _ time.Duration, limit int) ([]ordinaut.Attempt, error) {
	n := min(int64(limit), e.left.Load())
	e.left.Add(-n)
	out := make([]ordinaut.Attempt, n)
	now := time.Now()
	for i := range out {
		out[i] = ordinaut.Attempt{Lease: ordinaut.Lease{RunID: ordinaut.NewRunID(), Epoch: 1}, TaskVersion: 1, DueAt: now, QueuedAt: now, ClaimedAt: now, Seq: 2}
	}
	return out, nil
}

func (e *endless) Record(_ context.Context, recs []ordinaut.Record) ([]ordinaut.RunID, error) {
	n := int64(0)
	for i := range recs {
		if recs[i].Outcome != nil {
			n++
		}
	}
	if e.ended.Add(n) == e.total {
		close(e.done)
	}
	return nil, nil
}

func (e *endless) RenewLeases(context.Context, string, time.Duration, []ordinaut.Lease) (lost, canceled []ordinaut.RunID, err error) {
	return nil, nil, nil
}

func (e *endless) TaskVersion(context.Context, ordinaut.NamespaceID, ordinaut.TaskID, int) (*ordinaut.TaskSpec, error) {
	return e.spec, nil
}

func noop(context.Context, *ordinaut.Attempt) (json.RawMessage, error) { return nil, nil }

func benchmarkAlone(b *testing.B, spec ordinaut.TaskSpec, handler func(context.Context, *ordinaut.Attempt) (json.RawMessage, error)) {
	b.ReportAllocs()
	s := &endless{spec: &spec, total: int64(b.N), done: make(chan struct{})}
	s.left.Store(int64(b.N))
	e, err := New(Config{Store: s, Worker: "w", Handler: handler, Log: slog.New(slog.DiscardHandler), RescueEvery: time.Hour, Poll: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	b.ResetTimer()
	over := make(chan error, 1)
	go func() { over <- e.Run(ctx) }()
	<-s.done
	b.StopTimer()
	cancel()
	<-over
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}

// BenchmarkEngineAlone is what a run costs the executor itself: claiming, a goroutine, its outcome.
func BenchmarkEngineAlone(b *testing.B) { benchmarkAlone(b, steps(), noop) }

// BenchmarkInterpreterAlone adds a pipeline of one step that is recorded with the outcome.
func BenchmarkInterpreterAlone(b *testing.B) {
	step := uses("say", "data.transform")
	step.With = map[string]any{"input": "hello", "expression": "@"}
	benchmarkAlone(b, steps(step), nil)
}

func benchmarkDrain(b *testing.B, spec ordinaut.TaskSpec, handler func(context.Context, *ordinaut.Attempt) (json.RawMessage, error)) {
	s := storetest.Store(b)
	task := storetest.Task(b, s, spec)
	call := storetest.Call(b, s, "bench")
	for left := b.N; left > 0; left -= 1000 {
		batch := make([]store.NewRun, min(left, 1000))
		for i := range batch {
			batch[i].TaskID = task.ID
		}
		if _, err := s.InsertRuns(b.Context(), call, batch); err != nil {
			b.Fatal(err)
		}
	}
	counted := &counting{Store: s, total: int64(b.N), done: make(chan struct{})}
	e, err := New(Config{Store: counted, Worker: "w", Handler: handler, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	b.ResetTimer()
	over := make(chan error, 1)
	go func() { over <- e.Run(ctx) }()
	<-counted.done
	b.StopTimer()
	cancel()
	<-over
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
	b.ReportMetric(float64(b.N)/float64(counted.calls.Load()), "recs/commit")
}

// counting tells when all runs have ended.
type counting struct {
	*store.Store
	ended, calls atomic.Int64
	total        int64
	done         chan struct{}
}

func (c *counting) Record(ctx context.Context, recs []ordinaut.Record) ([]ordinaut.RunID, error) {
	lost, err := c.Store.Record(ctx, recs)
	n := int64(0)
	for i := range recs {
		if recs[i].Outcome != nil && err == nil {
			n++
		}
	}
	c.calls.Add(1)
	if c.ended.Add(n) == c.total {
		close(c.done)
	}
	return lost, err
}

// BenchmarkDrain empties a queue of no-op runs on the real database.
func BenchmarkDrain(b *testing.B) { benchmarkDrain(b, storetest.Spec("bench"), noop) }

// BenchmarkDrainStep empties a queue of runs of one recorded step.
func BenchmarkDrainStep(b *testing.B) {
	spec := storetest.Spec("bench")
	spec.Pipeline = []ordinaut.Step{{ID: "say", Uses: "data.transform", With: map[string]any{"input": "hello", "expression": "@"}}}
	benchmarkDrain(b, spec, nil)
}
