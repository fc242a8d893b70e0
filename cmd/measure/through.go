package measure

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Insert measures queueing n runs in batches of 1000 by one caller.
func (p *Place) Insert(ctx context.Context, n int) (Result, error) {
	e, err := p.start(ctx, n, nothing)
	if err != nil {
		return Result{}, err
	}
	mark, err := p.meter.Read(ctx)
	if err == nil {
		err = e.insert(ctx, n, 0)
	}
	var cost Cost
	if err == nil {
		cost, err = p.meter.Since(ctx, mark)
	}
	return NewResult(system, "insert", n, cost), errors.Join(err, e.stop())
}

// Drain measures n queued runs that do nothing: from the start of an executor to the commit of the
// last outcome.
func (p *Place) Drain(ctx context.Context, n int) (Result, error) {
	e, err := p.start(ctx, n, nothing)
	if err != nil {
		return Result{}, err
	}
	if err := e.insert(ctx, n, 0); err != nil {
		return Result{}, errors.Join(err, e.stop())
	}
	if err := p.Settle(ctx); err != nil {
		return Result{}, errors.Join(err, e.stop())
	}
	r, err := p.through(ctx, e, "drain", n, func() error {
		e.work()
		return e.ended.Await(ctx, n)
	})
	return r, errors.Join(err, e.stop())
}

// Flow measures n runs that do nothing, inserted while others are claimed and finished.
func (p *Place) Flow(ctx context.Context, n int) (Result, error) {
	return p.flow(ctx, "flow", n, nothing)
}

// Steps is [Place.Flow] with the real interpreter and one recorded step a run.
func (p *Place) Steps(ctx context.Context, n int) (Result, error) {
	return p.flow(ctx, "steps", n, nil)
}

func (p *Place) flow(ctx context.Context, name string, n int, handle handler) (Result, error) {
	e, err := p.start(ctx, n, handle)
	if err != nil {
		return Result{}, err
	}
	e.work()
	r, err := p.through(ctx, e, name, n, func() error {
		if err := e.insert(ctx, n, Backlog); err != nil {
			return err
		}
		return e.ended.Await(ctx, n)
	})
	return r, errors.Join(err, e.stop())
}

func (p *Place) through(ctx context.Context, e *engine, name string, n int, work func() error) (Result, error) {
	mark, err := p.meter.Read(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := work(); err != nil {
		return Result{}, err
	}
	cost, err := p.meter.Since(ctx, mark)
	if err != nil {
		return Result{}, err
	}
	r := NewResult(system, name, n, cost)
	r.LastPerSecond = e.ended.LastPerSecond()
	return r, nil
}

// Held is [Place.Flow] while another session keeps a snapshot from before: no dead row can be removed
// until it ends, as with a backup or a forgotten session.
func (p *Place) Held(ctx context.Context, n int) (Result, error) {
	conn, err := pgx.ConnectConfig(ctx, p.pool.Config().ConnConfig)
	if err != nil {
		return Result{}, fmt.Errorf("connect the holder: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // its transaction wrote nothing
	for _, statement := range []string{
		`SET idle_in_transaction_session_timeout = 0`,
		`BEGIN ISOLATION LEVEL REPEATABLE READ`,
		`SELECT count(*) FROM queue`, // takes the snapshot
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return Result{}, fmt.Errorf("hold a transaction: %w", err)
		}
	}
	return p.flow(ctx, "held", n, nothing)
}

// Settle lets Postgres do now what it would else do in the middle of a measurement.
func (p *Place) Settle(ctx context.Context) error {
	_, err := p.pool.Exec(ctx, `VACUUM (ANALYZE) queue, lease, run`)
	return err
}
