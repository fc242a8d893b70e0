package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/cmd/measure"
)

// raw is the least that a durable queue on Postgres can be, as a ceiling for everybody else: one table
// of jobs, one of history, a claim and a completion in batches, nothing decided and nothing read back
// but what a worker must know.
// rawLoops is how many workers claim and complete side by side: one a core here, more gain nothing.
const rawLoops = 2

type raw struct {
	pool  *pgxpool.Pool
	meter *measure.Meter
	batch int
}

// The rows hold what any useful history must: what ran, why, when and how it ended.
const rawTables = `
CREATE TABLE job (
	id uuid PRIMARY KEY, task_id uuid NOT NULL, kind text NOT NULL, priority smallint NOT NULL,
	due_at timestamptz NOT NULL, queued_at timestamptz NOT NULL DEFAULT clock_timestamp(), args jsonb,
	epoch integer NOT NULL DEFAULT 0, until timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON job (priority, due_at, id) WHERE until IS NULL;
CREATE TABLE history (
	id uuid PRIMARY KEY, task_id uuid NOT NULL, kind text NOT NULL, priority smallint NOT NULL, epoch integer NOT NULL,
	due_at timestamptz NOT NULL, queued_at timestamptz NOT NULL, started_at timestamptz NOT NULL,
	finished_at timestamptz NOT NULL, state text NOT NULL, args jsonb, result jsonb
);`

// newRaw makes the tables. All is inserted, claimed and completed in batches of that size.
func newRaw(ctx context.Context, pool *pgxpool.Pool, batch int) (*raw, error) {
	if _, err := pool.Exec(ctx, rawTables); err != nil {
		return nil, err
	}
	meter, err := measure.NewMeter(ctx, pool)
	return &raw{pool: pool, meter: meter, batch: batch}, err
}

func (r *raw) name() string { return fmt.Sprintf("raw SQL, %d", r.batch) }

func (r *raw) clear(ctx context.Context) error {
	_, err := r.pool.Exec(ctx, `TRUNCATE job, history`)
	return err
}

func (r *raw) insertBatch(ctx context.Context, n int) error {
	const insert = `INSERT INTO job (id, task_id, kind, priority, due_at, args)
SELECT id, $2, 'manual', 5, clock_timestamp(), '{}' FROM unnest($1::uuid[]) AS id`
	ids := make([][16]byte, n)
	for i := range ids {
		ids[i] = ordinaut.NewRunID()
	}
	_, err := r.pool.Exec(ctx, insert, ids, [16]byte{1})
	return err
}

// claim takes up to r.batch jobs for 30 s. Their ids come back, and when they were claimed.
func (r *raw) claim(ctx context.Context) (ids [][16]byte, at time.Time, err error) {
	const claim = `WITH ready AS (
	SELECT id FROM job WHERE until IS NULL ORDER BY priority, due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
), claimed AS (
	UPDATE job SET until = clock_timestamp() + interval '30 s', epoch = epoch + 1 FROM ready WHERE job.id = ready.id
	RETURNING job.id
)
SELECT coalesce(array_agg(id), '{}'), clock_timestamp() FROM claimed`
	err = r.pool.QueryRow(ctx, claim, r.batch).Scan(&ids, &at)
	return ids, at, err
}

func (r *raw) complete(ctx context.Context, ids [][16]byte, claimed time.Time) error {
	const complete = `WITH done AS (DELETE FROM job WHERE id = ANY($1) AND epoch = 1 RETURNING *)
INSERT INTO history (id, task_id, kind, priority, epoch, due_at, queued_at, started_at, finished_at, state, args)
SELECT id, task_id, kind, priority, epoch, due_at, queued_at, $2, clock_timestamp(), 'succeeded', args FROM done`
	tag, err := r.pool.Exec(ctx, complete, ids, claimed)
	if err == nil && int(tag.RowsAffected()) != len(ids) {
		err = fmt.Errorf("completed %d of %d jobs", tag.RowsAffected(), len(ids))
	}
	return err
}

// work runs the loops until ended is complete.
func (r *raw) work(ctx context.Context, ended *measure.Counter, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, groupCtx := errgroup.WithContext(ctx)
	for range rawLoops {
		group.Go(func() error { return r.loop(groupCtx, ended) })
	}
	err := ended.Await(groupCtx, n)
	cancel()
	if failed := group.Wait(); !errors.Is(failed, context.Canceled) {
		err = errors.Join(failed, err)
	}
	return err
}

func (r *raw) loop(ctx context.Context, ended *measure.Counter) error {
	for {
		ids, at, err := r.claim(ctx)
		if err != nil {
			return stopped(ctx, err)
		}
		if len(ids) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Millisecond):
			}
			continue
		}
		if err := r.complete(ctx, ids, at); err != nil {
			return stopped(ctx, err)
		}
		ended.Add(len(ids))
	}
}

// stopped is err, unless it only says that ctx ended.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *raw) insert(ctx context.Context, n int) (measure.Result, error) {
	return span(ctx, r.meter, r.name(), "insert", n, func() error { return r.insertAll(ctx, n, nil) })
}

func (r *raw) insertAll(ctx context.Context, n int, ended *measure.Counter) error {
	for done := 0; done < n; done += r.batch {
		if ended != nil {
			if err := ended.Await(ctx, done-measure.Backlog); err != nil {
				return err
			}
		}
		if err := r.insertBatch(ctx, min(r.batch, n-done)); err != nil {
			return err
		}
	}
	return nil
}

func (r *raw) drain(ctx context.Context, n int) (measure.Result, error) {
	if err := r.insertAll(ctx, n, nil); err != nil {
		return measure.Result{}, err
	}
	if _, err := r.pool.Exec(ctx, `VACUUM (ANALYZE) job`); err != nil {
		return measure.Result{}, err
	}
	ended := measure.NewCounter(n)
	return span(ctx, r.meter, r.name(), "drain", n, func() error { return r.work(ctx, ended, n) })
}

func (r *raw) flow(ctx context.Context, n int) (measure.Result, error) {
	ended := measure.NewCounter(n)
	return span(ctx, r.meter, r.name(), "flow", n, func() error {
		group, groupCtx := errgroup.WithContext(ctx)
		group.Go(func() error { return r.insertAll(groupCtx, n, ended) })
		group.Go(func() error { return r.work(groupCtx, ended, n) })
		return group.Wait()
	})
}

// pickup has a worker that listens and claims when it is told.
func (r *raw) pickup(ctx context.Context, n int) (measure.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := r.pool.Acquire(ctx)
	if err != nil {
		return measure.Result{}, err
	}
	defer listener.Release()
	if _, err := listener.Exec(ctx, `LISTEN job`); err != nil {
		return measure.Result{}, err
	}
	started := make(chan time.Time, 1)
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			for {
				if _, err := listener.Conn().WaitForNotification(ctx); err != nil {
					return stopped(ctx, err)
				}
				ids, at, err := r.claim(ctx)
				if err != nil {
					return stopped(ctx, err)
				}
				if len(ids) == 0 {
					continue
				}
				started <- time.Now()
				if err := r.complete(ctx, ids, at); err != nil {
					return stopped(ctx, err)
				}
			}
		}()
	}()
	result, err := measure.Delays(ctx, r.meter, r.name(), "pickup", n, func(ctx context.Context) error {
		const enqueue = `WITH made AS (INSERT INTO job (id, task_id, kind, priority, due_at) VALUES ($1, $2, 'manual', 5, clock_timestamp()))
SELECT pg_notify('job', '')`
		_, err := r.pool.Exec(ctx, enqueue, [16]byte(ordinaut.NewRunID()), [16]byte{1})
		return err
	}, started)
	cancel()
	return result, errors.Join(err, <-done)
}
