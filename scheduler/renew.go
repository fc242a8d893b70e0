package scheduler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	defaultRenewBatch = 1000
	// renewPause lets other schedules come between two batches.
	renewPause = 200 * time.Millisecond
)

// RenewerConfig is what [NewRenewer] needs. Recorded, Record and Renew are required.
type RenewerConfig struct {
	// Release names the release of the time zone rules that this process reads, like 2026f.
	Release string
	// Recorded returns the newest release by which stored times were computed, empty for none; Record puts
	// one on record, unless a newer one is there.
	Recorded func(context.Context) (string, error)
	Record   func(ctx context.Context, release string) error
	// Renew asks next for the next nominal time of a batch of tasks after the last one, and returns how many
	// they were; fewer than limit are the last. It begins anew when first is true.
	Renew func(ctx context.Context, first bool, limit int, next NextFunc) (int, error)
	// Log receives what was done; nil discards it.
	Log *slog.Logger
}

// NextFunc returns the first nominal time of a stored schedule later than after; false when there is none,
// or the schedule cannot be read.
type NextFunc func(s ordinaut.Schedule, after time.Time) (time.Time, bool)

// Renewer computes stored next times anew when this process knows newer rules of time zones than those that
// computed them.
type Renewer struct{ cfg RenewerConfig }

// NewRenewer returns an error when the config lacks something.
func NewRenewer(cfg RenewerConfig) (*Renewer, error) {
	if cfg.Recorded == nil || cfg.Record == nil || cfg.Renew == nil {
		return nil, errors.New("scheduler: RenewerConfig.Recorded, Record and Renew are required")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	return &Renewer{cfg: cfg}, nil
}

// Run does it once and then waits for ctx to end. What fails is tried again. The release is put on record at
// the end, so that a process that dies halfway leaves the whole to another.
func (r *Renewer) Run(ctx context.Context) error {
	for failures := 1; ; failures++ {
		err := r.renew(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			<-ctx.Done()
			return nil
		}
		r.cfg.Log.WarnContext(ctx, "times were not computed by the new time zones, will be retried", "release", r.cfg.Release, "err", err)
		sleep(ctx, backOff(failures), nil)
	}
}

// renew renews all times, unless those on record are by the same rules or newer ones.
func (r *Renewer) renew(ctx context.Context) error {
	recorded, err := r.cfg.Recorded(ctx)
	if err != nil || !newerRelease(r.cfg.Release, recorded) {
		return err
	}
	decider, total := NewDecider(defaultPlans), 0
	for n := defaultRenewBatch; n == defaultRenewBatch; {
		if n, err = r.cfg.Renew(ctx, total == 0, defaultRenewBatch, decider.next); err != nil {
			return err
		}
		total += n
		if n == defaultRenewBatch {
			sleep(ctx, renewPause, nil)
		}
	}
	if err := r.cfg.Record(ctx, r.cfg.Release); err != nil {
		return err
	}
	if recorded == "" && total == 0 {
		return nil // a new database
	}
	r.cfg.Log.InfoContext(ctx, "times were computed by the new time zones", "release", r.cfg.Release, "before", recorded, "tasks", total)
	return nil
}

// next is the [NextFunc] of the plans that the decider remembers.
func (d *Decider) next(s ordinaut.Schedule, after time.Time) (time.Time, bool) {
	plan, err := d.plans.get(s)
	if err != nil {
		return time.Time{}, false
	}
	if s.Kind == ordinaut.ScheduleOnce {
		return plan.First(after)
	}
	return plan.Next(after)
}

// newerRelease reports whether release is newer than recorded. Only names that IANA gives can be compared:
// a process that does not know what it has leaves times alone.
func newerRelease(release, recorded string) bool {
	return regexp.MustCompile(`^[12][0-9]{3}[a-z]{1,2}$`).MatchString(release) && release > recorded
}
