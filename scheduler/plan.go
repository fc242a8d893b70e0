// Package scheduler decides when: it reads schedules, computes their occurrences, and turns the due
// ones into runs through a store.
//
// [Parse] checks a schedule that somebody wrote, [Compile] takes one that was checked before; both
// give a [Plan], which answers what comes next. A [Decider] applies the overlap and catch-up
// policies, and [Scheduler] is the loop that does so as time passes; [Dispatcher] is that of events and
// [Watcher] that of conditions.
//
// The files by their first word: cron, rrule, interval, once, event and condition are the kinds, over
// wallclock and zone; ics reads calendars; phrase understands English and words speaks it; exclusion,
// shift, quiet and delay move what is due (timeline); overlap, catchup, settle and resume give fates
// (decide); forecast and findings tell beforehand; dispatch, judge and watcher do for events and
// conditions what tick and decide do for times.
package scheduler

import (
	"sync/atomic"
	"time"

	"github.com/ordinaut/ordinaut"
)

// horizonYears bounds every search for an occurrence. A rule that stays silent that long has none.
const horizonYears = 40

// DST says what a change of the clocks did to an occurrence.
type DST string

// Flags of occurrences near a change of the clocks.
const (
	DSTNone       DST = ""
	DSTGapShifted DST = "gap_shifted" // its local time does not exist that day; it is due at the end of the gap, or for rrule as much later as the gap is long
	DSTFirstPass  DST = "first_pass"  // its local time occurs twice that day; this is the first
	DSTSecondPass DST = "second_pass" // its local time occurs twice that day; this is the second
)

// rule is one kind of schedule, without its window. Occurrences are strictly increasing.
type rule interface {
	// next returns the first occurrence strictly later than after.
	next(after time.Time) (time.Time, bool)
	// count returns how many occurrences are later than after and not later than through.
	count(after, through time.Time) int
	// flag tells what the clocks did to the occurrence at.
	flag(at time.Time) DST
	// words describes the rule in English, without its window.
	words() string
}

// Plan is a compiled schedule. It is safe for concurrent use.
type Plan struct {
	rule   rule
	zone   *time.Location
	starts time.Time // zero: no lower bound
	ends   time.Time // zero: no upper bound
	// schedule is what words tell besides the times; nil in a plan that tasks of other policies share.
	schedule *ordinaut.Schedule
	recent   [1 << answerBits]atomic.Pointer[answer]
}

// answerBits is how many questions a plan remembers, as a power of two.
const answerBits = 2

// answer remembers a recent question to a plan: tasks that share a schedule ask the same in one tick.
type answer struct {
	after, next time.Time
	ok          bool
}

// Compile makes a plan of a stored schedule. Unlike [Parse] it does not mind that the schedule is
// exhausted. It returns an invalid_argument [ordinaut.Error] for what it cannot read.
func Compile(s ordinaut.Schedule) (*Plan, error) {
	p, err := compile(s, nil)
	if err != nil {
		return nil, err
	}
	p.schedule = &s
	return p, nil
}

func compile(s ordinaut.Schedule, known *zones) (*Plan, error) {
	zone, err := known.load(s.Timezone)
	if err != nil {
		return nil, err
	}
	p := &Plan{zone: zone}
	if s.StartsAt != nil {
		p.starts = s.StartsAt.UTC()
	}
	p.ends = watchEnd(s)
	if p.rule, err = compileRule(s, zone, p.starts); err != nil {
		return nil, err
	}
	return p, nil
}

func compileRule(s ordinaut.Schedule, zone *time.Location, starts time.Time) (rule, error) {
	switch s.Kind {
	case ordinaut.ScheduleCron:
		return compileCron(s.Expr, zone)
	case ordinaut.ScheduleRRule:
		return compileRRule(s.Expr, zone, starts)
	case ordinaut.ScheduleInterval:
		return compileInterval(s.Expr, starts)
	case ordinaut.ScheduleOnce:
		return compileOnce(s.Expr, zone)
	case ordinaut.ScheduleEvent:
		return compileEvent(s)
	case ordinaut.ScheduleCondition:
		return compileCondition(s, starts)
	case ordinaut.ScheduleManual:
		return compileManual(s.Expr)
	default:
		return nil, unknownKind(s.Kind)
	}
}

// Next returns the first occurrence strictly later than after, in UTC, or false when there is none
// within 40 years or before the schedule ends.
func (p *Plan) Next(after time.Time) (time.Time, bool) {
	const spread = 0x9e3779b97f4a7c15 // neighbours in time go to different places
	place := &p.recent[uint64(after.UnixNano())*spread>>(64-answerBits)]
	if a := place.Load(); a != nil && a.after.Equal(after) {
		return a.next, a.ok
	}
	next, ok := p.next(after)
	place.Store(&answer{after: after, next: next, ok: ok})
	return next, ok
}

func (p *Plan) next(after time.Time) (time.Time, bool) {
	if !p.starts.IsZero() && after.Before(p.starts) {
		after = p.starts.Add(-1) // the start itself may be an occurrence
	}
	next, ok := p.rule.next(after)
	if !ok || (!p.ends.IsZero() && !next.Before(p.ends)) {
		return time.Time{}, false
	}
	return next.UTC(), true
}

// First returns the nominal time with which a schedule that is created or changed at now begins. It
// is Next(now), except that a once whose instant has just passed begins with that instant: it is
// late, and max_lateness decides.
func (p *Plan) First(now time.Time) (time.Time, bool) {
	if o, isOnce := p.rule.(once); isOnce {
		return p.Next(o.at.Add(-1))
	}
	return p.Next(now)
}

// Preview returns the first n occurrences strictly later than after; fewer when there are no more. It
// knows of no policy: [Timeline.Preview] does.
func (p *Plan) Preview(after time.Time, n int) []Fire {
	var fires []Fire
	for len(fires) < n {
		next, ok := p.Next(after)
		if !ok {
			return fires
		}
		fires = append(fires, (&Timeline{plan: p}).fire(next, verdict{due: next}))
		after = next
	}
	return fires
}

// latest returns the last occurrence not later than now and the one before it, given that first is
// an occurrence and not later than now. Steps back double until they meet an occurrence, then the
// stretch is halved, so that a long outage costs as little as a short one.
func (p *Plan) latest(first, now time.Time) (last, before time.Time) {
	last = p.lastIn(first, now)
	if !last.After(first) {
		return first, first
	}
	return last, p.lastIn(first, last.Add(-1))
}

func (p *Plan) lastIn(first, now time.Time) time.Time {
	last, ok := p.next(first)
	if !ok || last.After(now) {
		return first
	}
	low, high := last, now // low is an occurrence; nothing lies in (high, now]
	// A step that no longer fits a duration, after 292 years, is negative.
	for step := last.Sub(first); step > 0 && now.Sub(low) > step; step *= 2 {
		probe := now.Add(-step)
		if at, ok := p.next(probe); ok && !at.After(now) {
			low = at
			break
		}
		high = probe
	}
	for {
		at, ok := p.next(low)
		if !ok || at.After(high) {
			return low
		}
		low = at
		middle := low.Add(high.Sub(low) / 2)
		if at, ok := p.next(middle); ok && !at.After(high) {
			low = at
		} else {
			high = middle
		}
	}
}

// count returns how many occurrences are later than after and not later than through.
func (p *Plan) count(after, through time.Time) int {
	if !p.starts.IsZero() && after.Before(p.starts) {
		after = p.starts.Add(-1)
	}
	if !p.ends.IsZero() && !through.Before(p.ends) {
		through = p.ends.Add(-1)
	}
	if !through.After(after) {
		return 0
	}
	return p.rule.count(after, through)
}
