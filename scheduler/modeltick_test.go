package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// tick gives every nominal time that is due by now its fate.
func (m *model) tick(now time.Time) {
	if due := m.due(); due.IsZero() || due.After(now) {
		return
	}
	resuming := m.paused
	m.paused = false
	from := m.next
	for m.next < len(m.nominal) && !m.policy[m.next].due.After(now) {
		m.next++
	}
	starts, _ := m.choose(now, from, m.next, resuming)
	m.tickSnoozed(now, resuming, len(starts) > 0 && !m.kept())
	if !m.exhausted() {
		from = m.settle(now, from, m.next, resuming)
	}
	switch {
	case m.spent():
		m.next = len(m.nominal)
	case m.kept():
		m.next = from
	}
}

func (m *model) tickSnoozed(now time.Time, resuming, followed bool) {
	if m.snoozedAt.IsZero() || m.snoozedUntil.After(now) {
		return
	}
	at, until := m.snoozedAt, m.snoozedUntil
	m.snoozedAt = time.Time{}
	late := now.Sub(until) > m.lateness(at)
	if late || resuming && m.schedule.CatchUp == ordinaut.CatchUpNone {
		m.fates[at] = m.missed(resuming)
		return
	}
	if followed && m.schedule.Overlap == ordinaut.OverlapCancelRunning {
		m.fates[at] = modelFate{fate: ordinaut.FateCoalesced, reason: ordinaut.ReasonCaughtUp}
		return
	}
	f := m.admit(now)
	if f.fate == ordinaut.FateStarted {
		f.due = until
		if f.reason == "" {
			f.reason = ordinaut.ReasonSnoozed
		}
	}
	m.fates[at] = f
}

// exhausted reports whether no run is left, beside that of a snoozed occurrence.
func (m *model) exhausted() bool { return m.spent() || m.kept() }

func (m *model) spent() bool { return m.schedule.MaxRuns > 0 && m.started >= m.schedule.MaxRuns }

// kept reports whether the last run is that of a snoozed occurrence, for which the others wait.
func (m *model) kept() bool { return !m.snoozedAt.IsZero() && m.started == m.schedule.MaxRuns-1 }

func (m *model) missed(resuming bool) modelFate {
	switch {
	case resuming:
		return modelFate{fate: ordinaut.FateSkipped, reason: ordinaut.ReasonPaused}
	case m.schedule.CatchUp == ordinaut.CatchUpNone:
		return modelFate{fate: ordinaut.FateMissed, reason: ordinaut.ReasonSchedulerDown}
	default:
		return modelFate{fate: ordinaut.FateMissed, reason: ordinaut.ReasonTooLate}
	}
}

// lateness returns how late the nominal time at may start.
func (m *model) lateness(at time.Time) time.Duration {
	s := m.schedule
	if s.MaxLatenessSeconds > 0 {
		return time.Duration(s.MaxLatenessSeconds) * time.Second
	}
	limit := time.Hour
	for _, following := range m.nominal {
		if following.After(at) {
			limit = min(limit, following.Sub(at))
			break
		}
	}
	if s.Kind == ordinaut.ScheduleOnce || s.CatchUp == ordinaut.CatchUpAll {
		limit = 24 * time.Hour
	}
	if s.CatchUp == ordinaut.CatchUpNone {
		limit = min(limit, 10*time.Second)
	}
	return limit
}

// choose returns which of the nominal times from the one to before the other would start, and how late they
// may be.
func (m *model) choose(now time.Time, from, to int, resuming bool) (starts map[int]bool, limit time.Duration) {
	var leads []int // the last of each that are due together
	for i := from; i < to; i++ {
		if m.policy[i].skip == "" {
			if n := len(leads); n > 0 && m.policy[leads[n-1]].due.Equal(m.policy[i].due) {
				leads = leads[:n-1]
			}
			leads = append(leads, i)
		}
	}
	starts = map[int]bool{}
	if len(leads) == 0 || resuming && m.schedule.CatchUp == ordinaut.CatchUpNone {
		return starts, 0
	}
	limit = m.lateness(m.nominal[leads[len(leads)-1]])
	most := 1
	if m.startsAll() {
		most = 10
		if m.schedule.MaxCatchUp > 0 {
			most = m.schedule.MaxCatchUp
		}
	}
	for i := len(leads) - 1; i >= 0 && len(starts) < most; i-- {
		if now.Sub(m.policy[leads[i]].due) <= limit {
			starts[leads[i]] = true
		}
	}
	return starts, limit
}

func (m *model) startsAll() bool {
	return m.schedule.CatchUp == ordinaut.CatchUpAll && m.schedule.Overlap != ordinaut.OverlapCancelRunning
}

// settle gives the nominal times from the one to before the other their fates, and returns the first that
// got none.
func (m *model) settle(now time.Time, from, to int, resuming bool) int {
	starts, limit := m.choose(now, from, to, resuming)
	all := m.startsAll()
	rest := m.missed(resuming)
	together := resuming
	if len(starts) > 0 && !resuming && m.schedule.CatchUp != ordinaut.CatchUpNone {
		rest = modelFate{fate: ordinaut.FateCoalesced, reason: ordinaut.ReasonCaughtUp}
	}
	fates := map[int]modelFate{}
	for i := from; i < to; i++ {
		if !starts[i] {
			continue
		}
		if m.exhausted() {
			to = i
			if len(fates) == 0 {
				to = from
			}
			break
		}
		f := m.admit(now)
		if f.fate == ordinaut.FateStarted {
			f.due = m.policy[i].due
			if f.reason == "" {
				f.reason = m.policy[i].reason
			}
			if m.exhausted() {
				to = i + 1
			}
		} else if m.schedule.CatchUp != ordinaut.CatchUpAll {
			rest, together = f, true
		}
		fates[i] = f
	}
	for i := from; i < to; i++ {
		m.fates[m.nominal[i]] = m.fateOf(i, now, limit, fates, rest, together, all && len(starts) > 0 && !resuming, resuming)
	}
	return to
}

func (m *model) fateOf(i int, now time.Time, limit time.Duration, fates map[int]modelFate, rest modelFate, together, all, resuming bool) modelFate {
	if f, ok := fates[i]; ok {
		return f
	}
	p := m.policy[i]
	switch {
	case p.skip != "" && resuming:
		return m.missed(true)
	case p.skip != "":
		return modelFate{fate: ordinaut.FateSkipped, reason: p.skip}
	case !together && m.leadStarts(i, fates):
		return modelFate{fate: ordinaut.FateCoalesced, reason: p.reason}
	case all && now.Sub(p.due) > limit:
		return m.missed(false)
	case all:
		return modelFate{fate: ordinaut.FateCoalesced, reason: ordinaut.ReasonCatchUpLimit}
	default:
		return rest
	}
}

// leadStarts reports whether one that is due together with nominal time i was to start.
func (m *model) leadStarts(i int, fates map[int]modelFate) bool {
	for j := range fates {
		if m.policy[j].due.Equal(m.policy[i].due) {
			return true
		}
	}
	return false
}

// admit says what overlap makes of a start.
func (m *model) admit(now time.Time) modelFate {
	start := modelFate{fate: ordinaut.FateStarted}
	busy := !m.live.IsZero()
	switch o := m.schedule.Overlap; {
	case o == ordinaut.OverlapAllow:
		m.started++
		return start
	case !busy:
		m.started++
		m.live = now.Add(m.takes)
		return start
	case o == ordinaut.OverlapSkip:
		return modelFate{fate: ordinaut.FateSkipped, reason: ordinaut.ReasonOverlap}
	case o == ordinaut.OverlapBufferOne && m.waiting > 0, o == ordinaut.OverlapBufferAll && m.waiting == 100:
		return modelFate{fate: ordinaut.FateSkipped, reason: ordinaut.ReasonBufferFull}
	case o == ordinaut.OverlapCancelRunning:
		m.waiting, m.live = 0, now.Add(m.takes)
	default:
		m.waiting++
	}
	m.started++
	return modelFate{fate: ordinaut.FateStarted, reason: ordinaut.ReasonBuffered, buffered: true}
}
