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

// JudgeFunc takes up to limit verdicts that no other watcher holds, lets decide say what they make of their
// conditions, and writes that in one transaction. It tells how many it took and whether some are left.
// decide may be called again when the transaction is.
type JudgeFunc func(ctx context.Context, limit int, decide func(now time.Time, all []ordinaut.Finding) []ordinaut.Judgement) (taken int, left bool, err error)

// WatcherConfig is what [NewWatcher] needs. Judge is required.
type WatcherConfig struct {
	Judge JudgeFunc
	// Wake is poked when a probe has given its verdict; nil leaves it to Poll.
	Wake <-chan struct{}
	// Poll is the longest sleep, give or take a quarter. Default 1 s.
	Poll time.Duration
	// Batch is the most verdicts of one transaction. Default 1000.
	Batch int
	// Log receives warnings and starts; nil discards them.
	Log *slog.Logger
	// Registerer receives the metrics; nil keeps them to ourselves.
	Registerer prometheus.Registerer
}

// Watcher makes of verdicts what their conditions say: what is known, and runs. Any number of them may
// share one database.
type Watcher struct {
	cfg     WatcherConfig
	metrics *watcherMetrics
}

// NewWatcher returns a watcher. It returns an error when the config lacks something or a metric's name is
// taken.
func NewWatcher(cfg WatcherConfig) (*Watcher, error) {
	if cfg.Judge == nil {
		return nil, errors.New("scheduler: WatcherConfig.Judge is required")
	}
	cfg.Poll = cmp.Or(cfg.Poll, defaultPoll)
	cfg.Batch = cmp.Or(cfg.Batch, defaultBatch)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Poll < 0 || cfg.Batch < 0 {
		return nil, errors.New("scheduler: WatcherConfig.Poll and WatcherConfig.Batch must not be negative")
	}
	m, err := newWatcherMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("watcher metrics: %w", err)
	}
	return &Watcher{cfg: cfg, metrics: m}, nil
}

// Run judges until ctx ends and then returns nil. Errors of the store are logged and tried again, less
// and less often while they last.
func (w *Watcher) Run(ctx context.Context) error {
	loop{log: w.cfg.Log, wake: w.cfg.Wake, does: "judging of verdicts"}.run(ctx, func(ctx context.Context) (time.Duration, error) {
		taken, left, err := w.judge(ctx)
		switch {
		case err != nil:
			return 0, err
		case taken == w.cfg.Batch:
			return 0, nil // more may wait: look again at once
		case left:
			return contended, nil
		}
		return jitter(w.cfg.Poll), nil
	})
	return nil
}

// judge judges one batch and, once it is committed, counts and tells what became of it.
func (w *Watcher) judge(ctx context.Context) (taken int, left bool, err error) {
	var all []ordinaut.Finding
	var judgements []ordinaut.Judgement
	taken, left, err = w.cfg.Judge(ctx, w.cfg.Batch, func(now time.Time, found []ordinaut.Finding) []ordinaut.Judgement {
		all, judgements = found, DecideConditions(now, found)
		return judgements
	})
	if err != nil || taken == 0 {
		return taken, left, err
	}
	for i := range judgements {
		w.metrics.observe(&all[i], &judgements[i])
		if o := judgements[i].Occurrence; o != nil {
			w.cfg.Log.InfoContext(ctx, "condition asked for a start", "task_id", o.TaskID.String(), "probe", all[i].RunID.String(),
				"fate", string(o.Fate), "reason", string(o.Reason))
		}
	}
	return taken, left, nil
}

// DecideConditions is [DecideCondition] for each finding in turn: what one changes of its task, the next
// one of the same task sees.
func DecideConditions(now time.Time, all []ordinaut.Finding) []ordinaut.Judgement {
	type standing struct {
		task   ordinaut.DueTask
		before ordinaut.ConditionState
	}
	judgements := make([]ordinaut.Judgement, len(all))
	stands := map[ordinaut.TaskID]standing{}
	for i, f := range all {
		if s, judged := stands[f.Task.TaskID]; judged {
			f.Task, f.Before = s.task, s.before
		}
		j := DecideCondition(now.UTC(), f)
		judgements[i] = j
		if j.Dropped {
			continue
		}
		if j.Event != nil {
			f.Task.RunsStarted++
			f.Task.Busy = f.Task.Overlap != ordinaut.OverlapAllow
			if j.Occurrence.Buffered {
				f.Task.Buffered++
			}
		}
		if j.Exhausted {
			f.Task.State = ordinaut.TaskFinished
		}
		stands[f.Task.TaskID] = standing{f.Task, j.After}
	}
	return judgements
}

type watcherMetrics struct{ probes, starts *prometheus.CounterVec }

func newWatcherMetrics(reg prometheus.Registerer) (*watcherMetrics, error) {
	m := &watcherMetrics{
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_probes_total", Help: "Verdicts of probes by what they found.",
		}, []string{"outcome"}),
		starts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_condition_starts_total", Help: "Starts that conditions asked for, by fate and reason.",
		}, []string{"fate", "reason"}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.probes), reg.Register(m.starts))
}

func (m *watcherMetrics) observe(f *ordinaut.Finding, j *ordinaut.Judgement) {
	outcome := "failed"
	switch {
	case f.Met != nil && *f.Met:
		outcome = "met"
	case f.Met != nil:
		outcome = "unmet"
	}
	m.probes.WithLabelValues(outcome).Inc()
	if o := j.Occurrence; o != nil {
		m.starts.WithLabelValues(string(o.Fate), string(o.Reason)).Inc()
	}
}
