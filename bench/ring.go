package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut/cmd/measure"
	"github.com/ordinaut/ordinaut/store"
)

// side is one that takes part. Each method measures n runs of its own database.
type side interface {
	name() string
	clear(ctx context.Context) error
	insert(ctx context.Context, n int) (measure.Result, error)
	drain(ctx context.Context, n int) (measure.Result, error)
	flow(ctx context.Context, n int) (measure.Result, error)
	pickup(ctx context.Context, n int) (measure.Result, error)
}

// bout is one measurement of one side.
type bout struct {
	name string
	side side
	runs int
	run  func(ctx context.Context, n int) (measure.Result, error)
}

// ring holds the sides and what each of them is measured at.
type ring struct {
	server   *server
	settings settings
	bouts    []bout
	closers  []func(context.Context) error
}

// span measures do, which handles n runs.
func span(ctx context.Context, m *measure.Meter, system, name string, n int, do func() error) (measure.Result, error) {
	mark, err := m.Read(ctx)
	if err != nil {
		return measure.Result{}, err
	}
	if err := do(); err != nil {
		return measure.Result{}, err
	}
	cost, err := m.Since(ctx, mark)
	return measure.NewResult(system, name, n, cost), err
}

func openRing(ctx context.Context, srv *server, s settings) (_ *ring, err error) {
	r := &ring{server: srv, settings: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close(ctx))
		}
	}()
	if chosen(s.sides, "ordinaut") {
		if err := r.addOrdinaut(ctx); err != nil {
			return nil, err
		}
	}
	if chosen(s.sides, "river") {
		if err := r.addRiver(ctx, "river", "River", riverBest()); err != nil {
			return nil, err
		}
	}
	if chosen(s.sides, "river-defaults") {
		if err := r.addRiver(ctx, "river_defaults", "River, defaults", riverDefaults()); err != nil {
			return nil, err
		}
	}
	if chosen(s.sides, "raw") {
		for _, batch := range []int{100, 1000} {
			if err := r.addRaw(ctx, batch); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func (r *ring) addRiver(ctx context.Context, database, label string, cfg riverSettings) error {
	pool, err := r.server.plainPool(ctx, database)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, func(context.Context) error { pool.Close(); return nil })
	side, err := newRiver(ctx, pool, label, cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	runs := r.settings.runs
	if cfg.workers < 1000 {
		runs /= 10 // a tenth of the speed
	}
	r.addAll(side, runs)
	return nil
}

func (r *ring) addRaw(ctx context.Context, batch int) error {
	pool, err := r.server.plainPool(ctx, fmt.Sprintf("raw_%d", batch))
	if err != nil {
		return err
	}
	r.closers = append(r.closers, func(context.Context) error { pool.Close(); return nil })
	side, err := newRaw(ctx, pool, batch)
	if err != nil {
		return fmt.Errorf("raw SQL: %w", err)
	}
	r.addAll(side, r.settings.runs)
	return nil
}

func (r *ring) addOrdinaut(ctx context.Context) error {
	dsn, err := r.server.database(ctx, "ordinaut_side")
	if err != nil {
		return err
	}
	pool, err := store.Open(ctx, dsn, 0)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, func(context.Context) error { pool.Close(); return nil })
	place, err := measure.Open(ctx, pool, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	r.closers = append(r.closers, place.Close)
	side := ours{place}
	r.addAll(side, r.settings.runs)
	r.add("steps", side, r.settings.runs, place.Steps)
	r.add("pickup", side, r.settings.pickups, place.PickupAcross)
	if r.settings.held > 0 {
		r.add("held", side, r.settings.held, side.long)
		r.add("held", side, r.settings.held, place.Held)
	}
	return nil
}

func (r *ring) addAll(side side, runs int) {
	r.add("insert", side, 2*runs, side.insert)
	r.add("drain", side, runs, side.drain)
	r.add("flow", side, runs, side.flow)
	r.add("pickup", side, r.settings.pickups, side.pickup)
}

func (r *ring) add(name string, side side, runs int, run func(context.Context, int) (measure.Result, error)) {
	if chosen(r.settings.only, name) {
		r.bouts = append(r.bouts, bout{name, side, runs, run})
	}
}

// rounds warms up and measures, all bouts once a round. The sides take turns at one measurement before
// the next one comes, and every other round goes backwards: a noisy minute hits all, and no side always
// comes after the same other.
func (r *ring) rounds(ctx context.Context) ([]measure.Result, error) {
	slices.SortStableFunc(r.bouts, func(a, b bout) int { return order(a.name) - order(b.name) })
	for _, b := range r.bouts {
		if b.name == "pickup" || b.name == "held" {
			continue // each warms up itself, or is long
		}
		note("warm-up: %s, %s", b.side.name(), b.name)
		if _, err := r.once(ctx, b, max(1, b.runs/10)); err != nil {
			return nil, err
		}
	}
	var results []measure.Result
	for round := range r.settings.rounds {
		if round > 0 {
			slices.Reverse(r.bouts)
		}
		for _, b := range r.bouts {
			stop, err := r.startProfile(b, round)
			if err != nil {
				return nil, err
			}
			result, err := r.once(ctx, b, b.runs)
			stop()
			if err != nil {
				return nil, err
			}
			note("round %d of %d: %s, %s: %.0f/s, client %.1f µs, server %.1f µs, %.0f bytes of log, p50 %.2f ms, p99 %.2f ms", round+1, r.settings.rounds,
				result.System, result.Name, result.PerSecond, result.ClientMicros, result.ServerMicros, result.WALBytes, result.P50, result.P99)
			results = append(results, result)
		}
	}
	return results, nil
}

func (r *ring) once(ctx context.Context, b bout, n int) (measure.Result, error) {
	if err := errors.Join(b.side.clear(ctx), r.server.checkpoint(ctx)); err != nil {
		return measure.Result{}, err
	}
	runtime.GC() // the garbage of the side before is not this one's
	result, err := b.run(ctx, n)
	if err != nil {
		return result, fmt.Errorf("%s of %s: %w", b.name, b.side.name(), err)
	}
	return result, nil
}

func (r *ring) startProfile(b bout, round int) (stop func(), err error) {
	if r.settings.profile == "" || round > 0 {
		return func() {}, nil
	}
	name := strings.ReplaceAll(b.side.name()+"-"+b.name, " ", "-") + ".pprof"
	file, err := os.Create(filepath.Join(r.settings.profile, name))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close() //nolint:errcheck // a profile cut short shows when it is read
	}, nil
}

func (r *ring) close(ctx context.Context) error {
	var errs []error
	for _, closer := range slices.Backward(r.closers) {
		errs = append(errs, closer(ctx))
	}
	return errors.Join(errs...)
}

// ours is Ordinaut as the procedures of package measure run it.
type ours struct{ *measure.Place }

func (ours) name() string                      { return "ordinaut" }
func (o ours) clear(ctx context.Context) error { return o.Clear(ctx) }
func (o ours) insert(ctx context.Context, n int) (measure.Result, error) {
	return o.Insert(ctx, n)
}

func (o ours) drain(ctx context.Context, n int) (measure.Result, error) { return o.Drain(ctx, n) }

func (o ours) flow(ctx context.Context, n int) (measure.Result, error) { return o.Flow(ctx, n) }

func (o ours) pickup(ctx context.Context, n int) (measure.Result, error) { return o.Pickup(ctx, n) }

// long is a flow as long as the one with a transaction held open, to compare with.
func (o ours) long(ctx context.Context, n int) (measure.Result, error) {
	result, err := o.Flow(ctx, n)
	result.Name = "not held"
	return result, err
}
