// Package stream keeps the progress of runs, their lifecycle and the events that they publish in Redis
// Streams and lets callers follow a run as it happens.
//
// Postgres is the truth: an entry is published after it is committed, a lost Redis never delays a
// run, and what a stream lacks is filled in from history, for readers at once and in Redis when it is
// back. An entry's id is its number in the run, <seq>-0, so Redis itself keeps order and refuses
// doubles, and whoever reads sees a gap. A namespace's events have no such numbers and are not filled
// in: they are news, and Postgres is where to look for what was missed.
package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

const (
	defaultBuffer = 16384
	defaultMaxLen = 1000
	defaultTTL    = 24 * time.Hour
	probeEvery    = time.Second
	commandLimit  = 5 * time.Second
	// warnEvery spaces out warnings about a Redis that answers but refuses.
	warnEvery = 30
)

// HistoryFunc returns the committed progress entries of a run with numbers above after, in order and
// without a gap. namespace is the name.
type HistoryFunc func(ctx context.Context, namespace string, run ordinaut.RunID, after int64) ([]ordinaut.Progress, error)

// Config is what [New] needs. Client and History are required.
type Config struct {
	// Client speaks with Redis; the caller closes it. Reads that wait use a client of our own with the
	// same options.
	Client redis.UniversalClient
	// History is Postgres' truth.
	History HistoryFunc
	// Buffer is how many entries and events may wait to be written; more are dropped. Default 16384.
	Buffer int
	// MaxLen is about how many entries a run's stream keeps. Default 1000.
	MaxLen int64
	// TTL is how long a run's stream outlives the run. Default 24 h.
	TTL time.Duration
	// Log receives what a person may want to know; nil discards it.
	Log *slog.Logger
	// Registerer receives the metrics; nil keeps them to ourselves.
	Registerer prometheus.Registerer
}

// Stream publishes and follows progress. It is safe for use by any number of goroutines.
type Stream struct {
	cfg     Config
	metrics *metrics
	pending *pending
	dirty   *dirty
	topics  *topics
	nudges  nudges
	// reader is what the clients of readers are made with; see [readerOptions].
	reader *redis.Options
	up     atomic.Bool
	// missed tells that Redis did not answer, and that the log says so.
	missed atomic.Bool
	// warned is when complain last spoke, in Unix seconds.
	warned atomic.Int64
}

// New returns a stream. It speaks with Redis only while [Stream.Run] runs.
func New(cfg Config) (*Stream, error) {
	if cfg.Client == nil || cfg.History == nil {
		return nil, errors.New("stream: Config.Client and Config.History are required")
	}
	cfg.Buffer = cmp.Or(cfg.Buffer, defaultBuffer)
	cfg.MaxLen = cmp.Or(cfg.MaxLen, defaultMaxLen)
	cfg.TTL = cmp.Or(cfg.TTL, defaultTTL)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Buffer < 0 || cfg.MaxLen < 0 || cfg.TTL < 0 {
		return nil, errors.New("stream: Config.Buffer, MaxLen and TTL must not be negative")
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("stream metrics: %w", err)
	}
	return &Stream{
		cfg: cfg, metrics: m, pending: newPending(cfg.Buffer), dirty: newDirty(), topics: newTopics(), nudges: newNudges(),
		reader: readerOptions(cfg.Client),
	}, nil
}

// Run writes what is published and reads what is watched, until ctx ends; then it writes what is left,
// for a second at most, and returns nil. A Redis that is away is waited for.
func (s *Stream) Run(ctx context.Context) error {
	s.probe(ctx)
	var parts sync.WaitGroup
	parts.Go(func() { s.probeLoop(ctx) })
	parts.Go(func() { s.writeLoop(ctx) })
	parts.Go(func() { s.refillLoop(ctx) })
	parts.Go(func() { s.readLoop(ctx) })
	parts.Wait()
	return nil
}

// Up reports whether Redis answered when it was last asked.
func (s *Stream) Up() bool { return s.up.Load() }

// Publish hands over entries that are committed, in the order of seq within a run. It never blocks and
// keeps nothing of the slice. What finds no room is dropped, and its run filled in from history later.
func (s *Stream) Publish(entries []ordinaut.RunProgress) {
	dropped := s.pending.add(entries)
	for i := range dropped {
		s.dirty.mark(refOf(&dropped[i]))
	}
	s.metrics.dropped.Add(float64(len(dropped)))
}

// PublishEvents hands over events of a namespace that are committed, in their order. It never blocks,
// and keeps the payloads but not the slice. What finds no room, or no Redis, is dropped and counted: it
// is in Postgres alone then.
func (s *Stream) PublishEvents(namespace string, events []ordinaut.Event) {
	s.metrics.eventsDropped.Add(float64(s.pending.addEvents(namespace, events)))
}

// probeLoop asks Redis for a sign of life, so that an idle process knows too, and wakes the reader
// when the set of watched runs has changed.
func (s *Stream) probeLoop(ctx context.Context) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.topics.changed:
			s.nudge(ctx)
		case <-ticker.C:
			s.probe(ctx)
		}
	}
}

func (s *Stream) probe(ctx context.Context) {
	pingCtx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	if err := s.cfg.Client.Ping(pingCtx).Err(); err != nil {
		s.lost(ctx, err)
		return
	}
	s.missed.Store(false)
	if s.up.Swap(true) {
		return
	}
	s.metrics.up.Set(1)
	s.cfg.Log.InfoContext(ctx, "redis answered")
	poke(s.dirty.wanted)
}

// lost notes that Redis did not answer.
func (s *Stream) lost(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.metrics.up.Set(0)
	s.up.Store(false)
	if !s.missed.Swap(true) {
		s.cfg.Log.WarnContext(ctx, "redis did not answer, progress is read from postgres meanwhile", "err", err)
	}
}

// complain warns of a failure that may come again at once, now and then.
func (s *Stream) complain(ctx context.Context, message string, err error) {
	now, last := time.Now().Unix(), s.warned.Load()
	if now-last < warnEvery || !s.warned.CompareAndSwap(last, now) {
		return
	}
	s.cfg.Log.WarnContext(ctx, message, "err", err) //nolint:sloglint // both messages are constants
}

// ref names a run's stream.
type ref struct {
	namespace string
	run       ordinaut.RunID
}

func refOf(e *ordinaut.RunProgress) ref { return ref{namespace: e.Namespace, run: e.RunID} }

func (r ref) key() string { return "ordinaut:" + r.namespace + ":run:" + r.run.String() }

func eventsKey(namespace string) string { return "ordinaut:" + namespace + ":events" }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits for d and reports whether ctx still stands.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
