package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	// defaultLateness caps how late an occurrence starts when its schedule does not say.
	defaultLateness = time.Hour
	// defaultLatenessOfAll is that of schedules which catch up all, and of once.
	defaultLatenessOfAll = 24 * time.Hour
	// onTime is the lateness that catch_up none still takes for punctual.
	onTime = 10 * time.Second
	// maxPhases bounds what a tick looks at for one task. What is left it looks at in the next.
	maxPhases = 100
)

// A Decider turns due tasks into fates. It remembers plans and calendars, so that a tick does not read
// the same text again. It is safe for concurrent use.
type Decider struct {
	plans      *plans
	exclusions *recent[exclusionKey, *exclusion]
}

// NewDecider returns a Decider that remembers up to size plans.
func NewDecider(size int) *Decider {
	return &Decider{plans: newPlans(size), exclusions: newRecent[exclusionKey, *exclusion](min(size, maxExclusions))}
}

// maxExclusions is how many compiled calendars are remembered: they may be large.
const maxExclusions = 256

// Undecided is a due task whose schedule this process cannot read: its kind is newer than the
// program, or its zone has gone. Its decision leaves it due as it stands, for a process that can.
type Undecided struct {
	TaskID ordinaut.TaskID
	Err    error
}

// Decide gives every nominal time of the due tasks that is due by now its one fate, and each task its
// next nominal time. A [Timeline] says which times calendars and quiet hours have skipped, and which
// are due at one instant, so that the latest of them starts and the others are coalesced into it. Of
// those that are left,
//
//   - catch_up latest starts the latest, when it is not later than max_lateness, and coalesces the
//     others into it;
//   - catch_up all starts the latest max_catch_up that are not later than max_lateness, in order, and
//     coalesces those before them;
//   - catch_up none starts the latest only if it is on time: within max_lateness, else ten seconds;
//   - those that are too late are missed;
//   - overlap decides on each that would start, one by one, as if those before it were live: a task that
//     is busy skips it, lets it wait, or cancels what is live.
//
// Times that share a fate and lie side by side are one row with a count. A task that has started its
// max_runs is due no more. A snoozed occurrence is one more start, at the time that it was put off to. A
// paused task whose pause is over is resumed, see [Decider.Resume].
//
// A task that is not due after all, because what its next time depends on has changed, is due when that
// says. There is a decision for each task; those of the undecided change nothing.
func (d *Decider) Decide(now time.Time, due []ordinaut.DueTask) ([]ordinaut.Decision, []Undecided) {
	decisions := make([]ordinaut.Decision, 0, len(due))
	var undecided []Undecided
	var line Timeline // these serve one task after the other
	var s settling
	for i := range due {
		if err := d.lay(&line, &due[i]); err != nil {
			undecided = append(undecided, Undecided{TaskID: due[i].TaskID, Err: err})
			decisions = append(decisions, unchanged(&due[i]))
			continue
		}
		if due[i].Kind == ordinaut.ScheduleCondition {
			decisions = append(decisions, decideProbe(now.UTC(), &due[i], &line))
			continue
		}
		if due[i].State == ordinaut.TaskPaused {
			decisions = append(decisions, resume(now.UTC(), &due[i], &line, due[i].CatchUp))
			continue
		}
		s.begin(now.UTC(), &due[i], &line)
		decisions = append(decisions, s.decide())
	}
	return decisions, undecided
}

// timeline returns the timeline of a task by what the decider remembers.
func (d *Decider) timeline(s ordinaut.Schedule, task ordinaut.TaskID, calendars []ordinaut.Calendar, agentQuiet *ordinaut.Quiet) (*Timeline, error) {
	l := &Timeline{}
	err := d.lay(l, &ordinaut.DueTask{TaskID: task, Schedule: s, Calendars: calendars, AgentQuiet: agentQuiet})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// lay makes l the timeline of a task, by what the decider remembers.
func (d *Decider) lay(l *Timeline, task *ordinaut.DueTask) error {
	plan, err := d.plans.get(task.Schedule)
	if err != nil {
		return err
	}
	*l = Timeline{plan: plan, task: task.TaskID, jitter: time.Duration(task.JitterSeconds) * time.Second}
	if task.Rules != nil {
		l.shifts = task.Rules.OnExcluded == ordinaut.ExcludedShift
		for i := range task.Calendars {
			l.excluded = append(l.excluded, d.exclusion(&task.Calendars[i], plan.zone))
		}
		if err := d.addQuiet(l, task.Rules.Quiet); err != nil {
			return err
		}
	}
	return d.addQuiet(l, task.AgentQuiet)
}

func (d *Decider) exclusion(c *ordinaut.Calendar, zone *time.Location) *exclusion {
	key := exclusionKey{namespace: c.NamespaceID, name: c.Name, version: c.Version, updatedAt: c.UpdatedAt.UnixMicro(), zone: zone.String()}
	if x, ok := d.exclusions.recall(key); ok {
		return x
	}
	x := newExclusion(c, zone)
	d.exclusions.remember(key, x)
	return x
}

func (d *Decider) addQuiet(l *Timeline, q *ordinaut.Quiet) error {
	if q == nil {
		return nil
	}
	zone := l.plan.zone
	if q.Timezone != "" {
		var err error
		if zone, err = d.plans.zones.load(q.Timezone); err != nil {
			return err
		}
	}
	l.quiet = append(l.quiet, newQuiet(q, zone))
	return nil
}

// unchanged leaves a task due as it stands.
func unchanged(task *ordinaut.DueTask) ordinaut.Decision {
	return ordinaut.Decision{TaskID: task.TaskID, NextAt: task.NextAt, DueAt: &task.DueAt}
}

// decide settles what a task has due by now.
func decide(now time.Time, task *ordinaut.DueTask, l *Timeline) ordinaut.Decision {
	var s settling
	s.begin(now, task, l)
	return s.decide()
}

func (s *settling) decide() ordinaut.Decision {
	p := s.line.passed(s.room[:0], s.task.NextAt, s.now, maxPhases)
	if p.unfinished {
		s.startSnoozed(s.task.CatchUp, false)
		s.fallBehind(p.phases, s.task.CatchUp)
	} else {
		s.settle(p.phases, s.task.CatchUp)
	}
	return s.decision(p)
}

// passed is what a task has due, and what follows.
type passed struct {
	phases []phase
	next   *time.Time // the nominal time that follows; nil: there is none
	// unfinished reports whether next is due too, but was too much to look at.
	unfinished bool
}

// passed returns the phases from the nominal time from that are due by now, the earliest limit of them.
// It puts them into room.
func (l *Timeline) passed(room []phase, from *time.Time, now time.Time, limit int) passed {
	p := passed{phases: room}
	if from == nil {
		return p
	}
	at := from.UTC()
	p.next = &at
	for !at.After(now) {
		if len(p.phases) == limit {
			p.unfinished = true
			return p
		}
		s := l.phase(at, now)
		if s.due.After(now) && !s.dropLast(l) {
			return p
		}
		p.phases = append(p.phases, s)
		if !s.hasNext {
			p.next = nil
			return p
		}
		at = s.next
	}
	return p
}

// dropLast takes the last time, which jitter has due later than now, from a phase, and reports whether
// any is left: those before it are due before it begins.
func (s *phase) dropLast(l *Timeline) bool {
	if s.count == 1 || s.joins {
		return false
	}
	*s = l.phase(s.first, s.before)
	return true
}

// maxLateness returns how late an occurrence may start: as the schedule says, else the smaller of its
// period and an hour. A once has a day, and so has what is to be caught up all.
func maxLateness(s *ordinaut.Schedule, catchUp ordinaut.CatchUp, last *phase) time.Duration {
	if s.MaxLatenessSeconds > 0 {
		return time.Duration(s.MaxLatenessSeconds) * time.Second
	}
	limit := defaultLateness
	switch {
	case s.Kind == ordinaut.ScheduleOnce || catchUp == ordinaut.CatchUpAll:
		limit = defaultLatenessOfAll
	case last.hasNext:
		limit = min(limit, last.next.Sub(last.last))
	}
	if catchUp == ordinaut.CatchUpNone {
		return min(limit, onTime)
	}
	return limit
}
