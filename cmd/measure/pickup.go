package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// pickupPatience is how long one run may take to start before the measurement is given up.
const pickupPatience = 30 * time.Second

// Pickup measures the delay from the call that queues a run to the start of its handler, n times, one
// run after the other with pauses of 5 to 150 ms. The call comes from the worker's own process.
func (p *Place) Pickup(ctx context.Context, n int) (Result, error) {
	return p.pickup(ctx, "pickup", n, func(e *engine) (*store.Store, func(), error) { return e.store, func() {}, nil })
}

// PickupAcross is [Place.Pickup] with a call that comes from another process, as far as the worker
// can tell: it learns of the run through Postgres alone.
func (p *Place) PickupAcross(ctx context.Context, n int) (Result, error) {
	return p.pickup(ctx, "pickup across", n, func(*engine) (*store.Store, func(), error) {
		s, err := store.New(store.Config{Pool: p.pool, Log: p.log})
		if err != nil {
			return nil, nil, err
		}
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				p.log.ErrorContext(ctx, "the caller's store ended", "err", err)
			}
		})
		return s, func() { cancel(); running.Wait() }, nil
	})
}

func (p *Place) pickup(ctx context.Context, name string, n int, from func(*engine) (*store.Store, func(), error)) (Result, error) {
	started := make(chan time.Time, 1)
	e, err := p.start(ctx, n, func(context.Context, *ordinaut.Attempt) (json.RawMessage, error) {
		started <- time.Now()
		return nil, nil
	})
	if err != nil {
		return Result{}, err
	}
	e.work()
	caller, release, err := from(e)
	if err != nil {
		return Result{}, errors.Join(err, e.stop())
	}
	defer release()
	r, err := Delays(ctx, p.meter, system, name, n, func(ctx context.Context) error {
		_, err := caller.CreateRun(ctx, e.call, e.task, nil)
		return err
	}, started)
	return r, errors.Join(err, e.stop())
}

// Delays calls enqueue n times with random pauses of 5 to 150 ms and measures the time until started
// tells that the work began. Ten calls before warm up.
func Delays(ctx context.Context, m *Meter, system, name string, n int, enqueue func(context.Context) error, started <-chan time.Time) (Result, error) {
	const warmUp = 10
	delays := make([]float64, 0, n)
	mark, err := m.Read(ctx)
	if err != nil {
		return Result{}, err
	}
	for i := range warmUp + n {
		select {
		case <-ctx.Done():
			return Result{}, context.Cause(ctx)
		case <-time.After(5*time.Millisecond + rand.N(145*time.Millisecond)):
		}
		before := time.Now()
		if err := enqueue(ctx); err != nil {
			return Result{}, fmt.Errorf("enqueue: %w", err)
		}
		select {
		case at := <-started:
			if i >= warmUp {
				delays = append(delays, float64(at.Sub(before).Nanoseconds())/1e6)
			}
		case <-time.After(pickupPatience):
			return Result{}, fmt.Errorf("run %d of %d was not picked up within %v", i+1, n+warmUp, pickupPatience)
		case <-ctx.Done():
			return Result{}, context.Cause(ctx)
		}
	}
	cost, err := m.Since(ctx, mark)
	if err != nil {
		return Result{}, err
	}
	r := NewResult(system, name, n, cost)
	r.Paced = true
	r.P50, r.P99 = Percentile(delays, 50), Percentile(delays, 99)
	return r, nil
}
