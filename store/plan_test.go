package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// planLog collects the plans that the server tells of the statements it runs.
type planLog struct {
	mu    sync.Mutex
	plans []string
}

func (l *planLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Join(l.plans, "\n")
	l.plans = nil
	return all
}

// explained returns connections as [store.Open] makes them, whose plans go to the log.
func explained(t *testing.T, dsn string) (*pgxpool.Pool, *planLog) {
	t.Helper()
	plain := storetest.Pool(t, dsn)
	for _, setting := range []string{
		`session_preload_libraries = 'auto_explain'`, `auto_explain.log_min_duration = 0`,
		`auto_explain.log_level = 'notice'`, `client_min_messages = 'notice'`,
	} {
		const alter = `DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s', current_database()); END $$`
		sql := fmt.Sprintf(alter, strings.ReplaceAll(setting, "'", "''"))
		if _, err := plain.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	log := &planLog{}
	cfg := plain.Config()
	cfg.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		log.mu.Lock()
		defer log.mu.Unlock()
		log.plans = append(log.plans, n.Message)
	}
	pool := must(pgxpool.NewWithConfig(context.WithoutCancel(t.Context()), cfg))(t)
	t.Cleanup(pool.Close)
	return pool, log
}

// Each hot statement reaches its rows by the index that was made for it, although its plan was made
// while the tables were empty, and reads no table whole.
func TestPlans(t *testing.T) {
	t.Parallel()
	pool, log := explained(t, storetest.DB(t))
	s := must(store.New(store.Config{Pool: pool}))(t)
	call := storetest.Call(t, s, "create_task")
	ns := call.Agent.NamespaceID
	first := storetest.Task(t, s, storetest.Spec("first"))
	hot := func() map[string]func() {
		var held []ordinaut.Attempt
		return map[string]func(){
			"1 claim": func() { held = must(s.ClaimRuns(t.Context(), "w", time.Minute, 3))(t) },
			"2 renew": func() {
				if _, _, err := s.RenewLeases(t.Context(), "w", time.Minute, leases(held)); err != nil {
					t.Fatal(err)
				}
			},
			"3 steps": func() {
				must(s.Record(t.Context(), recordsOf(held, func(r *ordinaut.Record) {
					r.Steps = []ordinaut.StepResult{step("say", 4)}
					r.Progress = []ordinaut.Progress{{Seq: 3, Type: ordinaut.ProgressReport, At: time.Now()}}
				})))(t)
			},
			"4 park": func() {
				must(s.Record(t.Context(), recordsOf(held[min(1, len(held)):], func(r *ordinaut.Record) { r.Outcome = &ordinaut.Outcome{State: ordinaut.RunWaiting, Seq: 5} })))(t)
			},
			"5 end": func() {
				must(s.Record(t.Context(), recordsOf(held[:min(1, len(held))], func(r *ordinaut.Record) { r.Outcome = &ordinaut.Outcome{State: ordinaut.RunSucceeded, Seq: 5} })))(t)
			},
			"6 wake": func() {
				if _, _, err := s.WakeRuns(t.Context(), 2); err != nil {
					t.Fatal(err)
				}
			},
			"7 tick":   func() { must(s.Tick(t.Context(), 5, startAll(time.Hour)))(t) },
			"8 insert": func() { must(s.InsertRuns(t.Context(), call, []store.NewRun{{TaskID: first.ID}}))(t) },
			"8 retry": func() {
				if len(held) == 0 {
					return
				}
				id := held[0].RunID // it has steps, and let it have failed
				if _, err := pool.Exec(t.Context(), `UPDATE run SET state = 'failed' WHERE namespace_id = $1 AND id = $2`, ns, id); err != nil {
					t.Fatal(err)
				}
				must(s.RetryRun(t.Context(), call, id, store.Retry{Check: func(*ordinaut.TaskSpec) error { return nil }}))(t)
			},
			"9 buffer":  func() { must(s.Tick(t.Context(), 2, bufferAll))(t) },
			"9 release": func() { must(s.ReleaseRuns(t.Context(), 10))(t) },
			"history": func() {
				must(s.TaskHistory(t.Context(), ns, first.ID, store.HistoryFilter{RunID: ordinaut.NewRunID()}))(t)
			},
			"list":      func() { must(s.ListRuns(t.Context(), ns, store.RunFilter{Limit: 20}))(t) },
			"list task": func() { must(s.ListRuns(t.Context(), ns, store.RunFilter{TaskID: first.ID, Limit: 20}))(t) },
			"list mixed": func() {
				must(s.ListRuns(t.Context(), ns, store.RunFilter{States: states(ordinaut.RunWaiting, ordinaut.RunFailed), Limit: 20}))(t)
			},
			"list queued": func() {
				must(s.ListRuns(t.Context(), ns, store.RunFilter{States: states(ordinaut.RunQueued), Limit: 20}))(t)
			},
		}
	}
	want := map[string][]string{
		"1 claim":     {"using queue_rank_idx", "Tid Scan on queue", "on run_2"},
		"2 renew":     {"using lease_pkey"},
		"3 steps":     {"using lease_pkey", "Conflict Arbiter Indexes: step_pkey"},
		"4 park":      {"using lease_pkey", "using wait_buffered_idx"},
		"5 end":       {"using lease_pkey", "on run_2", "using wait_buffered_idx"},
		"6 wake":      {"using wait_due_idx", "Tid Scan on wait"},
		"7 tick":      {"using task_due_idx", "using queue_exclusive_idx", "using lease_exclusive_idx", "using wait_exclusive_idx", "using task_pkey"},
		"8 insert":    {"using task_pkey"},
		"8 retry":     {"using task_pkey", "_pkey on run_", "_pkey on step_"},
		"9 buffer":    {"using wait_buffered_idx", "Tid Scan on wait"},
		"9 release":   {"using wait_buffered_idx"},
		"history":     {"_object_id_idx on audit_", "_pkey on occurrence_", "_pkey on run_", "_task_id_id_idx on run_", "using task_version_pkey"},
		"list":        {"_namespace_id_id_idx on run_", "using queue_pkey", "using lease_pkey", "using wait_pkey"},
		"list task":   {"_task_id_id_idx on run_"},
		"list mixed":  {"using wait_pkey"},
		"list queued": {"using queue_pkey", "on run_2"},
	}
	run := func(check bool) {
		all := hot()
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			log.take()
			all[name]()
			plan := log.take()
			if !check {
				continue
			}
			for _, piece := range append(want[name], "Query Text") {
				if !strings.Contains(plan, piece) {
					t.Errorf("%s: the plan lacks %q:\n%s", name, piece, plan)
				}
			}
			lines := strings.Split(plan, "\n")
			for i, line := range lines {
				// An index that leads to a run by its task is as good as the key only if the task is named.
				// A hash of the batch's own rows is fine, one of a table is not.
				if strings.Contains(line, "(hashed SubPlan ") && !slices.ContainsFunc(lines[i:], feedsFromBatch) {
					t.Errorf("%s: the plan hashes a table:\n%s", name, plan)
				}
				if strings.Contains(line, "task_id_id_idx on run_") && !strings.Contains(lines[i+1], "task_id = ") {
					t.Errorf("%s: the plan reads all of an index of run:\n%s", name, plan)
				}
			}
			for _, bad := range []string{"Seq Scan", "Hash Join", "Merge Join", "Bitmap Heap Scan"} {
				if strings.Contains(plan, bad) {
					t.Errorf("%s: the plan has a %s:\n%s", name, bad, plan)
				}
			}
		}
	}
	run(false) // plans are made now, while the tables are empty
	fill(t, s, 3000)
	for i := range 20 {
		must(s.CreateTask(t.Context(), call, hourly(fmt.Sprint(i)), in(-time.Minute)))(t)
	}
	run(true)
	if _, err := pool.Exec(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
	run(true)
}

// feedsFromBatch reports whether a line of a plan reads what the statement itself has written.
func feedsFromBatch(line string) bool { return strings.Contains(line, "->  CTE Scan on ledger") }

func leases(all []ordinaut.Attempt) []ordinaut.Lease {
	var out []ordinaut.Lease
	for _, a := range all {
		out = append(out, a.Lease)
	}
	return out
}

func recordsOf(all []ordinaut.Attempt, fill func(*ordinaut.Record)) []ordinaut.Record {
	var out []ordinaut.Record
	for _, a := range all {
		r := ordinaut.Record{Lease: a.Lease}
		fill(&r)
		out = append(out, r)
	}
	return out
}
