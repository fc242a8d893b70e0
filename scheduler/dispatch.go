package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
)

// defaultEvents is how many events one dispatch passes on.
const defaultEvents = 500

// DispatchFunc takes up to limit published events that no other scheduler holds, with the tasks whose
// pattern their topic matches and those whose held event is due. judge fills in what each event is to each
// task; decide gives each its fate, knowing what the tasks have started for before. All is written in one
// transaction, which both may be called again for.
type DispatchFunc func(ctx context.Context, limit int,
	judge func(now time.Time, tasks []ordinaut.EventTask),
	decide func(now time.Time, tasks []ordinaut.EventTask) []ordinaut.EventDecision,
) (ordinaut.DispatchResult, error)

// DispatcherConfig is what [NewDispatcher] needs. Dispatch and Compile are required.
type DispatcherConfig struct {
	Dispatch DispatchFunc
	// Compile reads a filter or dedupe_by.
	Compile func(source string) (Expression, error)
	// Wake is poked when events were published; nil leaves it to Poll.
	Wake <-chan struct{}
	// Poll is the longest sleep, give or take a quarter. Default 1 s.
	Poll time.Duration
	// Batch is the most events of one dispatch. Default 500.
	Batch int
	// Log receives warnings; nil discards them.
	Log *slog.Logger
	// Registerer receives the metrics; nil keeps them to ourselves.
	Registerer prometheus.Registerer
}

// Dispatcher passes published events on to the tasks that they start. Any number of them may share one
// database.
type Dispatcher struct {
	cfg     DispatcherConfig
	judge   judge
	decider *Decider
	metrics *eventMetrics
}

// NewDispatcher returns a dispatcher. It returns an error when the config lacks something or a metric's
// name is taken.
func NewDispatcher(cfg DispatcherConfig) (*Dispatcher, error) {
	if cfg.Dispatch == nil || cfg.Compile == nil {
		return nil, errors.New("scheduler: DispatcherConfig.Dispatch and Compile are required")
	}
	cfg.Poll = cmp.Or(cfg.Poll, defaultPoll)
	cfg.Batch = cmp.Or(cfg.Batch, defaultEvents)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Poll < 0 || cfg.Batch < 0 {
		return nil, errors.New("scheduler: DispatcherConfig.Poll and Batch must not be negative")
	}
	m, err := newEventMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("dispatcher metrics: %w", err)
	}
	return &Dispatcher{cfg: cfg, judge: judge{compile: cfg.Compile}, decider: NewDecider(defaultPlans), metrics: m}, nil
}

// Run passes events on until ctx ends and then returns nil. Errors of the store are logged and tried
// again, less and less often while they last.
func (d *Dispatcher) Run(ctx context.Context) error {
	loop{log: d.cfg.Log, wake: d.cfg.Wake, does: "dispatch of events"}.run(ctx, d.dispatch)
	return nil
}

// dispatch does one dispatch and, once it is committed, counts what it decided. It returns how long
// to sleep.
func (d *Dispatcher) dispatch(ctx context.Context) (time.Duration, error) {
	var decisions []ordinaut.EventDecision
	var undecided []Undecided
	result, err := d.cfg.Dispatch(ctx, d.cfg.Batch, d.judge.events, func(now time.Time, tasks []ordinaut.EventTask) []ordinaut.EventDecision {
		decisions, undecided = d.decider.decideEvents(now, tasks)
		return decisions
	})
	if err != nil {
		return 0, err
	}
	for _, u := range undecided {
		d.cfg.Log.ErrorContext(ctx, "quiet hours could not be read, events were passed on without them", "task_id", u.TaskID.String(), "err", u.Err)
	}
	d.metrics.observe(result, decisions)
	if result.Events > 0 || result.Runs > 0 {
		d.cfg.Log.DebugContext(ctx, "events passed on", "events", result.Events, "runs", result.Runs, "lag", result.Lag)
	}
	return min(result.Next, jitter(d.cfg.Poll)), nil
}
