package executor

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/ordinaut/ordinaut"
)

var (
	// errCanceled ends an attempt whose run somebody canceled.
	errCanceled = errors.New("the run was canceled")
	// errDraining ends an attempt because this process stops.
	errDraining = errors.New("the worker is stopping")
	// errRunTimeout ends a step because its run's time is over, errStepTimeout because its own is.
	errRunTimeout  = errors.New("the run's timeout passed")
	errStepTimeout = errors.New("the step's timeout passed")
)

const (
	// reportsPerSecond and reportBurst bound the progress reports of one attempt; what goes beyond is
	// dropped, since every report is a row.
	reportsPerSecond = 10
	reportBurst      = 20
	// maxText bounds messages and errors that come from elsewhere.
	maxText = 2000
)

// attempt is one lease of a run that this process holds. Its goroutine runs the pipeline; reports
// come from others.
type attempt struct {
	ordinaut.Attempt
	rec *recorder
	// ctx ends with errCanceled, errDraining or ErrLeaseLost as its cause.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// claimed is when the claim's answer came: the local reading of ClaimedAt.
	claimed time.Time
	ttl     time.Duration
	// renewed is when the last good renewal (or the claim) began, counted from claimed. From the
	// beginning, because nobody knows when in between the database did it.
	renewed atomic.Int64
	gone    atomic.Bool
	// asks reports whether the run may have asked for approvals. Written by the attempt's goroutine, before
	// its end.
	asks bool

	mu      sync.Mutex // guards what follows, and orders seq with the adding of records
	seq     int64
	over    bool
	before  int64 // seq as it was when the outcome was added
	failing bool  // the outcome stands in for one that was refused
	limiter *rate.Limiter
}

func newAttempt(work context.Context, rec *recorder, a ordinaut.Attempt, asked, claimed time.Time, ttl time.Duration) *attempt {
	ctx, cancel := context.WithCancelCause(work)
	at := &attempt{Attempt: a, rec: rec, ctx: ctx, cancel: cancel, claimed: claimed, ttl: ttl, seq: a.Seq, asks: a.Epoch > 1}
	at.renewed.Store(int64(asked.Sub(claimed)))
	return at
}

// now reads the database's clock, as far as it can be known from here: steps' times and templates'
// now stay in line with leases and schedules when this machine's clock is wrong.
func (a *attempt) now() time.Time { return a.ClaimedAt.Add(time.Since(a.claimed)).UTC() }

// firstStart is when the run's first attempt started, by the database's clock.
func (a *attempt) firstStart() time.Time {
	if a.StartedAt != nil {
		return *a.StartedAt
	}
	return a.ClaimedAt
}

// leaseLeft is how long the lease lasts at least; negative when it surely has expired.
func (a *attempt) leaseLeft() time.Duration {
	return a.ttl - (time.Since(a.claimed) - time.Duration(a.renewed.Load()))
}

// lost reports whether nothing that this attempt writes can count any more.
func (a *attempt) lost() bool { return a.gone.Load() || a.leaseLeft() <= 0 }

// lose ends the attempt at once: another owns the run.
func (a *attempt) lose() {
	a.gone.Store(true)
	a.cancel(ordinaut.ErrLeaseLost)
}

// report adds a progress report, unless there are too many; then it leaves no trace, not even a gap in
// the numbers. It never blocks and may be called from anywhere, also after the end.
func (a *attempt) report(step string, percent *float64, message string) {
	if percent != nil && (math.IsNaN(*percent) || math.IsInf(*percent, 0)) {
		percent = nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.rec.crowded() {
		a.rec.m.reportsDropped.Inc()
		return
	}
	if a.limiter == nil {
		a.limiter = rate.NewLimiter(reportsPerSecond, reportBurst)
	}
	if !a.limiter.Allow() {
		a.rec.m.reportsDropped.Inc()
		return
	}
	a.seq++
	p := ordinaut.Progress{
		Seq: a.seq, Type: ordinaut.ProgressReport, At: a.now(), State: string(ordinaut.RunRunning),
		Step: step, Percent: percent, Message: clip(message),
	}
	a.rec.add(entry{att: a, rec: ordinaut.Record{Lease: a.Lease, Progress: []ordinaut.Progress{p}}, size: len(message)})
}

// record writes a step's result, and the events it publishes, and waits on ack until it has landed. Others
// may record at the same time.
func (a *attempt) record(ack chan error, step *ordinaut.StepResult, events []ordinaut.Event) error {
	rec := ordinaut.Record{Lease: a.Lease, Events: events}
	a.mu.Lock()
	a.seq++
	step.Seq = a.seq
	if told := openStep(step, a); told != nil {
		rec.Progress = []ordinaut.Progress{*told}
	}
	rec.Steps = []ordinaut.StepResult{*step}
	a.rec.add(entry{att: a, ack: ack, size: size(step), rec: rec})
	a.mu.Unlock()
	err := <-ack
	if err != nil && !errors.Is(err, ordinaut.ErrLeaseLost) {
		a.fillGap(ack, step)
	}
	return err
}

// openStep returns the entry of a step that has not ended. It is stored, where that of an end follows from
// the step's own row.
func openStep(step *ordinaut.StepResult, a *attempt) *ordinaut.Progress {
	kind := ordinaut.ProgressStepStarted
	switch step.State {
	case ordinaut.StepRunning:
	case ordinaut.StepWaiting:
		kind = ordinaut.ProgressStepWaiting
	default:
		return nil
	}
	return &ordinaut.Progress{Seq: step.Seq, Type: kind, At: a.now(), State: string(step.State), Step: step.StepID, Message: step.Error}
}

// fillGap uses the number of a result that the database refused: others may have been given out since.
func (a *attempt) fillGap(ack chan error, step *ordinaut.StepResult) {
	p := ordinaut.Progress{
		Seq: step.Seq, Type: ordinaut.ProgressReport, At: a.now(), State: string(ordinaut.RunRunning), Step: step.StepID,
		Message: "its result could not be stored",
	}
	a.rec.add(entry{att: a, ack: ack, rec: ordinaut.Record{Lease: a.Lease, Progress: []ordinaut.Progress{p}}, size: len(p.Message)})
	if <-ack != nil {
		a.lose() // what comes after would leave a gap
	}
}

// end adds the outcome, together with the last step's result if that is still to be written. It does
// not wait: the recorder tells the executor. Nothing can be added afterwards.
func (a *attempt) end(e ending) {
	out := e.outcome
	out.StartedAt, out.Asked = a.firstStart(), a.asks
	rec := ordinaut.Record{Lease: a.Lease, Events: e.events, Verdict: a.verdict(e), Outcome: &out}
	bytes := len(out.Output) + len(out.Error)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	a.before = a.seq
	if e.step != nil {
		if e.step.State == ordinaut.StepWaiting {
			// Its entry is the run's own: run.waiting. Only an end is step.finished.
			e.step.Seq = a.seq + 1
		} else {
			a.seq++
			e.step.Seq = a.seq
		}
		bytes += size(e.step)
		rec.Steps = []ordinaut.StepResult{*e.step}
	}
	a.seq++
	out.Seq = a.seq
	a.rec.add(entry{att: a, rec: rec, size: bytes})
}

// refused replaces an outcome that the database does not take, with its step, by one that it surely
// takes. It reports false when that was tried already.
func (a *attempt) refused(out *ordinaut.Outcome) bool {
	a.mu.Lock()
	again := !a.failing
	a.failing = true
	a.seq = a.before
	a.mu.Unlock()
	if again {
		a.end(ending{outcome: ordinaut.Outcome{
			State: ordinaut.RunFailed, Reason: ordinaut.ReasonInternal,
			Error: "the result (" + string(out.State) + ") could not be stored; the log has the details",
		}})
	}
	return again
}

func size(s *ordinaut.StepResult) int { return len(s.Input) + len(s.Output) + len(s.Error) }

// clip makes text from elsewhere fit to be stored and shown: valid, without NUL, of bounded length.
func clip(s string) string { return clipTo(s, maxText) }

// clipTo is clip with another bound, in bytes.
func clipTo(s string, limit int) string {
	if len(s) > limit {
		cut := limit
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
