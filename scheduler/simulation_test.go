package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// Law: whatever schedules, policies, outages, pauses and snoozes there are, two schedulers on one database
// give every nominal time the fate that the model gives it, and each start its one run.
func TestSchedulersAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if violations := simulate(t, seed, 6*time.Second, nil); len(violations) > 0 {
		for _, v := range violations[:min(len(violations), 20)] {
			t.Error(v)
		}
		t.Errorf("seed %d: %d violations", seed, len(violations))
	}
}

// Law: the simulation reports schedulers that fire twice, lose a time, or start what policy skips.
func TestSimulationFindsFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		found string // in the report of it
		law   string // that the audit finds broken by it; empty when it cannot see it
		plant func(*ordinaut.Decision)
	}{
		"a start fires again, a microsecond later": {"counts 1, the schedule has 0", "L6", func(d *ordinaut.Decision) {
			for _, o := range d.Occurrences {
				if o.Fate == ordinaut.FateStarted {
					o.NominalAt, o.LastAt = o.NominalAt.Add(time.Microsecond), o.LastAt.Add(time.Microsecond)
					o.RunID = ordinaut.NewRunID()
					d.Occurrences = append(d.Occurrences, o)
					return
				}
			}
		}},
		"a start is lost": {"has no row", "T6", func(d *ordinaut.Decision) {
			if n := len(d.Occurrences); n > 0 && d.Occurrences[n-1].Fate == ordinaut.FateStarted {
				d.Occurrences = d.Occurrences[:n-1]
			}
		}},
		"what is skipped starts": {"is started(", "", func(d *ordinaut.Decision) {
			for i := range d.Occurrences {
				if o := &d.Occurrences[i]; o.Fate == ordinaut.FateSkipped && o.Count == 1 {
					o.Fate, o.RunID = ordinaut.FateStarted, ordinaut.NewRunID()
				}
			}
		}},
		"a time is passed over": {"is due at", "", func(d *ordinaut.Decision) {
			if n := len(d.Occurrences); n > 0 && d.DueAt != nil {
				later := d.DueAt.Add(time.Hour)
				d.DueAt = &later
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			violations := simulate(t, 7, 6*time.Second, fault.plant)
			if !slices.ContainsFunc(violations, func(v string) bool { return strings.Contains(v, fault.found) }) {
				t.Errorf("the simulation did not report that something %s: %q", fault.found, violations)
			}
			if fault.law != "" && !slices.ContainsFunc(violations, func(v string) bool { return strings.Contains(v, ": "+fault.law+": ") }) {
				t.Errorf("the audit did not find %s broken: %q", fault.law, violations)
			}
		})
	}
}

const (
	simulatedTasks   = 30
	simulatedRelease = "2026a"
)

// simulation is tasks in a database with a clock of its own, two schedulers, and a model of each task.
type simulation struct {
	*rand.Rand
	start      time.Time
	now        time.Time
	pool       *pgxpool.Pool
	clock      *storetest.Clock
	stores     [2]*store.Store
	deciders   [2]*Decider
	plant      func(*ordinaut.Decision)
	models     []*model
	violations []string
}

// simulate lets up to ten days pass, in at most budget of real time, and returns what was not as it should.
func simulate(t *testing.T, seed uint64, budget time.Duration, plant func(*ordinaut.Decision)) []string {
	t.Helper()
	dsn, clock := storetest.FakeClock(t, storetest.DB(t))
	// Central Europe sets its clocks back on the third day.
	s := &simulation{
		Rand: rand.New(rand.NewPCG(seed, 1)), clock: clock, plant: plant, //nolint:gosec // chance, not secrecy
		start: at("2026-10-23T05:00:00Z"), pool: storetest.Pool(t, dsn),
	}
	s.now = s.start
	s.clock.Set(s.start)
	for i := range s.stores {
		s.stores[i] = storetest.StoreOn(t, storetest.Pool(t, dsn), store.Config{})
		s.deciders[i] = NewDecider(100)
	}
	// The audit looks at weeks that were opened, and at zones whose rules are known.
	s.exec(t, `SELECT ensure_history($1)`, s.start)
	if err := s.stores[0].SetZoneRelease(t.Context(), simulatedRelease); err != nil {
		t.Fatal(err)
	}
	s.exec(t, `UPDATE fact SET at = $1`, s.start.Add(-time.Hour))
	s.makeTasks(t)
	steps := 0
	deadline, end := time.Now().Add(budget), s.start.Add(10*day)
	for time.Now().Before(deadline) && s.pass().Before(end) && len(s.violations) == 0 {
		s.step(t)
		steps++
	}
	s.checkLedgers(t)
	s.audit(t)
	s.report(t, steps)
	return s.violations
}

// audit holds the ledger and the tasks against the laws of verify. Its runs are ended by hand.
func (s *simulation) audit(t *testing.T) {
	t.Helper()
	all, err := s.stores[0].Verify(t.Context(), NewAuditor(simulatedRelease).Audit)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Violations > 0 && !strings.HasPrefix(v.ID, "R") {
			s.complain("%s: %s, but %d of %d do not: %s", v.ID, v.What, v.Violations, v.Checked, strings.Join(v.Shown, "; "))
		}
		if s.plant == nil && v.ID == lawUnbroken && v.Checked == 0 {
			s.complain("no ledger was audited")
		}
	}
}

// report tells how much was simulated: a simulation in which nothing happens proves nothing.
func (s *simulation) report(t *testing.T, steps int) {
	t.Helper()
	fates := map[string]int{}
	for _, m := range s.models {
		for _, f := range m.fates {
			fates[fmt.Sprintf("%s(%s)", f.fate, f.reason)]++
		}
	}
	t.Logf("%d instants until %s; fates: %v", steps, s.now.Format(time.RFC3339), fates)
}

func (s *simulation) complain(format string, args ...any) {
	s.violations = append(s.violations, fmt.Sprintf("at %s: ", s.now.Format(time.RFC3339))+fmt.Sprintf(format, args...))
}

// pass moves the clock on: to the next due time and a bit, or over an outage.
func (s *simulation) pass() time.Time {
	switch s.IntN(10) {
	case 0:
		s.now = s.now.Add(s.upTo(30 * time.Hour))
	case 1, 2:
		s.now = s.now.Add(s.upTo(3 * time.Hour))
	default:
		var next soonest
		for _, m := range s.models {
			due := m.due()
			next.add(due, due.After(s.now))
		}
		if next.ok {
			s.now = next.at.Add(s.upTo(1500 * time.Millisecond))
		} else {
			s.now = s.now.Add(time.Hour)
		}
	}
	return s.now
}

func (s *simulation) upTo(d time.Duration) time.Duration {
	return time.Duration(s.Int64N(int64(d))).Truncate(time.Microsecond)
}

// step lets runs end, people interfere and both schedulers tick, at one instant.
func (s *simulation) step(t *testing.T) {
	t.Helper()
	s.clock.Set(s.now)
	for _, m := range s.models {
		s.endRuns(t, m)
		s.interfere(t, m)
	}
	s.tickBoth(t)
	for _, m := range s.models {
		m.tick(s.now)
		s.checkTask(t, m)
	}
}

func (s *simulation) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// endRuns ends what is over by now, and lets what waited for it take its place.
func (s *simulation) endRuns(t *testing.T, m *model) {
	t.Helper()
	ended, released := m.elapse(s.now)
	if ended || m.schedule.Overlap == ordinaut.OverlapAllow {
		s.exec(t, `DELETE FROM queue WHERE task_id = $1`, m.id)
	}
	for i := range released {
		s.exec(t, `WITH gone AS (DELETE FROM wait WHERE run_id = (SELECT run_id FROM wait WHERE task_id = $1 ORDER BY run_id LIMIT 1) RETURNING *)
INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority, exclusive)
SELECT namespace_id, run_id, task_id, clock_timestamp(), priority, exclusive FROM gone`, m.id)
		if i < released-1 || m.live.IsZero() {
			s.exec(t, `DELETE FROM queue WHERE task_id = $1`, m.id)
		}
	}
}

// interfere snoozes or pauses a task now and then.
func (s *simulation) interfere(t *testing.T, m *model) {
	t.Helper()
	if m.paused || m.due().IsZero() || m.next >= len(m.nominal) || s.IntN(15) > 0 {
		return
	}
	until := s.now.Add(s.upTo(4 * time.Hour)).Add(time.Second)
	if s.IntN(2) == 0 {
		m.paused, m.pausedUntil = true, until
		s.exec(t, `UPDATE task SET state = 'paused', paused_reason = 'paused', due_at = $2 WHERE id = $1`, m.id, until)
		return
	}
	if !m.snoozedAt.IsZero() || m.policy[m.next].due.Before(s.now) {
		return
	}
	m.snoozedAt, m.snoozedUntil = m.nominal[m.next], laterTime(until, m.nominal[m.next])
	var next *time.Time
	if m.next++; m.next < len(m.nominal) {
		next = &m.nominal[m.next]
	}
	s.exec(t, `UPDATE task SET snoozed_at = $2, snoozed_until = $3, next_at = $4, due_at = $5 WHERE id = $1`,
		m.id, m.snoozedAt, m.snoozedUntil, next, s.now)
}

// tickBoth lets both schedulers tick side by side until nothing is due.
func (s *simulation) tickBoth(t *testing.T) {
	t.Helper()
	var both sync.WaitGroup
	for i := range s.stores {
		both.Go(func() { s.tick(t, i) })
	}
	both.Wait()
	s.tick(t, 0)
	// A run may have been left waiting because the other scheduler held its task.
	if _, err := s.stores[0].ReleaseRuns(t.Context(), 2*simulatedTasks); err != nil {
		t.Error(err)
	}
}

func (s *simulation) tick(t *testing.T, i int) {
	for range 200 {
		result, err := s.stores[i].Tick(context.WithoutCancel(t.Context()), 7, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
			decisions, undecided := s.deciders[i].Decide(now, due)
			if len(undecided) > 0 {
				t.Error(undecided[0].Err)
			}
			for n := range decisions {
				if s.plant != nil {
					s.plant(&decisions[n])
				}
			}
			return decisions
		})
		if err != nil {
			t.Error(err)
			return
		}
		if result.Due == 0 {
			return
		}
	}
}

// checkTask compares when a task is due, and what it has going, with the model.
func (s *simulation) checkTask(t *testing.T, m *model) {
	t.Helper()
	var state string
	var due *time.Time
	var queued, waiting int
	const read = `SELECT state, due_at, (SELECT count(*) FROM queue WHERE task_id = $1), (SELECT count(*) FROM wait WHERE task_id = $1)
FROM task WHERE id = $1`
	if err := s.pool.QueryRow(t.Context(), read, m.id).Scan(&state, &due, &queued, &waiting); err != nil {
		t.Fatal(err)
	}
	want := m.due()
	if due == nil && !want.IsZero() || due != nil && !due.Equal(want) {
		s.complain("%s is due at %v, the model says %v", m.words(), due, want)
	}
	live := 0
	if !m.live.IsZero() {
		live = 1
	}
	if m.schedule.Overlap != ordinaut.OverlapAllow && (queued != live || waiting != m.waiting) {
		s.complain("%s has %d live runs and %d that wait, the model says %d and %d", m.words(), queued, waiting, live, m.waiting)
	}
	if (state == string(ordinaut.TaskFinished)) != want.IsZero() {
		s.complain("%s is %s, the model has it due at %v", m.words(), state, want)
	}
}

func (m *model) words() string {
	return fmt.Sprintf("task %s %q %+v rules %+v", m.schedule.Kind, m.schedule.Expr, m.schedule, m.schedule.Rules)
}

// checkLedgers compares the fate of every nominal time with the model, and every start with its run.
func (s *simulation) checkLedgers(t *testing.T) {
	t.Helper()
	for _, m := range s.models {
		s.checkLedger(t, m)
	}
}

func (s *simulation) checkLedger(t *testing.T, m *model) {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), `SELECT o.nominal_at, o.last_at, o.count, o.fate, o.reason, r.due_at
FROM occurrence o LEFT JOIN run r ON r.id = o.run_id WHERE o.task_id = $1 ORDER BY o.nominal_at`, m.id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	told := map[time.Time]bool{}
	runs := 0
	for rows.Next() {
		var o ordinaut.Occurrence
		var due *time.Time
		if err := rows.Scan(&o.NominalAt, &o.LastAt, &o.Count, &o.Fate, &o.Reason, &due); err != nil {
			t.Fatal(err)
		}
		if o.Fate == ordinaut.FateStarted {
			runs++
		}
		s.checkRow(m, o, due, told)
	}
	for at, f := range m.fates {
		if !told[at] {
			s.complain("%s: %s has no row, the model says %v", m.words(), at, f)
		}
	}
	var made int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM run WHERE task_id = $1`, m.id).Scan(&made); err != nil {
		t.Fatal(err)
	}
	if made != runs || made != m.started {
		s.complain("%s: %d runs for %d starts, the model has %d", m.words(), made, runs, m.started)
	}
}

// checkRow compares a row with the model's fate of each nominal time that it covers.
func (s *simulation) checkRow(m *model, o ordinaut.Occurrence, due *time.Time, told map[time.Time]bool) {
	covered := 0
	for _, at := range m.nominal {
		if at.Before(o.NominalAt) || at.After(o.LastAt) {
			continue
		}
		covered++
		if told[at] {
			s.complain("%s: %s is in two rows", m.words(), at)
		}
		told[at] = true
		want := m.fates[at]
		if want.fate != o.Fate || want.reason != o.Reason {
			s.complain("%s: %s is %s(%s), the model says %s(%s)", m.words(), at, o.Fate, o.Reason, want.fate, want.reason)
		}
		if o.Fate == ordinaut.FateStarted && (due == nil || !due.Equal(want.due)) {
			s.complain("%s: the run of %s is due at %v, the model says %s", m.words(), at, due, want.due)
		}
	}
	if covered != o.Count {
		s.complain("%s: a row from %s to %s counts %d, the schedule has %d", m.words(), o.NominalAt, o.LastAt, o.Count, covered)
	}
}
