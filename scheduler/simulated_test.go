package scheduler

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// makeTasks fills the database with tasks of every kind of schedule and policy, and their models.
func (s *simulation) makeTasks(t *testing.T) {
	t.Helper()
	call := storetest.Call(t, s.stores[0], "create_task")
	calendars := []ordinaut.Calendar{s.calendar("alpha"), s.calendar("beta")}
	for _, c := range calendars {
		s.exec(t, `INSERT INTO calendar (namespace_id, name, version, entries, updated_by) VALUES ($1, $2, 1, $3, $4)`,
			call.Agent.NamespaceID, c.Name, encoded(t, c.Entries), call.Agent.ID)
	}
	var quiet *ordinaut.Quiet
	if s.IntN(2) == 0 {
		quiet = s.quiet("Europe/Berlin", 6)
		s.exec(t, `UPDATE agent SET quiet = $2 WHERE id = $1`, call.Agent.ID, encoded(t, quiet))
	}
	for range simulatedTasks {
		s.makeTask(t, calendars, quiet)
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s *simulation) makeTask(t *testing.T, calendars []ordinaut.Calendar, agentQuiet *ordinaut.Quiet) {
	t.Helper()
	// The zone of quiet hours is the task's, so that the model knows one zone only.
	schedule := ordinaut.Schedule{
		Timezone: "Europe/Berlin", Overlap: pick(s.Rand, ordinaut.Overlaps()), CatchUp: pick(s.Rand, ordinaut.CatchUps()),
		MaxLatenessSeconds: pick(s.Rand, []int{0, 0, 0, 600, 86400}), MaxCatchUp: pick(s.Rand, []int{0, 0, 3}),
		JitterSeconds: pick(s.Rand, []int{0, 0, 60, 1800}), MaxRuns: pick(s.Rand, []int{0, 0, 0, 4}),
	}
	zone, err := time.LoadLocation(schedule.Timezone)
	if err != nil {
		t.Fatal(err)
	}
	is, seldom := s.kind(&schedule)
	if s.IntN(6) == 0 {
		ends := s.start.Add(4 * day).Add(s.upTo(4 * day)).Truncate(time.Minute) // past a weekend
		if schedule.Kind != ordinaut.ScheduleOnce {
			schedule.EndsAt = &ends
		}
	}
	rules := &ordinaut.Rules{}
	if s.IntN(2) == 0 {
		rules.Calendars = []string{"alpha", "beta"}[:1+s.IntN(2)]
		if seldom && s.IntN(3) > 0 {
			rules.OnExcluded = ordinaut.ExcludedShift
		}
	}
	if s.IntN(3) == 0 {
		rules.Quiet = s.quiet("", 10)
	}
	schedule.Rules = rules
	plan, normal, err := Parse(schedule, s.start)
	if err != nil {
		t.Fatalf("%+v: %v", schedule, err)
	}
	m := newModel(normal, zone)
	if m.schedule.Rules == nil {
		m.schedule.Rules = &ordinaut.Rules{}
	}
	m.calendars = calendars[:len(rules.Calendars)]
	for _, q := range []*ordinaut.Quiet{rules.Quiet, agentQuiet} {
		if q != nil {
			m.quiets = append(m.quiets, q)
		}
	}
	m.takes = pick(s.Rand, []time.Duration{0, 0, 5 * time.Minute, 50 * time.Minute, 5 * time.Hour})
	next, ok := plan.First(s.start)
	if !ok {
		t.Fatalf("%+v is never due", schedule)
	}
	spec := storetest.Spec("simulated")
	spec.Schedule = normal
	task := storetest.Task(t, s.stores[0], spec)
	s.exec(t, `UPDATE task SET state = 'active', next_at = $2, due_at = $3 WHERE id = $1`, task.ID, next, s.start)
	s.exec(t, `UPDATE task_version SET created_at = $2, first_at = $3 WHERE task_id = $1`, task.ID, s.start, next)
	m.id = task.ID
	past := s.start.Add(13 * day)
	if rules.OnExcluded != "" {
		past = s.start.Add(85 * day)
	}
	m.prepare(s.start, past, is)
	s.models = append(s.models, m)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// kind gives the schedule a kind and an expression, and returns what minutes match it, and whether they are
// few enough to be shifted.
func (s *simulation) kind(schedule *ordinaut.Schedule) (is func(local time.Time) bool, seldom bool) {
	minute, hour := s.IntN(60), 3+s.IntN(20) // no local time that a change of the clocks repeats
	schedule.Kind = ordinaut.ScheduleCron
	switch s.IntN(6) {
	case 0:
		schedule.Kind = ordinaut.ScheduleInterval
		every := time.Duration(7+s.IntN(200)) * time.Minute
		anchor := s.start.Truncate(time.Minute)
		schedule.Expr, schedule.StartsAt = every.String(), &anchor
		return func(local time.Time) bool { return local.Sub(anchor)%every == 0 }, every >= time.Hour
	case 1:
		schedule.Kind = ordinaut.ScheduleOnce
		once := s.start.Add(time.Hour).Add(s.upTo(5 * day)).Truncate(time.Minute)
		schedule.Expr = once.Format(time.RFC3339)
		return once.Equal, true
	case 2:
		step := pick(s.Rand, []int{10, 15, 20, 30})
		schedule.Expr = fmt.Sprintf("*/%d * * * *", step)
		return func(local time.Time) bool { return local.Minute()%step == 0 }, false
	case 3:
		schedule.Kind = ordinaut.ScheduleRRule
		schedule.Expr = fmt.Sprintf("DTSTART:20261001T000000\nRRULE:FREQ=WEEKLY;BYDAY=MO,TH,SA;BYHOUR=%d,23;BYMINUTE=%d;BYSECOND=0", hour, minute)
		return func(local time.Time) bool {
			d := local.Weekday()
			return (d == time.Monday || d == time.Thursday || d == time.Saturday) && (local.Hour() == hour || local.Hour() == 23) && local.Minute() == minute
		}, true
	case 4:
		schedule.Expr = fmt.Sprintf("%d */3 * * *", minute)
		return func(local time.Time) bool { return local.Hour()%3 == 0 && local.Minute() == minute }, true
	default:
		schedule.Expr = fmt.Sprintf("%d %d * * MON-FRI", minute, hour)
		return func(local time.Time) bool {
			return local.Weekday() >= time.Monday && local.Weekday() <= time.Friday && local.Hour() == hour && local.Minute() == minute
		}, true
	}
}

// calendar excludes some days and some stretches of the coming two weeks; now and then very many days.
func (s *simulation) calendar(name string) ordinaut.Calendar {
	c := ordinaut.Calendar{Name: name}
	for range 1 + s.IntN(3) {
		from := s.start.Add(s.upTo(12 * day))
		entry := ordinaut.CalendarEntry{From: from.Format(time.DateOnly)}
		if s.IntN(2) == 0 {
			entry.To = from.AddDate(0, 0, 1+s.IntN(3)).Format(time.DateOnly)
		}
		c.Entries = append(c.Entries, entry)
	}
	for range s.IntN(3) {
		from := s.start.Add(s.upTo(12 * day)).Truncate(time.Minute)
		to := from.Add(time.Minute).Add(s.upTo(20 * time.Hour)).Truncate(time.Minute)
		c.Entries = append(c.Entries, ordinaut.CalendarEntry{From: from.Format(time.RFC3339), To: to.Format(time.RFC3339)})
	}
	if s.IntN(4) == 0 {
		from := s.start.Add(6 * day)
		c.Entries = append(c.Entries, ordinaut.CalendarEntry{From: from.Format(time.DateOnly), To: from.AddDate(0, 0, 64).Format(time.DateOnly)})
	}
	return c
}

// quiet keeps up to so many hours of some days quiet, and perhaps a day at once.
func (s *simulation) quiet(zone string, hours int) *ordinaut.Quiet {
	from := time.Duration(s.IntN(24*60)) * time.Minute
	to := (from + time.Duration(1+s.IntN(hours*60))*time.Minute) % day
	q := &ordinaut.Quiet{
		Timezone: zone, Action: pick(s.Rand, []ordinaut.QuietAction{"", "", ordinaut.QuietDrop}),
		Hours: []ordinaut.QuietHours{{From: clockWords(from), To: clockWords(to)}},
	}
	if s.IntN(3) == 0 {
		q.Hours[0].Days = []string{"SAT", "SUN", "TUE"}
	}
	if s.IntN(3) == 0 {
		begins := s.start.Add(s.upTo(9 * day)).Truncate(time.Minute)
		q.Blackouts = []ordinaut.Blackout{{From: begins, To: begins.Add(time.Hour).Add(s.upTo(day)).Truncate(time.Minute)}}
	}
	return q
}
