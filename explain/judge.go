package explain

import (
	"cmp"
	"slices"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

const (
	// grace is how long after its due time a schedule may wait for a tick, and a run for a worker, before
	// something is wrong.
	grace = 10 * time.Second
	// idleWorker is how long a worker that takes runs may have had none to take.
	idleWorker = time.Minute
)

// judge gives verdicts on the times and runs of one history.
type judge struct {
	ordinaut.TaskHistory
	zone  *time.Location
	spans []span
	runs  map[ordinaut.RunID]*ordinaut.Run
	rules map[ordinaut.VerdictCode]rule
	// cut reports that some nominal times were not looked at.
	cut bool
}

// finding is a verdict on a nominal time, on a stretch of them, on a run, or on the want of any of these.
type finding struct {
	code        ordinaut.VerdictCode
	first, last time.Time
	count       int // 0: no time is meant
	kind        ordinaut.RunKind
	row         *ordinaut.Occurrence
	run         *ordinaut.Run
}

func (f finding) time() Time {
	t := Time{NominalAt: f.first, LastAt: f.last, Count: f.count, Kind: f.kind, Verdict: f.code}
	if f.run != nil {
		t.RunID = f.run.ID
	}
	return t
}

// fulfilled reports whether it came as it should, if not by the straightest way: it ran or will, or another
// stood in for it.
func (f finding) fulfilled() bool {
	waits := f.run != nil && f.run.State == ordinaut.RunWaiting && f.code != ordinaut.ReasonAwaitingApproval.Verdict()
	ran := f.run != nil && f.run.State == ordinaut.RunSucceeded || waits
	return ran || f.row != nil && f.row.Fate == ordinaut.FateCoalesced && f.row.Reason != ordinaut.ReasonCatchUpLimit
}

func newJudge(h ordinaut.TaskHistory) *judge {
	j := &judge{TaskHistory: h, rules: rules(), runs: make(map[ordinaut.RunID]*ordinaut.Run, len(h.Runs))}
	for i := range h.Runs {
		j.runs[h.Runs[i].ID] = &h.Runs[i]
	}
	var err error
	if j.zone, err = time.LoadLocation(h.Task.Spec.Schedule.Timezone); err != nil {
		j.zone = time.UTC
	}
	j.spans = spansOf(h)
	return j
}

// rule returns the rule of a verdict. A reason that a newer version of the program has written is told as
// it stands.
func (j *judge) rule(code ordinaut.VerdictCode) rule {
	if r, known := j.rules[code]; known {
		return r
	}
	return rule{problem: true, sentence: func(j *judge, f finding) string { return j.subject(f) + ": " + string(f.code) + "." }}
}

// findings judges all of the stretch, oldest first: the ledger's rows, the nominal times that have none,
// and, of a task without times, its runs.
func (j *judge) findings() []finding {
	var all []finding
	for i := range j.Occurrences {
		if !j.Occurrences[i].NominalAt.After(j.Until) {
			all = append(all, j.ofRow(&j.Occurrences[i]))
		}
	}
	all = append(all, j.unrecorded()...)
	if j.Task.Spec.Schedule.Kind == ordinaut.ScheduleManual {
		for i := range j.Runs {
			if r := &j.Runs[i]; (r.Kind == ordinaut.RunManual || r.Kind == ordinaut.RunRetry) && !r.QueuedAt.Before(j.Since) && !r.QueuedAt.After(j.Until) {
				all = append(all, j.judgeRun(r))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b finding) int { return a.first.Compare(b.first) })
	return latestLook(all)
}

// latestLook leaves out the probes that found nothing to start, save the latest: they are many, and all alike.
// Those that found something are left out too: what they asked for has a finding of its own.
func latestLook(all []finding) []finding {
	seen := false
	for i, f := range slices.Backward(all) {
		asked := f.code == ordinaut.VerdictRan
		if f.kind != ordinaut.RunProbe || !asked && f.code != ordinaut.ReasonConditionFalse.Verdict() {
			continue
		}
		if asked {
			all = slices.Delete(all, i, i+1)
			continue
		}
		if seen {
			all = slices.Delete(all, i, i+1)
		}
		seen = true
	}
	return all
}

// ofRow judges a row of the ledger: by its reason, or by its run.
func (j *judge) ofRow(row *ordinaut.Occurrence) finding {
	f := finding{code: row.Reason.Verdict(), first: row.NominalAt, last: row.LastAt, count: row.Count, kind: row.Kind, row: row}
	if row.Fate != ordinaut.FateStarted {
		return f
	}
	run := j.runs[row.RunID]
	if run == nil {
		f.code = ordinaut.VerdictUnrecorded
		return f
	}
	f.run = run
	waits := run.State == ordinaut.RunWaiting && row.Reason == ordinaut.ReasonBuffered && run.StartedAt == nil
	code := j.codeOfRun(run)
	if code != ordinaut.VerdictRan && !waits || row.Reason == "" {
		f.code = code
	}
	if row.Kind == ordinaut.RunProbe && code == ordinaut.VerdictRan && !j.asked(run) {
		f.code = ordinaut.ReasonConditionFalse.Verdict()
	}
	return f
}

// asked reports whether a probe asked for a start. That has a row of its own, at the time of the verdict: later
// than this probe began, and earlier than the next one did.
func (j *judge) asked(probe *ordinaut.Run) bool {
	if probe.StartedAt == nil {
		return false
	}
	next := j.Now
	for _, r := range j.runs {
		if r.Kind == ordinaut.RunProbe && r.StartedAt != nil && r.StartedAt.After(*probe.StartedAt) && r.StartedAt.Before(next) {
			next = *r.StartedAt
		}
	}
	return slices.ContainsFunc(j.Occurrences, func(o ordinaut.Occurrence) bool {
		return o.Kind == ordinaut.RunCondition && o.NominalAt.After(*probe.StartedAt) && !o.NominalAt.After(next)
	})
}

// ofRun judges a run, with its row of the ledger if that is known.
func (j *judge) ofRun(id ordinaut.RunID) (finding, bool) {
	for i := range j.Occurrences {
		if j.Occurrences[i].RunID == id {
			return j.ofRow(&j.Occurrences[i]), true
		}
	}
	run := j.runs[id]
	if run == nil {
		return finding{}, false
	}
	return j.judgeRun(run), true
}

func (j *judge) judgeRun(r *ordinaut.Run) finding {
	at := r.QueuedAt
	if r.NominalAt != nil && r.Kind != ordinaut.RunRetry { // of a retry it is the old run's
		at = *r.NominalAt
	}
	return finding{code: j.codeOfRun(r), first: at, last: at, count: 1, kind: r.Kind, run: r}
}

func (j *judge) codeOfRun(r *ordinaut.Run) ordinaut.VerdictCode {
	switch r.State {
	case ordinaut.RunSucceeded:
		return ordinaut.VerdictRan
	case ordinaut.RunRunning:
		return ordinaut.VerdictRunning
	case ordinaut.RunWaiting:
		if j.approval(r) != nil {
			return ordinaut.ReasonAwaitingApproval.Verdict()
		}
		return ordinaut.VerdictWaiting
	case ordinaut.RunQueued:
		if j.workerless(r) {
			return ordinaut.VerdictNoWorker
		}
		return ordinaut.VerdictQueued
	default:
		return cmp.Or(r.Reason, ordinaut.ReasonInternal).Verdict()
	}
}

// workerless reports whether nobody seems to be there to take a queued run: no worker holds any, and none
// was claimed since this one was ready or within a minute.
func (j *judge) workerless(r *ordinaut.Run) bool {
	ready := r.QueuedAt
	if r.StartedAt != nil {
		ready = *r.StartedAt // it was given back, later than this
	}
	claimed := j.Workers.ClaimedAt
	return !j.Workers.Holding && j.Now.Sub(ready) > grace && (claimed == nil || j.Now.Sub(*claimed) > idleWorker)
}

// at judges what an instant means: the nominal time nearest to it, else the run that began about then,
// else that there is none.
func (j *judge) at(at time.Time) finding {
	if t, found := j.nearest(at); found && j.Task.Spec.Schedule.Kind != ordinaut.ScheduleCondition {
		if row := j.rowOf(t); row != nil {
			return j.ofRow(row)
		}
		return j.ofTime(t)
	}
	var best *finding
	consider := func(f finding) {
		if f.first.Sub(at).Abs() <= around && (best == nil || f.first.Sub(at).Abs() < best.first.Sub(at).Abs()) {
			best = &f
		}
	}
	for i := range j.Occurrences {
		if j.Occurrences[i].Kind != ordinaut.RunProbe {
			consider(j.ofRow(&j.Occurrences[i]))
		}
	}
	for i := range j.Occurrences {
		if best == nil || best.kind == ordinaut.RunProbe { // of a condition, a start says more than a look
			consider(j.ofRow(&j.Occurrences[i]))
		}
	}
	for i := range j.Runs {
		if r := &j.Runs[i]; r.NominalAt == nil || r.Kind == ordinaut.RunRetry {
			consider(j.judgeRun(&j.Runs[i]))
		}
	}
	if best != nil {
		return *best
	}
	return j.notDue(at)
}

// rowOf returns the row of the ledger for a nominal time of the schedule.
func (j *judge) rowOf(t time.Time) *ordinaut.Occurrence {
	for i := range j.Occurrences {
		row := &j.Occurrences[i]
		if row.Kind != ordinaut.RunBackfill && !t.Before(row.NominalAt) && !t.After(row.LastAt) && row.EventID.IsZero() {
			return row
		}
	}
	return nil
}

// ofTime judges a nominal time that has no row.
func (j *judge) ofTime(t time.Time) finding {
	return finding{code: j.codeOfTime(t), first: t, last: t, count: 1, kind: ordinaut.RunScheduled}
}

func (j *judge) codeOfTime(t time.Time) ordinaut.VerdictCode {
	task := &j.Task
	pending := j.NextAt != nil && !t.Before(*j.NextAt)
	switch {
	case task.SnoozedAt != nil && t.Equal(*task.SnoozedAt):
		if task.State == ordinaut.TaskPaused && (task.DueAt == nil || task.SnoozedUntil.Before(*task.DueAt)) {
			return cmp.Or(task.PausedReason, ordinaut.ReasonPaused).Verdict() // whose end is waited for first
		}
		return ordinaut.ReasonSnoozed.Verdict()
	case t.Before(task.CreatedAt) && task.Spec.Schedule.Kind != ordinaut.ScheduleOnce:
		return ordinaut.VerdictOutsideVersion
	case task.State == ordinaut.TaskDeleted && !t.Before(task.UpdatedAt):
		return ordinaut.VerdictDeleted
	case task.State == ordinaut.TaskPaused && pending && (task.DueAt == nil || t.Before(*task.DueAt)):
		return cmp.Or(task.PausedReason, ordinaut.ReasonPaused).Verdict()
	case task.State == ordinaut.TaskFinished && !t.Before(j.finishedAt()):
		return ordinaut.VerdictFinished
	case t.After(j.Now), task.State == ordinaut.TaskActive && pending:
		return j.codeOfPending(t)
	default:
		return ordinaut.VerdictUnrecorded
	}
}

// codeOfPending judges a nominal time that no scheduler has decided on yet.
func (j *judge) codeOfPending(t time.Time) ordinaut.VerdictCode {
	due := t
	if policy, known := j.policy(t); known {
		if reason := policy.Reason; reason != "" && (policy.Fate != ordinaut.FateStarted || policy.Due.After(j.Now)) {
			return reason.Verdict()
		}
		due = policy.Due
	}
	if j.Now.Sub(due) > grace && j.Task.DueAt != nil && j.Now.Sub(*j.Task.DueAt) > grace {
		return ordinaut.ReasonSchedulerDown.Verdict()
	}
	return ordinaut.VerdictNotYetDue
}

// finishedAt returns when the schedule of a finished task was exhausted: with its last row.
func (j *judge) finishedAt() time.Time {
	if n := len(j.Occurrences); n > 0 {
		return j.Occurrences[n-1].LastAt
	}
	return j.Task.UpdatedAt
}

// nothing is the verdict on a stretch in which nothing was due.
func (j *judge) nothing() finding {
	f := finding{code: ordinaut.VerdictNotDue, first: j.Until, last: j.Until}
	switch j.Task.State {
	case ordinaut.TaskDeleted:
		f.code = ordinaut.VerdictDeleted
	case ordinaut.TaskPaused:
		f.code = cmp.Or(j.Task.PausedReason, ordinaut.ReasonPaused).Verdict()
	case ordinaut.TaskFinished:
		f.code = ordinaut.VerdictFinished
	}
	return f
}

// notDue is the verdict on an instant at which nothing was due: it lies outside the window, or today's
// schedule is not the one of that time, or there is no time.
func (j *judge) notDue(at time.Time) finding {
	f := finding{code: ordinaut.VerdictNotDue, first: at, last: at}
	if s := j.Task.Spec.Schedule; j.dueBy(s, at) {
		f.code = ordinaut.VerdictOutsideVersion
	} else if unbounded := s; s.StartsAt != nil || s.EndsAt != nil {
		before, after := s.StartsAt != nil && at.Before(*s.StartsAt), s.EndsAt != nil && !at.Before(*s.EndsAt)
		unbounded.EndsAt = nil
		if s.Kind != ordinaut.ScheduleInterval {
			unbounded.StartsAt = nil
		}
		switch {
		case before && (s.Kind == ordinaut.ScheduleInterval || j.dueBy(unbounded, at)):
			f.code = ordinaut.VerdictBeforeStart
		case after && j.dueBy(unbounded, at):
			f.code = ordinaut.VerdictAfterEnd
		}
	}
	return f
}

// dueBy reports whether a schedule has a time about at.
func (j *judge) dueBy(s ordinaut.Schedule, at time.Time) bool {
	plan, err := scheduler.Compile(s)
	if err != nil {
		return false
	}
	t, found := plan.Next(at.Add(-around - 1))
	return found && !t.After(at.Add(around))
}
