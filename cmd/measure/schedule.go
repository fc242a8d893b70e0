package measure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

const (
	// idleFactor is how many tasks the idle measurement keeps for each that the burst has.
	idleFactor = 10
	// idleFor is how long an idle scheduler is watched.
	idleFor = 10 * time.Second
	// others is how many tasks a second are due that a burst does not concern.
	others = 50
	// leadTime lies between making tasks and their due time, so that all are there by then.
	leadTime = 2 * time.Second
)

// Burst measures n tasks that are due in the same second: from that second until each has its
// occurrence and its run. Meanwhile others are due all the time; their delay, from due to the insertion
// of the run, is P50 and P99.
func (p *Place) Burst(ctx context.Context, n int) (Result, error) {
	s, err := p.planner(ctx)
	if err != nil {
		return Result{}, err
	}
	patience := 5*time.Second + time.Duration(n)*100*time.Microsecond
	at := time.Now().Add(leadTime + time.Duration(n)*25*time.Microsecond).Truncate(time.Second).Add(time.Second)
	if err := p.cloneTasks(ctx, s, n, at, 0, "burst"); err != nil {
		return Result{}, err
	}
	bystanders := int(patience.Seconds()) * others
	if err := p.cloneTasks(ctx, s, bystanders, at.Add(time.Second/others/2), time.Second/others, "bystander"); err != nil {
		return Result{}, err
	}
	if err := p.settleTasks(ctx); err != nil {
		return Result{}, err
	}
	return s.during(ctx, func(ctx context.Context) (Result, error) {
		if err := sleepUntil(ctx, at); err != nil {
			return Result{}, err
		}
		mark, err := p.meter.Read(ctx)
		if err != nil {
			return Result{}, err
		}
		last, err := p.awaitRuns(ctx, "burst", n, patience)
		if err != nil {
			return Result{}, err
		}
		cost, err := p.meter.Since(ctx, mark)
		if err != nil {
			return Result{}, err
		}
		cost.Elapsed = last.Sub(at)
		r := NewResult(system, "burst", n, cost)
		r.P50, r.P99, err = p.lags(ctx, "bystander", "queued_at", last)
		return r, err
	})
}

// Steady measures 10,000 tasks a minute, evenly spread, with workers: the delay from due to started.
func (p *Place) Steady(ctx context.Context, n int) (Result, error) {
	const perSecond = 10_000 / 60
	n = max(perSecond, min(n, 20*perSecond))
	s, err := p.planner(ctx)
	if err != nil {
		return Result{}, err
	}
	at := time.Now().Add(leadTime + time.Second)
	if err := p.cloneTasks(ctx, s, n, at, time.Second/perSecond, "steady"); err != nil {
		return Result{}, err
	}
	if err := p.settleTasks(ctx); err != nil {
		return Result{}, err
	}
	e, err := p.start(ctx, n, nothing)
	if err != nil {
		return Result{}, err
	}
	e.work()
	r, err := s.during(ctx, func(ctx context.Context) (Result, error) {
		mark, err := p.meter.Read(ctx)
		if err != nil {
			return Result{}, err
		}
		if err := e.ended.Await(ctx, n); err != nil {
			return Result{}, err
		}
		cost, err := p.meter.Since(ctx, mark)
		if err != nil {
			return Result{}, err
		}
		r := NewResult(system, "steady", n, cost)
		r.Paced = true
		r.P50, r.P99, err = p.lags(ctx, "steady", "started_at", time.Now())
		return r, err
	})
	return r, errors.Join(err, e.stop())
}

// Few is [Place.Many] with a thousand tasks, for comparison.
func (p *Place) Few(ctx context.Context, _ int) (Result, error) {
	return p.idle(ctx, "few tasks", 1000, 10)
}

// Many measures a scheduler over ten times n tasks of which ten a second are due: P50 and P99 are the
// time of one tick, the CPU is what the process and the server take a second, in µs.
func (p *Place) Many(ctx context.Context, n int) (Result, error) {
	return p.idle(ctx, "many tasks", idleFactor*n, 10)
}

// Still is [Place.Many] while none of them is due: what a scheduler costs that has nothing to do.
func (p *Place) Still(ctx context.Context, n int) (Result, error) {
	return p.idle(ctx, "none due", idleFactor*n, 0)
}

// idle measures a scheduler over so many tasks of which some are due a second.
func (p *Place) idle(ctx context.Context, name string, tasks, perSecond int) (Result, error) {
	s, err := p.planner(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := p.cloneTasks(ctx, s, tasks, time.Now().Add(30*24*time.Hour), time.Millisecond, "far"); err != nil {
		return Result{}, err
	}
	at := time.Now().Add(leadTime)
	due := int(idleFor.Seconds()) * perSecond
	if due > 0 {
		if err := p.cloneTasks(ctx, s, due, at, time.Second/time.Duration(perSecond), "due"); err != nil {
			return Result{}, err
		}
	}
	if err := p.settleTasks(ctx); err != nil {
		return Result{}, err
	}
	return s.during(ctx, func(ctx context.Context) (Result, error) {
		if err := sleepUntil(ctx, at); err != nil {
			return Result{}, err
		}
		mark, err := p.meter.Read(ctx)
		if err != nil {
			return Result{}, err
		}
		if err := sleepUntil(ctx, at.Add(idleFor)); err != nil { // a look at the database would be measured too
			return Result{}, err
		}
		cost, err := p.meter.Since(ctx, mark)
		if err != nil {
			return Result{}, err
		}
		if _, err := p.awaitRuns(ctx, "due", due, idleFor); err != nil {
			return Result{}, err
		}
		r := NewResult(system, name, tasks, cost)
		r.Paced = true
		seconds := cost.Elapsed.Seconds()
		r.PerSecond = float64(due) / seconds
		r.ClientMicros = float64(cost.ClientCPU.Microseconds()) / seconds
		r.ServerMicros = float64(cost.ServerCPU.Microseconds()) / seconds
		r.WALBytes = float64(cost.WALBytes) / float64(max(1, due))
		r.P50, r.P99 = s.ticks()
		return r, nil
	})
}

// planner is a store and a scheduler at work on it, with default settings.
type planner struct {
	store *store.Store
	call  ordinaut.Call
	cfg   scheduler.Config
	mu    sync.Mutex // guards what follows
	tooks []float64  // of ticks that found something due, in ms
}

// planner empties the place of tasks and readies a scheduler.
func (p *Place) planner(ctx context.Context) (*planner, error) {
	if _, err := p.pool.Exec(ctx, `TRUNCATE task, task_version`); err != nil {
		return nil, err
	}
	st, err := store.New(store.Config{Pool: p.pool, Log: p.log})
	if err != nil {
		return nil, err
	}
	agent, err := st.LocalAgent(ctx, "bench")
	if err != nil {
		return nil, err
	}
	s := &planner{store: st, call: ordinaut.Call{Agent: agent, Tool: "bench", Source: "bench", Digest: make([]byte, 32)}}
	s.cfg = scheduler.Config{Tick: s.tick, Log: p.log}
	return s, nil
}

// tick is the store's, timed.
func (s *planner) tick(ctx context.Context, limit int, decide func(time.Time, []ordinaut.DueTask) []ordinaut.Decision) (ordinaut.TickResult, error) {
	began := time.Now()
	result, err := s.store.Tick(ctx, limit, decide)
	if err == nil && result.Due > 0 {
		s.mu.Lock()
		s.tooks = append(s.tooks, float64(time.Since(began).Nanoseconds())/1e6)
		s.mu.Unlock()
	}
	return result, err
}

func (s *planner) ticks() (p50, p99 float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Percentile(s.tooks, 50), Percentile(s.tooks, 99)
}

// during measures while the scheduler runs.
func (s *planner) during(ctx context.Context, measure func(context.Context) (Result, error)) (Result, error) {
	wake, unsubscribe := s.store.Subscribe(store.WakeSchedule)
	defer unsubscribe()
	s.cfg.Wake = wake
	loop, err := scheduler.New(s.cfg)
	if err != nil {
		return Result{}, err
	}
	running, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	var loopErr, storeErr error
	parts.Go(func() { storeErr = s.store.Run(running) })
	parts.Go(func() { loopErr = loop.Run(running) })
	r, err := measure(ctx)
	stop()
	parts.Wait()
	return r, errors.Join(err, loopErr, storeErr)
}

// cloneTasks makes n tasks that are first due at first and each step after the one before, and then
// every day.
func (p *Place) cloneTasks(ctx context.Context, s *planner, n int, first time.Time, step time.Duration, title string) error {
	task, err := s.store.CreateTask(ctx, s.call, ordinaut.TaskSpec{
		Title: title,
		Schedule: ordinaut.Schedule{
			Kind: ordinaut.ScheduleInterval, Expr: "P1D", Timezone: "UTC", StartsAt: &first,
			Overlap: ordinaut.OverlapSkip, CatchUp: ordinaut.CatchUpLatest,
		},
		Pipeline:       []ordinaut.Step{{ID: "say", Uses: "data.transform", With: map[string]any{"input": map[string]any{}, "expression": "@"}}},
		Priority:       5,
		TimeoutSeconds: 900,
	}, &first)
	if err != nil {
		return err
	}
	// The first is there; the others are it, later.
	const clone = `WITH made AS (
    INSERT INTO task (namespace_id, id, owner_id, version, state, title, priority, schedule_kind, schedule_expr, timezone,
        starts_at, overlap, catch_up, next_at, due_at)
    SELECT namespace_id, gen_random_uuid(), owner_id, version, state, title, priority, schedule_kind, schedule_expr, timezone,
        starts_at + n * $2::interval, overlap, catch_up, next_at + n * $2::interval, due_at + n * $2::interval
    FROM task CROSS JOIN generate_series(1, $3::int) AS n WHERE id = $1
    RETURNING namespace_id, id, owner_id
)
INSERT INTO task_version (namespace_id, task_id, version, spec, created_by)
SELECT made.namespace_id, made.id, 1, v.spec, made.owner_id
FROM made CROSS JOIN (SELECT spec FROM task_version WHERE task_id = $1) AS v`
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	// Reading by keys alone, as the store's connections do, is not for a million rows.
	for _, setting := range []string{`SET enable_seqscan = on`, `SET enable_hashjoin = on`} {
		if _, err := conn.Exec(ctx, setting); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, clone, [16]byte(task.ID), step, n-1); err != nil {
		return fmt.Errorf("make %d tasks: %w", n, err)
	}
	for _, setting := range []string{`RESET enable_seqscan`, `RESET enable_hashjoin`} {
		if _, err := conn.Exec(ctx, setting); err != nil {
			return err
		}
	}
	return nil
}

// settleTasks lets Postgres do now what it would else do in the middle of a measurement.
func (p *Place) settleTasks(ctx context.Context) error {
	for _, statement := range []string{`VACUUM (ANALYZE) task, task_version`, `CHECKPOINT`} {
		if _, err := p.pool.Exec(ctx, statement); err != nil && statement != `CHECKPOINT` { // which not every role may
			return err
		}
	}
	return nil
}

// awaitRuns waits until n runs of tasks with the title are there, and returns when the last was queued.
func (p *Place) awaitRuns(ctx context.Context, title string, n int, patience time.Duration) (time.Time, error) {
	const count = `SELECT count(*), coalesce(max(queued_at), 'epoch')
FROM run JOIN task ON task.namespace_id = run.namespace_id AND task.id = run.task_id WHERE title = $1 AND run.kind = 'schedule'`
	for deadline := time.Now().Add(patience); ; {
		// Cheaper than counting: the tasks that are still due.
		var due bool
		const left = `SELECT EXISTS (SELECT FROM task WHERE due_at <= clock_timestamp() AND title = $1)`
		if err := p.pool.QueryRow(ctx, left, title).Scan(&due); err != nil {
			return time.Time{}, err
		}
		if !due {
			var made int
			var last time.Time
			if err := p.pool.QueryRow(ctx, count, title).Scan(&made, &last); err != nil {
				return last, err
			}
			if made >= n {
				return last, nil
			}
		}
		if time.Now().After(deadline) {
			return time.Time{}, fmt.Errorf("%d tasks %q were not all started within %v", n, title, patience)
		}
		if err := sleepUntil(ctx, time.Now().Add(20*time.Millisecond)); err != nil {
			return time.Time{}, err
		}
	}
}

// lags returns the median and the 99th percentile of the time in ms between nominal_at and column, over
// runs that were due before until of tasks with the title.
func (p *Place) lags(ctx context.Context, title, column string, until time.Time) (p50, p99 float64, err error) {
	query := `SELECT coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY lag), 0), coalesce(percentile_disc(0.99) WITHIN GROUP (ORDER BY lag), 0)
FROM (SELECT (1000 * extract(epoch FROM run.` + column + ` - nominal_at))::float8 AS lag
    FROM run JOIN task ON task.namespace_id = run.namespace_id AND task.id = run.task_id
    WHERE title = $1 AND run.` + column + ` IS NOT NULL AND nominal_at <= $2) AS lags`
	err = p.pool.QueryRow(ctx, query, title, until).Scan(&p50, &p99)
	return p50, p99, err
}

func sleepUntil(ctx context.Context, at time.Time) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Until(at)):
		return nil
	}
}
