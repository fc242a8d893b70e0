package executor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
	"github.com/ordinaut/ordinaut/schemas"
)

// finishTimeout is how long outcomes may take to be written after the last step has stopped.
const finishTimeout = 10 * time.Second

// Executor claims runs and executes them. Make one with [New] and call [Executor.Run] once.
type Executor struct {
	cfg      Config
	log      *slog.Logger
	m        *metrics
	rec      *recorder
	held     *held
	programs *programs
	actions  map[string]action
	language *pipeline.Language

	// busy counts the slots in use; only the claimer raises it.
	busy atomic.Int64
	// freed is poked when slots became free, renew to ask for a renewal, slept when a run went to
	// sleep for less than a poll.
	freed, renew, slept chan struct{}
	working             sync.WaitGroup
}

// New returns an executor. It returns an error for settings that are missing or contradict each other.
func New(cfg Config) (*Executor, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	language := pipeline.New(schemas.NewValidator(0))
	e := &Executor{
		cfg:      cfg,
		log:      cfg.Log,
		m:        m,
		held:     newHeld(),
		programs: newPrograms(cfg.Store, language),
		language: language,
		freed:    make(chan struct{}, 1),
		renew:    make(chan struct{}, 1),
		slept:    make(chan struct{}, 1),
	}
	e.rec = newRecorder(cfg.Store, cfg.Log, m, e.finish)
	e.actions = e.builtIns()
	return e, nil
}

// Run executes runs until ctx ends. Then it claims no more, lets running steps go on for the grace
// period, cancels what still runs and gives it back to the queue without spending an attempt. It
// returns nil when all that is done; no goroutine is left.
func (e *Executor) Run(ctx context.Context) error {
	work, stopWork := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWork(nil)
	keep, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer stopKeeping()

	var looks, keepers sync.WaitGroup
	looks.Go(func() { e.rescueRuns(ctx) })
	looks.Go(func() { e.wakeRuns(ctx) })
	looks.Go(func() { e.releaseRuns(ctx) })
	keepers.Go(func() { e.keepLeases(keep) })
	recorded := make(chan struct{})
	go func() { defer close(recorded); e.rec.run(keep) }()

	e.claimRuns(ctx, work)

	if !e.idleWithin(e.cfg.Grace) {
		e.log.InfoContext(keep, "grace period passed", "runs", e.busy.Load())
		stopWork(errDraining)
		if !e.idleWithin(finishTimeout) {
			e.log.WarnContext(keep, "outcomes could not be written in time", "runs", e.busy.Load())
		}
	}
	stopKeeping()
	e.working.Wait()
	e.rec.close()
	<-recorded
	keepers.Wait()
	looks.Wait()
	return nil
}

// idleWithin waits until no slot is in use; it reports false when that took longer than limit.
func (e *Executor) idleWithin(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for e.busy.Load() > 0 {
		select {
		case <-e.freed:
		case <-timer.C:
			return e.busy.Load() == 0
		}
	}
	return true
}

// work runs one attempt. The slot is free again when the outcome has landed, or here when there is
// none to be written.
func (e *Executor) work(a *attempt) {
	if a.StartedAt == nil {
		e.m.startLag.Observe(a.ClaimedAt.Sub(a.DueAt).Seconds())
	}
	end, ok := e.execute(a)
	if !ok {
		e.log.WarnContext(a.ctx, "attempt was given up", "run_id", a.RunID, "task_id", a.TaskID, "attempt", a.Epoch, "err", context.Cause(a.ctx))
		e.release(a)
		return
	}
	a.end(end)
}

// finish frees the slots of attempts whose outcome has landed or never will.
func (e *Executor) finish(ends []ended) {
	attempts := make([]*attempt, 0, len(ends))
	for i := range ends {
		a, out, err := ends[i].att, ends[i].out, ends[i].err
		if err != nil && !errors.Is(err, ordinaut.ErrLeaseLost) && a.refused(out) {
			continue
		}
		attempts = append(attempts, a)
		if err == nil {
			e.tellEnd(a, out)
		}
	}
	e.release(attempts...)
}

func (e *Executor) release(attempts ...*attempt) {
	if len(attempts) == 0 {
		return
	}
	e.held.remove(attempts...)
	for _, a := range attempts {
		a.cancel(nil)
	}
	e.busy.Add(-int64(len(attempts)))
	e.m.slotsUsed.Sub(float64(len(attempts)))
	poke(e.freed)
}

func (e *Executor) tellEnd(a *attempt, out *ordinaut.Outcome) {
	e.m.attempts.WithLabelValues(string(out.State), string(out.Reason)).Inc()
	if out.State.Terminal() {
		e.m.runSeconds.WithLabelValues(string(out.State)).Observe(a.now().Sub(a.firstStart()).Seconds())
	}
	if out.State == ordinaut.RunWaiting && out.Delay < e.cfg.Poll {
		poke(e.slept)
	}
	told := slog.LevelInfo
	if out.State == ordinaut.RunWaiting && out.Reason != "" && out.Reason != ordinaut.ReasonAwaitingApproval {
		told = slog.LevelWarn // it will be retried
	}
	if !e.log.Enabled(a.ctx, told) {
		return
	}
	e.log.LogAttrs(a.ctx, told, "attempt ended",
		slog.String("run_id", a.RunID.String()), slog.String("task_id", a.TaskID.String()), slog.Int("attempt", a.Epoch),
		slog.String("state", string(out.State)), slog.String("reason", string(out.Reason)), slog.Duration("took", time.Since(a.claimed)))
}
