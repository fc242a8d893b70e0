package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
)

const (
	defaultBatch = 1000
	defaultPlans = 4096
)

// TickFunc takes up to limit due tasks that no other scheduler holds, lets decide give each its fate,
// and writes occurrences, runs and next times in one transaction. decide may be called again when the
// transaction is.
type TickFunc func(ctx context.Context, limit int, decide func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision) (ordinaut.TickResult, error)

// Config is what [New] needs. Tick is required.
type Config struct {
	Tick TickFunc
	// Wake is poked when a due time has changed; nil leaves it to Poll.
	Wake <-chan struct{}
	// Poll is the longest sleep, give or take a quarter. Default 1 s.
	Poll time.Duration
	// Batch is the most tasks of one tick. Default 1000.
	Batch int
	// Log receives warnings; nil discards them.
	Log *slog.Logger
	// Registerer receives the metrics; nil keeps them to ourselves.
	Registerer prometheus.Registerer
}

// Scheduler turns due schedules into runs. Any number of them may share one database.
type Scheduler struct {
	cfg     Config
	metrics *metrics
	// first and second decide in the ticks of Run and in those beside it.
	first, second *Decider
	mu            sync.Mutex // guards warned
	// warned holds the tasks already complained about.
	warned map[ordinaut.TaskID]struct{}
}

// New returns a scheduler. It returns an error when the config lacks something or a metric's name is
// taken.
func New(cfg Config) (*Scheduler, error) {
	if cfg.Tick == nil {
		return nil, errors.New("scheduler: Config.Tick is required")
	}
	cfg.Poll = cmp.Or(cfg.Poll, defaultPoll)
	cfg.Batch = cmp.Or(cfg.Batch, defaultBatch)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Poll < 0 || cfg.Batch < 0 {
		return nil, errors.New("scheduler: Config.Poll and Config.Batch must not be negative")
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("scheduler metrics: %w", err)
	}
	return &Scheduler{
		cfg: cfg, metrics: m, first: NewDecider(defaultPlans), second: NewDecider(defaultPlans),
		warned: map[ordinaut.TaskID]struct{}{},
	}, nil
}

// Run ticks until ctx ends and then returns nil. Errors of the store are logged and tried again, less
// and less often while they last.
func (s *Scheduler) Run(ctx context.Context) error {
	loop{log: s.cfg.Log, wake: s.cfg.Wake, does: "tick"}.run(ctx, s.tickAll)
	return nil
}

// tickAll ticks until nothing is due and returns how long nothing will be. While more is due than one tick
// takes, a second one goes on beside it: the client of one computes while the server writes the other.
func (s *Scheduler) tickAll(ctx context.Context) (time.Duration, error) {
	var beside sync.WaitGroup
	defer beside.Wait()
	for helped := false; ; {
		done, result, err := s.tick(ctx, s.first)
		if err != nil {
			return 0, err
		}
		poll := jitter(s.cfg.Poll)
		switch {
		case ctx.Err() != nil:
			return 0, nil
		case result.Next > 0:
			return min(result.Next, poll), nil
		case result.Due > 0 && done == 0:
			return poll, nil // all that is due is for another version of the program
		case result.Due == 0:
			return contended, nil
		case !helped:
			helped = true
			beside.Go(func() { s.help(ctx) })
		}
	}
}

// help ticks while more is due than one tick takes.
func (s *Scheduler) help(ctx context.Context) {
	for {
		done, result, err := s.tick(ctx, s.second)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "tick beside another failed, the other goes on", "err", err)
		}
		if err != nil || done == 0 || result.Next > 0 {
			return
		}
	}
}

// tick does one tick and, once it is committed, counts what it decided. The undecided do not count.
func (s *Scheduler) tick(ctx context.Context, decider *Decider) (decided int, result ordinaut.TickResult, err error) {
	started := time.Now()
	var decisions []ordinaut.Decision
	var undecided []Undecided
	result, err = s.cfg.Tick(ctx, s.cfg.Batch, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		decisions, undecided = decider.Decide(now, due)
		s.missCalendars(ctx, due)
		return decisions
	})
	if err != nil {
		return 0, result, err
	}
	s.complain(ctx, undecided)
	if result.Due > 0 {
		s.metrics.batch.Observe(time.Since(started).Seconds())
		s.metrics.observe(decisions)
		s.cfg.Log.DebugContext(ctx, "tick ended", "due", result.Due, "runs", result.Runs, "took", time.Since(started))
	}
	return len(decisions) - len(undecided), result, nil
}

// missCalendars warns of each task that names a calendar which does not exist, once.
func (s *Scheduler) missCalendars(ctx context.Context, due []ordinaut.DueTask) {
	for i := range due {
		task := &due[i]
		if task.Rules != nil && len(task.Calendars) < len(task.Rules.Calendars) && s.firstWarning(task.TaskID) {
			s.cfg.Log.WarnContext(ctx, "calendar was not found, so it excludes nothing", "task_id", task.TaskID.String(),
				"calendars", task.Rules.Calendars)
		}
	}
}

// firstWarning reports whether the task was not complained about before.
func (s *Scheduler) firstWarning(task ordinaut.TaskID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, before := s.warned[task]; before || len(s.warned) > defaultPlans {
		return false
	}
	s.warned[task] = struct{}{}
	return true
}

// complain warns of each task that cannot be read, once.
func (s *Scheduler) complain(ctx context.Context, undecided []Undecided) {
	for _, u := range undecided {
		if !s.firstWarning(u.TaskID) {
			continue
		}
		s.cfg.Log.ErrorContext(ctx, "schedule could not be read, its task was left alone", "task_id", u.TaskID.String(), "err", u.Err)
	}
}
