package store_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// audited is a database in which each law has something to look at.
type audited struct {
	*testing.T
	pool *pgxpool.Pool
	*store.Store
	call ordinaut.Call
}

// newAudited makes tasks of each kind, lets schedulers and workers do some of their work, and leaves runs in
// every place.
func newAudited(t *testing.T) *audited {
	t.Helper()
	pool := storetest.Pool(t, storetest.DB(t))
	s := must(store.New(store.Config{Pool: pool}))(t)
	a := &audited{T: t, pool: pool, Store: s, call: storetest.Call(t, s, "create_task")}
	now := time.Now().UTC().Truncate(time.Minute)
	every := func(title string, change func(*ordinaut.Schedule)) ordinaut.Task {
		begin := now.Add(-10 * time.Minute)
		schedule := ordinaut.Schedule{
			Kind: ordinaut.ScheduleInterval, Expr: "PT1M", Timezone: "UTC", StartsAt: &begin,
			Overlap: ordinaut.OverlapAllow, CatchUp: ordinaut.CatchUpAll,
		}
		change(&schedule)
		return a.create(title, schedule, &begin)
	}
	every("ticks", func(*ordinaut.Schedule) {})
	every("coalesces", func(s *ordinaut.Schedule) { s.CatchUp = ordinaut.CatchUpLatest })
	every("buffers", func(s *ordinaut.Schedule) { s.Overlap, s.MaxCatchUp = ordinaut.OverlapBufferAll, 2 })
	every("spent", func(s *ordinaut.Schedule) { s.MaxRuns = 2 })
	every("once", func(s *ordinaut.Schedule) {
		s.Kind, s.Expr, s.StartsAt = ordinaut.ScheduleOnce, s.StartsAt.Format(time.RFC3339), nil
	})
	every("watches", func(s *ordinaut.Schedule) {
		s.Kind, s.Expr, s.CatchUp = ordinaut.ScheduleCondition, "", ordinaut.CatchUpLatest
		s.Rules = &ordinaut.Rules{Condition: &ordinaut.Condition{Every: "PT1M", Probe: ordinaut.Probe{Uses: "http.request"}, When: "up"}}
	})
	ahead := now.Add(time.Hour)
	a.create("ahead", ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 * * * *", Timezone: "UTC"}, new(nextHour(ahead)))
	a.create("hears", ordinaut.Schedule{Kind: ordinaut.ScheduleEvent, Expr: "door.*", Timezone: "UTC", Overlap: ordinaut.OverlapAllow}, nil)
	a.create("holds", ordinaut.Schedule{Kind: ordinaut.ScheduleEvent, Expr: "door.*", Timezone: "UTC", Overlap: ordinaut.OverlapAllow}, nil)
	a.exec(`UPDATE task_version SET created_at = created_at - interval '1 hour'`)
	a.exec(`INSERT INTO waking (namespace_id, calendar, agent_id) SELECT namespace_id, '', owner_id FROM task LIMIT 1`)
	a.tick()
	a.dispatch()
	a.work()
	must(s.CreateRun(t.Context(), a.call, a.task("ticks"), nil))(t)
	failed := must(s.ListRuns(t.Context(), a.call.Agent.NamespaceID, store.RunFilter{States: []ordinaut.RunState{ordinaut.RunFailed}}))(t)
	must(s.RetryRun(t.Context(), a.call, failed[0].ID, store.Retry{FromStart: true, Check: func(*ordinaut.TaskSpec) error { return nil }}))(t)
	must(s.PublishEvent(t.Context(), a.call, ordinaut.Event{Topic: "window.open"}))(t)
	return a
}

func nextHour(at time.Time) time.Time { return at.Truncate(time.Hour).Add(time.Hour) }

func (a *audited) create(title string, schedule ordinaut.Schedule, first *time.Time) ordinaut.Task {
	a.Helper()
	spec := storetest.Spec(title)
	spec.Schedule = schedule
	return must(a.CreateTask(a.Context(), a.call, spec, first))(a)
}

func (a *audited) exec(sql string) {
	a.Helper()
	if _, err := a.pool.Exec(a.Context(), sql); err != nil {
		a.Fatalf("%s: %v", sql, err)
	}
}

// task returns the id of a task by its title.
func (a *audited) task(title string) ordinaut.TaskID {
	a.Helper()
	var id [16]byte
	if err := a.pool.QueryRow(a.Context(), `SELECT id FROM task WHERE title = $1`, title).Scan(&id); err != nil {
		a.Fatal(err)
	}
	return id
}

func (a *audited) tick() {
	a.Helper()
	decider := scheduler.NewDecider(10)
	must(a.Tick(a.Context(), 100, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		all, _ := decider.Decide(now, due)
		return all
	}))(a)
}

// dispatch publishes an event, which one task starts for and another holds.
func (a *audited) dispatch() {
	a.Helper()
	must(a.PublishEvent(a.Context(), a.call, ordinaut.Event{Topic: "door.open", Payload: json.RawMessage(`{}`)}))(a)
	hears := a.task("hears")
	decide := func(now time.Time, tasks []ordinaut.EventTask) []ordinaut.EventDecision {
		all := make([]ordinaut.EventDecision, len(tasks))
		for i, t := range tasks {
			all[i] = ordinaut.EventDecision{NamespaceID: t.NamespaceID, TaskID: t.TaskID}
			event := t.Matches[0].Event
			if t.TaskID != hears {
				all[i].Held = &ordinaut.HeldEvent{TaskID: t.TaskID, EventID: event.ID, EventAt: event.At, FirstAt: now, DueAt: now.Add(time.Hour)}
				continue
			}
			all[i].Occurrences = []ordinaut.Occurrence{{
				Kind: ordinaut.RunEvent, NominalAt: event.At, LastAt: event.At, Count: 1, Fate: ordinaut.FateStarted, EventID: event.ID,
			}}
		}
		return all
	}
	must(a.Dispatch(a.Context(), 10, func(time.Time, []ordinaut.EventTask) {}, decide))(a)
}

// work lets a worker take all but one of the runs: most succeed, after a step and a report, one fails, one
// sleeps and one goes on. The probe gives its verdict.
func (a *audited) work() {
	a.Helper()
	var queued int
	if err := a.pool.QueryRow(a.Context(), `SELECT count(*) FROM queue`).Scan(&queued); err != nil {
		a.Fatal(err)
	}
	met := true
	for i, at := range claimAll(a, a.Store, queued-1) {
		r := ordinaut.Record{
			Lease: at.Lease, Steps: []ordinaut.StepResult{step("say", at.Seq+2)},
			Progress: []ordinaut.Progress{{Seq: at.Seq + 1, Type: ordinaut.ProgressReport, At: time.Now()}},
			Outcome:  &ordinaut.Outcome{State: ordinaut.RunSucceeded, Seq: at.Seq + 3},
		}
		r.Steps[0].Epoch = at.Epoch
		switch {
		case at.Kind == ordinaut.RunProbe:
			r.Verdict = &ordinaut.Verdict{TaskVersion: 1, Met: &met, Value: json.RawMessage(`true`)}
		case at.TaskID == a.task("buffers"), i == 0:
			r.Outcome = nil // it goes on
		case i == 1:
			r.Outcome.State, r.Outcome.Reason = ordinaut.RunFailed, ordinaut.ReasonActionFailed
		case i == 2:
			r.Outcome.State, r.Outcome.Delay = ordinaut.RunWaiting, time.Hour
			r.Steps = append(r.Steps, asks(&at, "ok"))
		}
		record(a, a.Store, r)
	}
}

// planted are the tables in which violations are planted.
func planted() []string {
	return []string{"task", "occurrence", "run", "step", "progress", "queue", "lease", "wait", "event", "event_queue", "debounce", "verdict", "waking", "approval"}
}

// keep notes what is there, for restore.
func (a *audited) keep() {
	a.Helper()
	a.exec(`CREATE SCHEMA kept`)
	for _, table := range planted() {
		a.exec(`CREATE TABLE kept.` + table + ` AS TABLE ` + table)
	}
}

func (a *audited) restore() {
	a.Helper()
	for _, table := range planted() {
		a.exec(`DELETE FROM ` + table)
		a.exec(`INSERT INTO ` + table + ` SELECT * FROM kept.` + table)
	}
}

// verify returns what is known of each law.
func (a *audited) verify(release string) []store.Invariant {
	a.Helper()
	return must(a.Verify(a.Context(), scheduler.NewAuditor(release).Audit))(a)
}

// broken returns the laws that do not hold, and what is told of them.
func broken(all []store.Invariant) (laws []string, told string) {
	for _, v := range all {
		if v.Violations > 0 {
			laws, told = append(laws, v.ID), told+v.ID+" "+strings.Join(v.Shown, "\n   ")+"\n"
		}
	}
	return laws, told
}

// All laws hold in a database that nothing but the program has written, and each has looked at something.
func TestVerifyHoldsOnAHealthyDatabase(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	all := a.verify("")
	if laws, told := broken(all); len(laws) > 0 {
		t.Errorf("broken in a healthy database:\n%s", told)
	}
	for _, v := range all {
		if v.Checked == 0 || v.Left > 0 {
			t.Errorf("%s looked at %d, %d were left out", v.ID, v.Checked, v.Left)
		}
	}
}

// Each law tells of the violation that is planted, and no law of another one's.
func TestVerifyTellsEachViolation(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	a.keep()
	const ticks = ` task_id = (SELECT id FROM task WHERE title = 'ticks') `
	for _, tc := range []struct{ name, plant, laws string }{
		{"another time", `UPDATE run SET nominal_at = nominal_at + interval '1 second' WHERE ` + ticks + `AND kind = 'schedule'`, "L1"},
		{"no run", `UPDATE occurrence SET run_id = $new WHERE kind = 'event'`, "L1 L2"},
		{"no occurrence", `DELETE FROM occurrence WHERE kind = 'event'`, "L2"},
		{"a whim", `UPDATE occurrence SET reason = 'whim' WHERE ` + ticks, "L3"},
		{"rows that overlap", `INSERT INTO occurrence (namespace_id, task_id, nominal_at, kind, last_at, count, fate, reason)
SELECT namespace_id, id, now() + n * interval '1 minute', 'backfill', now() + (n + 2) * interval '1 minute', 2, 'skipped', 'paused'
FROM task, generate_series(1, 2) AS n WHERE title = 'ahead'`, "L4"},
		{"a row of nothing", `INSERT INTO occurrence (namespace_id, task_id, nominal_at, kind, last_at, fate, reason)
SELECT namespace_id, id, now(), 'backfill', now() + interval '1 minute', 'skipped', 'paused' FROM task WHERE title = 'ahead'`, "L5"},
		{"a lost time", `DELETE FROM occurrence WHERE nominal_at = (SELECT nominal_at FROM occurrence WHERE ` + ticks + `ORDER BY nominal_at OFFSET 3 LIMIT 1) AND` + ticks, "L2 L6"},
		{"a wrong count", `UPDATE occurrence SET count = count + 1 WHERE fate = 'coalesced' AND count > 1`, "L6"},
		{"a time too far on", `UPDATE task SET next_at = next_at + interval '1 minute' WHERE title IN ('ticks', 'watches')`, "L6"},
		{"a lost first time", `DELETE FROM occurrence WHERE nominal_at = (SELECT min(nominal_at) FROM occurrence WHERE ` + ticks + `) AND` + ticks, "L7"},
		{"two places", `INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority, epoch, started_at)
SELECT namespace_id, run_id, task_id, now(), 5, epoch, started_at FROM lease`, "R1"},
		{"no place", `DELETE FROM wait WHERE due_at IS NOT NULL`, "R1 R5"},
		{"no end", `UPDATE run SET finished_at = NULL`, "R2"},
		{"a step of nobody", `UPDATE step SET epoch = 9 WHERE run_id NOT IN (SELECT run_id FROM lease) AND run_id NOT IN (SELECT run_id FROM wait)`, "R3"},
		{"a step of the future", `UPDATE step SET epoch = 9 WHERE run_id IN (SELECT run_id FROM lease)`, "R4"},
		{"a lost step", `DELETE FROM step`, "R5 A1"},
		{"a lost report", `DELETE FROM progress WHERE type = 'progress'`, "R5"},
		{"an entry too many", `UPDATE run SET seq = seq + 1 WHERE state = 'succeeded'`, "R5"},
		{"waiting for nothing", `WITH gone AS (DELETE FROM lease WHERE task_id = (SELECT id FROM task WHERE title = 'buffers') RETURNING run_id, started_at)
UPDATE run r SET state = 'canceled', reason = 'canceled', attempt = 1, seq = 5, started_at = gone.started_at, finished_at = now() - interval '5 minutes'
FROM gone WHERE id = gone.run_id; UPDATE run SET queued_at = now() - interval '10 minutes'`, "R6"},
		{"a run of nobody", `INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority) SELECT namespace_id, $new, id, now(), 5 FROM task WHERE title = 'ahead'`, "R7"},
		{"another task's run", `UPDATE lease SET task_id = $new`, "R7"},
		{"a failure without a reason", `UPDATE run SET reason = '' WHERE state = 'failed'`, "R8"},
		{"a success with a reason", `UPDATE run SET reason = 'canceled' WHERE state = 'succeeded'`, "R8"},
		{"a dead worker", `UPDATE lease SET until = now() - interval '5 minutes'`, "R9"},
		{"a retry of what lives", `UPDATE run SET kind = 'retry', retry_of = id WHERE kind = 'manual' AND state = 'queued'`, "R10"},
		{"a retry by nobody", `UPDATE run SET retry_of = id WHERE state = 'failed'`, "R10"},
		{"a sleeper", `UPDATE wait SET due_at = now() - interval '5 minutes' WHERE due_at IS NOT NULL`, "R9"},
		{"nobody looks", `UPDATE task SET due_at = NULL WHERE title = 'ticks'`, "T1"},
		{"a time that was", `UPDATE task t SET next_at = (SELECT max(nominal_at) FROM occurrence WHERE task_id = t.id) WHERE title = 'ticks'`, "L6 T2"},
		{"no scheduler", `UPDATE task SET due_at = now() - interval '5 minutes' WHERE title = 'ahead'`, "T3"},
		{"no time", `UPDATE task SET next_at = NULL, due_at = NULL WHERE title = 'ahead'`, "T4"},
		{"finished early", `UPDATE task SET state = 'finished', next_at = NULL, due_at = NULL WHERE title = 'ticks'`, "T5"},
		{"finished before it began", `UPDATE task SET state = 'finished', next_at = NULL, due_at = NULL WHERE title = 'ahead'`, "T5"},
		{"deaf", `UPDATE task SET state = 'finished' WHERE title = 'hears'`, "T5"},
		{"fewer runs than it may", `UPDATE task SET runs_started = 1 WHERE title = 'spent'`, "T5"},
		{"a first time too far on", `UPDATE task SET next_at = next_at + interval '1 hour' WHERE title = 'ahead'`, "T6"},
		{"a change that stopped", `UPDATE waking SET touched_at = now() - interval '5 minutes'`, "T7"},
		{"another event", `UPDATE run SET event_id = (SELECT id FROM event WHERE topic = 'window.open') WHERE kind = 'event'`, "E1"},
		{"no event", `DELETE FROM event WHERE topic = 'door.open'`, "E2"},
		{"an event of nobody", `DELETE FROM event WHERE topic = 'window.open'`, "E2"},
		{"an old event", `UPDATE event SET at = now() - interval '5 minutes'`, "E3"},
		{"an old burst", `UPDATE debounce SET due_at = now() - interval '5 minutes'`, "E4"},
		{"a question of nobody", `UPDATE approval SET run_id = $new`, "A1 A2"},
		{"a question that was answered", `UPDATE approval SET decision = 'approved', decided_at = now()`, "A2"},
		{"an old verdict", `UPDATE verdict SET at = now() - interval '5 minutes'`, "E5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a.restore()
			for sql := range strings.SplitSeq(tc.plant, ";") {
				a.exec(strings.ReplaceAll(sql, "$new", "uuid_at(now())"))
			}
			if laws, told := broken(a.verify("")); !slices.Equal(laws, strings.Fields(tc.laws)) {
				t.Errorf("broken are %v, want %s:\n%s", laws, tc.laws, told)
			}
		})
	}
}

// History that was dropped for its age is no violation, whichever tables it was dropped from.
func TestVerifyKnowsHowFarHistoryGoes(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"run", "step", "progress", "event", "occurrence"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			a := newAudited(t)
			// What ends is history; live runs are not.
			a.exec(`UPDATE run SET state = 'canceled', reason = 'canceled', attempt = 1, finished_at = now(), seq = 99 WHERE state = 'queued'`)
			a.exec(`UPDATE approval SET decision = 'closed', decided_at = now()`)
			a.exec(`DELETE FROM queue`)
			a.exec(`DELETE FROM lease`)
			a.exec(`DELETE FROM wait`)
			if laws, _ := broken(a.verify("")); !slices.Contains(laws, "R5") {
				t.Errorf("with progress that has a gap %v are broken", laws)
			}
			a.exec(`DO $$ DECLARE week text; BEGIN
    FOR week IN SELECT relname FROM pg_class WHERE relname ~ '^` + table + `_[0-9]{8}$' AND relname <= '` + table + `_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')
    LOOP EXECUTE 'DROP TABLE ' || week; END LOOP; END $$`)
			if laws, told := broken(a.verify("")); len(laws) > 0 {
				t.Errorf("after the weeks until now were dropped:\n%s", told)
			}
		})
	}
}

// Times of a zone are held against its schedule by a process that reads the rules on record, from when these
// were put there on.
func TestVerifyKnowsSinceWhenRulesHold(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	release := func(name string) {
		t.Helper()
		if err := a.SetZoneRelease(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	unbroken := func(of string) store.Invariant {
		t.Helper()
		all := a.verify(of)
		return all[slices.IndexFunc(all, func(v store.Invariant) bool { return v.ID == "L6" })]
	}
	a.exec(`UPDATE task SET schedule_kind = 'cron', schedule_expr = '*/2 * * * *', starts_at = NULL, timezone = 'Africa/Accra' WHERE title = 'ticks'`)
	release("2026a")
	a.exec(`UPDATE fact SET at = now() - interval '1 hour'`)
	if v := unbroken("2026a"); v.Violations != 1 || v.Left != 0 {
		t.Errorf("rows that the rules do not make: %+v", v)
	}
	if v := unbroken("2025b"); v.Violations != 0 || v.Left != 1 {
		t.Errorf("by a process with older rules: %+v", v)
	}
	release("2025b") // changes nothing
	if v := unbroken("2026a"); v.Violations != 1 {
		t.Errorf("after an older release was told of: %+v", v)
	}
	release("2026b")
	if v := unbroken("2026b"); v.Violations != 0 || v.Left != 0 {
		t.Errorf("rows from before the rules changed: %+v", v)
	}
}

// A new week of history is not opened while somebody reads history for long, and does not keep others waiting.
func TestHistoryIsOpenedBesideALongReader(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := must(store.New(store.Config{Pool: pool}))(t)
	const drop = `DO $$ BEGIN EXECUTE 'DROP TABLE ' || (SELECT max(relname) FROM pg_class WHERE relname ~ '^run_[0-9]{8}$'); END $$`
	if _, err := pool.Exec(t.Context(), drop); err != nil {
		t.Fatal(err)
	}
	reader := must(pool.Begin(t.Context()))(t)
	defer reader.Rollback(t.Context()) //nolint:errcheck // it has changed nothing
	if _, err := reader.Exec(t.Context(), `SELECT FROM run`); err != nil {
		t.Fatal(err)
	}
	if err := store.EnsureHistory(t.Context(), s); err == nil {
		t.Error("a week was opened under a reader")
	}
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := store.EnsureHistory(t.Context(), s); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// The documentation lists the laws as they are, in their order, and says of each what to do.
func TestLawsAreDocumented(t *testing.T) {
	t.Parallel()
	text := string(must(os.ReadFile("../docs/verify.md"))(t))
	row := regexp.MustCompile(`(?m)^\| ([LRTEA]\d+) \| (.+?) \| (.+) \|$`)
	var documented []string
	for _, cells := range row.FindAllStringSubmatch(text, -1) {
		documented = append(documented, cells[1]+" "+cells[2])
	}
	var laws []string
	for _, law := range store.Laws() {
		laws = append(laws, law.ID+" "+law.What)
	}
	if diff := cmp.Diff(laws, documented); diff != "" {
		t.Errorf("docs/verify.md does not list the laws (-code +docs):\n%s", diff)
	}
	if count := fmt.Sprintf("%d laws, 0 violations", len(laws)); !strings.Contains(text, count) {
		t.Errorf("docs/verify.md does not show %q", count)
	}
}
