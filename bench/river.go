package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/ordinaut/ordinaut/cmd/measure"
)

// riverSide is River, a job queue for Go on Postgres, in one of two settings.
type riverSide struct {
	pool  *pgxpool.Pool
	meter *measure.Meter
	label string
	cfg   riverSettings
}

// riverSettings are the settings that change River's speed here. All else is its default.
type riverSettings struct {
	workers        int
	cooldown, poll time.Duration
	timeout        time.Duration
}

// riverDefaults are those of its documentation: 100 workers, and what a zero means to River.
func riverDefaults() riverSettings { return riverSettings{workers: 100} }

// riverBest is what was found the fastest on this kind of machine: many workers, so that each fetch is
// large, hardly a pause between fetches, and no timer a job.
func riverBest() riverSettings {
	return riverSettings{workers: 2000, cooldown: time.Millisecond, poll: 20 * time.Millisecond, timeout: -1}
}

type riverArgs struct{}

// Kind names the job for River.
func (riverArgs) Kind() string { return "nothing" }

func newRiver(ctx context.Context, pool *pgxpool.Pool, label string, cfg riverSettings) (*riverSide, error) {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	meter, err := measure.NewMeter(ctx, pool)
	return &riverSide{pool: pool, meter: meter, label: label, cfg: cfg}, err
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (r *riverSide) name() string { return r.label }

func (r *riverSide) clear(ctx context.Context) error {
	_, err := r.pool.Exec(ctx, `TRUNCATE river_job`)
	return err
}

func (r *riverSide) client(worked func()) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(context.Context, *river.Job[riverArgs]) error {
		worked()
		return nil
	}))
	return river.NewClient(riverpgxv5.New(r.pool), &river.Config{
		Logger: quiet(), Workers: workers, JobTimeout: r.cfg.timeout,
		FetchCooldown: r.cfg.cooldown, FetchPollInterval: r.cfg.poll,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: r.cfg.workers}},
	})
}

func (r *riverSide) insertAll(ctx context.Context, client *river.Client[pgx.Tx], n int, ended *measure.Counter) error {
	batch := make([]river.InsertManyParams, measure.InsertBatch)
	for i := range batch {
		batch[i].Args = riverArgs{}
	}
	for done := 0; done < n; done += measure.InsertBatch {
		if ended != nil {
			if err := ended.Await(ctx, done-measure.Backlog); err != nil {
				return err
			}
		}
		if _, err := client.InsertManyFast(ctx, batch[:min(measure.InsertBatch, n-done)]); err != nil {
			return err
		}
	}
	return nil
}

// settled waits until the jobs that were worked are also completed in the database: River writes
// that in batches, a moment later.
func (r *riverSide) settled(ctx context.Context) error {
	for {
		var open bool
		const query = `SELECT EXISTS (SELECT 1 FROM river_job WHERE state IN ('available', 'running'))`
		if err := r.pool.QueryRow(ctx, query).Scan(&open); err != nil || !open {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (r *riverSide) insert(ctx context.Context, n int) (measure.Result, error) {
	client, err := r.client(func() {})
	if err != nil {
		return measure.Result{}, err
	}
	return span(ctx, r.meter, r.name(), "insert", n, func() error { return r.insertAll(ctx, client, n, nil) })
}

func (r *riverSide) drain(ctx context.Context, n int) (measure.Result, error) {
	ended := measure.NewCounter(n)
	client, err := r.client(func() { ended.Add(1) })
	if err != nil {
		return measure.Result{}, err
	}
	if err := r.insertAll(ctx, client, n, nil); err != nil {
		return measure.Result{}, err
	}
	if _, err := r.pool.Exec(ctx, `VACUUM (ANALYZE) river_job`); err != nil {
		return measure.Result{}, err
	}
	result, err := span(ctx, r.meter, r.name(), "drain", n, func() error {
		if err := client.Start(ctx); err != nil {
			return err
		}
		return errors.Join(ended.Await(ctx, n), r.settled(ctx))
	})
	return result, errors.Join(err, client.Stop(ctx))
}

func (r *riverSide) flow(ctx context.Context, n int) (measure.Result, error) {
	ended := measure.NewCounter(n)
	client, err := r.client(func() { ended.Add(1) })
	if err != nil {
		return measure.Result{}, err
	}
	if err := client.Start(ctx); err != nil {
		return measure.Result{}, err
	}
	result, err := span(ctx, r.meter, r.name(), "flow", n, func() error {
		if err := r.insertAll(ctx, client, n, ended); err != nil {
			return err
		}
		return errors.Join(ended.Await(ctx, n), r.settled(ctx))
	})
	return result, errors.Join(err, client.Stop(ctx))
}

func (r *riverSide) pickup(ctx context.Context, n int) (measure.Result, error) {
	started := make(chan time.Time, 1)
	client, err := r.client(func() { started <- time.Now() })
	if err != nil {
		return measure.Result{}, err
	}
	if err := client.Start(ctx); err != nil {
		return measure.Result{}, err
	}
	result, err := measure.Delays(ctx, r.meter, r.name(), "pickup", n, func(ctx context.Context) error {
		_, err := client.Insert(ctx, riverArgs{}, nil)
		return err
	}, started)
	return result, errors.Join(err, client.Stop(ctx))
}
