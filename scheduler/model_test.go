package scheduler

import (
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// model says by brute force what should become of a task: it lists every nominal time minute by minute, and
// keeps a fate for each. Only the hash of the jitter is the scheduler's own.
type model struct {
	id        ordinaut.TaskID
	schedule  ordinaut.Schedule
	zone      *time.Location
	calendars []ordinaut.Calendar
	quiets    []*ordinaut.Quiet
	takes     time.Duration // how long each of its runs is live

	nominal []time.Time
	policy  []modelPolicy // of each nominal time
	next    int           // the first that has no fate yet

	fates   map[time.Time]modelFate
	started int
	live    time.Time // when the live run ends; zero: none is
	waiting int

	snoozedAt, snoozedUntil time.Time
	pausedUntil             time.Time
	paused                  bool

	instants map[string]time.Time
	allowed  map[int64]time.Time
}

// modelPolicy is what becomes of a nominal time by calendars, jitter and quiet hours.
type modelPolicy struct {
	due    time.Time
	skip   ordinaut.Reason
	reason ordinaut.Reason
}

type modelFate struct {
	fate     ordinaut.Fate
	reason   ordinaut.Reason
	due      time.Time
	buffered bool
}

func newModel(s ordinaut.Schedule, zone *time.Location) *model {
	return &model{
		schedule: s, zone: zone, fates: map[time.Time]modelFate{},
		instants: map[string]time.Time{}, allowed: map[int64]time.Time{},
	}
}

// prepare lists the nominal times later than start, until past, of which every minute is asked whether is
// holds, and what policy makes of each.
func (m *model) prepare(start, past time.Time, is func(local time.Time) bool) {
	for at := start.Truncate(time.Minute).Add(time.Minute); at.Before(past); at = at.Add(time.Minute) {
		if (m.schedule.EndsAt == nil || at.Before(*m.schedule.EndsAt)) && is(at.In(m.zone)) {
			m.nominal = append(m.nominal, at)
		}
	}
	moved, ok := m.shifted()
	for i, at := range m.nominal {
		m.policy = append(m.policy, m.policyOf(i, at, moved, ok))
	}
}

func (m *model) policyOf(i int, at time.Time, moved []time.Time, ok []bool) modelPolicy {
	p := modelPolicy{due: moved[i]}
	if !ok[i] {
		return modelPolicy{due: at, skip: ordinaut.ReasonExcludedByCalendar}
	}
	if m.excluded(at) {
		p.reason = ordinaut.ReasonShiftedByCalendar
	}
	room := time.Duration(m.schedule.JitterSeconds) * time.Second
	for j := range m.nominal {
		if m.nominal[j].After(p.due) {
			room = min(room, m.nominal[j].Sub(p.due))
			break
		}
	}
	for j := i; j < len(moved) && (j == i || m.nominal[j-1].Sub(p.due) < 90*day); j++ {
		if ok[j] && moved[j].After(p.due) {
			room = min(room, moved[j].Sub(p.due))
			break
		}
	}
	p.due = p.due.Add(delay(m.id, p.due, room))
	if held, drops := m.quietAt(p.due); drops {
		return modelPolicy{due: at, skip: ordinaut.ReasonQuietHours}
	} else if held {
		p.due, p.reason = m.allowedFrom(p.due), ordinaut.ReasonQuietHours
	}
	return p
}

// shifted returns where each nominal time goes by the calendars; not ok when it is skipped.
func (m *model) shifted() (moved []time.Time, ok []bool) {
	moved, ok = make([]time.Time, len(m.nominal)), make([]bool, len(m.nominal))
	var least time.Time
	for i := len(m.nominal) - 1; i >= 0; i-- {
		at := m.nominal[i]
		moved[i], ok[i] = at, true
		if m.excluded(at) {
			if moved[i], ok[i] = m.target(at); !ok[i] {
				continue
			}
		}
		if least.IsZero() || moved[i].Before(least) {
			least = moved[i]
		}
		moved[i] = least
	}
	return moved, ok
}

func (m *model) target(at time.Time) (time.Time, bool) {
	if m.schedule.Rules.OnExcluded != ordinaut.ExcludedShift {
		return at, false
	}
	to := at
	for m.excluded(to) {
		switch local := to.In(m.zone); {
		case m.dayExcluded(to):
			date := local
			for m.dateExcluded(date.Format(time.DateOnly)) {
				date = time.Date(date.Year(), date.Month(), date.Day()+1, 12, 0, 0, 0, m.zone)
			}
			to = m.instant(date.Format(time.DateOnly), local.Format("15:04"))
		default:
			for m.timeExcluded(to) {
				to = to.Add(time.Minute)
			}
		}
		from, _ := time.Parse(time.DateOnly, at.In(m.zone).Format(time.DateOnly))
		until, _ := time.Parse(time.DateOnly, to.In(m.zone).Format(time.DateOnly))
		if until.Sub(from) > 60*day {
			return at, false
		}
	}
	return to, true
}

func (m *model) excluded(at time.Time) bool { return m.dayExcluded(at) || m.timeExcluded(at) }

func (m *model) dayExcluded(at time.Time) bool {
	return m.dateExcluded(at.In(m.zone).Format(time.DateOnly))
}

func (m *model) dateExcluded(date string) bool {
	for _, c := range m.calendars {
		for _, e := range c.Entries {
			if len(e.From) == len(date) && (e.To == "" && e.From == date || e.From <= date && date < e.To) {
				return true
			}
		}
	}
	return false
}

func (m *model) timeExcluded(at time.Time) bool {
	for _, c := range m.calendars {
		for _, e := range c.Entries {
			from, err1 := time.Parse(time.RFC3339, e.From)
			to, err2 := time.Parse(time.RFC3339, e.To)
			if err1 == nil && err2 == nil && !at.Before(from) && at.Before(to) {
				return true
			}
		}
	}
	return false
}

// instant returns the first minute at which the clock shows the time of day of the date, or a later one.
func (m *model) instant(date, clock string) time.Time {
	if at, known := m.instants[date+clock]; known {
		return at
	}
	reading, err := time.Parse("2006-01-02 15:04", date+" "+clock)
	if err != nil {
		panic(err)
	}
	at := reading.Add(-15 * time.Hour)
	for at.In(m.zone).Format("2006-01-02 15:04") < date+" "+clock {
		at = at.Add(time.Minute)
	}
	m.instants[date+clock] = at
	return at
}

func (m *model) quietAt(at time.Time) (held, drops bool) {
	for _, q := range m.quiets {
		if m.holds(q, at) {
			held, drops = true, drops || q.Action == ordinaut.QuietDrop
		}
	}
	return held, drops
}

func (m *model) holds(q *ordinaut.Quiet, at time.Time) bool {
	for _, b := range q.Blackouts {
		if !at.Before(b.From) && at.Before(b.To) {
			return true
		}
	}
	local := at.In(m.zone)
	for _, h := range q.Hours {
		for back := range 3 {
			begins := time.Date(local.Year(), local.Month(), local.Day()-back, 12, 0, 0, 0, time.UTC)
			ends := begins
			if h.To <= h.From {
				ends = begins.AddDate(0, 0, 1)
			}
			if len(h.Days) > 0 && !slices.Contains(h.Days, strings.ToUpper(begins.Format("Mon"))) {
				continue
			}
			from, to := m.instant(begins.Format(time.DateOnly), h.From), m.instant(ends.Format(time.DateOnly), h.To)
			if !at.Before(from) && at.Before(to) {
				return true
			}
		}
	}
	return false
}

// allowedFrom returns the first minute at or after the quiet instant at at which nothing is quiet.
func (m *model) allowedFrom(at time.Time) time.Time {
	minute := at.Truncate(time.Minute)
	var passed []int64
	for {
		if found, known := m.allowed[minute.Unix()]; known {
			minute = found
			break
		}
		passed = append(passed, minute.Unix())
		if minute = minute.Add(time.Minute); !first(m.quietAt(minute)) {
			break
		}
	}
	for _, p := range passed {
		m.allowed[p] = minute
	}
	return minute
}

func first(held, _ bool) bool { return held }

// due returns when a scheduler should look at the task; zero when never.
func (m *model) due() time.Time {
	if m.paused {
		return m.pausedUntil
	}
	var due time.Time
	if m.next < len(m.nominal) && !m.kept() {
		due = m.policy[m.next].due
	}
	if !m.snoozedAt.IsZero() && (due.IsZero() || m.snoozedUntil.Before(due)) {
		due = m.snoozedUntil
	}
	return due
}

// elapse lets runs end until now, and says how many of those that waited took their place.
func (m *model) elapse(now time.Time) (ended bool, released int) {
	for !m.live.IsZero() && !m.live.After(now) {
		at := m.live
		m.live, ended = time.Time{}, true
		if m.waiting > 0 {
			m.waiting--
			released++
			m.live = at.Add(m.takes)
		}
	}
	return ended, released
}
