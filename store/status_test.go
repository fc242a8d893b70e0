package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// Migrating a second time, or from many processes at once, changes nothing.
func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	count := func() (n int) {
		const all = `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`
		if err := pool.QueryRow(t.Context(), all).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := store.Migrate(t.Context(), pool, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if after := count(); after != before {
		t.Errorf("%d relations became %d", before, after)
	}
	if _, err := pool.Exec(t.Context(), `INSERT INTO schema_migration (version, name) SELECT max(version) + 1, 'of the future' FROM schema_migration`); err != nil {
		t.Fatal(err)
	}
	codeIs(t, store.Migrate(t.Context(), pool, nil), ordinaut.CodeFailedPrecondition)
	if _, err := pool.Exec(t.Context(), `DELETE FROM schema_migration WHERE version = 2`); err != nil {
		t.Fatal(err)
	}
	codeIs(t, store.Migrate(t.Context(), pool, nil), ordinaut.CodeFailedPrecondition)
}

// A wrong DSN and a server that is away say so, without the password.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	_, err := store.Open(t.Context(), "postgres://me:hunter2@[::1/x", 0)
	codeIs(t, err, ordinaut.CodeInvalidArgument)
	if err != nil && errors.Unwrap(err) != nil {
		t.Errorf("error %v wraps the parser's, which may quote the password", err)
	}
	_, err = store.Open(t.Context(), "postgres:///x?user=me&host="+t.TempDir(), 0)
	codeIs(t, err, ordinaut.CodeUnavailable)
}

// The status tells what the tables hold.
func TestStatus(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	s := storetest.StoreOn(t, storetest.Pool(t, storetest.DB(t)), store.Config{Registerer: reg})
	must(s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), hourly("overdue"), in(-time.Hour)))(t)
	must(s.PauseTask(t.Context(), storetest.Call(t, s, "pause_task"), storetest.Task(t, s, storetest.Spec("paused")).ID, "", nil))(t)
	fill(t, s, 5)
	all := claimAll(t, s, 3)
	record(t, s, ordinaut.Record{Lease: all[0].Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Seq: 3}}, ended(all[1]))
	got := must(s.Status(t.Context(), all[0].NamespaceID))(t)
	if got.OldestReady <= 0 || got.SchemaVersion < 9 || got.PostgresVersion == "" || got.Now.IsZero() {
		t.Errorf("status = %+v", got)
	}
	got.OldestReady, got.SchemaVersion, got.PostgresVersion, got.Now = 0, 0, "", time.Time{}
	want := store.Status{Queued: 2, Running: 1, Waiting: 1, Active: 2, Paused: 1, Overdue: 1, Workers: []string{"w"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	metrics := map[string]float64{}
	for _, family := range must(reg.Gather())(t) {
		for _, m := range family.GetMetric() {
			metrics[family.GetName()] += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{
		"ordinaut_queue_depth": 2, "ordinaut_leases": 1, "ordinaut_waiting": 1, "ordinaut_runs_total": 1,
		"ordinaut_claim_seconds": 1, "ordinaut_record_seconds": 1, "ordinaut_record_batch_size": 1,
	} {
		if metrics[name] != want {
			t.Errorf("%s = %v, want %v", name, metrics[name], want)
		}
	}
}

// What is published is what the database then holds, in order, and only after the commit.
func TestPublishMatchesHistory(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	published := map[ordinaut.RunID][]ordinaut.Progress{}
	s := storetest.StoreOn(t, storetest.Pool(t, storetest.DB(t)), store.Config{Publish: func(all []ordinaut.RunProgress) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range all {
			if p.Namespace != "default" || p.TaskID.IsZero() {
				t.Errorf("published without its namespace or task: %+v", p)
			}
			published[p.RunID] = append(published[p.RunID], p.Progress)
		}
	}})
	task := storetest.Task(t, s, storetest.Spec("told"))
	run := storetest.Run(t, s, task)
	claimDead(t, s)
	must(s.RescueRuns(t.Context(), 10))(t)
	a := claimOne(t, s)
	half := 50.0
	at := time.Now().UTC().Truncate(time.Microsecond)
	record(t, s, ordinaut.Record{
		Lease: a.Lease, Steps: []ordinaut.StepResult{step("say", 6)},
		Progress: []ordinaut.Progress{{Seq: 5, Type: ordinaut.ProgressReport, At: at, Percent: &half, Message: "half", Step: "say"}},
		Outcome:  &ordinaut.Outcome{State: ordinaut.RunWaiting, Seq: 7, Error: "back off"},
	})
	if n, _, err := s.WakeRuns(t.Context(), 1); n != 1 || err != nil {
		t.Fatalf("woke %d, error %v", n, err)
	}
	a = claimOne(t, s)
	record(t, s, ordinaut.Record{Lease: a.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunFailed, Reason: ordinaut.ReasonActionFailed, Error: "no", Seq: 9}})
	canceled := storetest.Run(t, s, task)
	must(s.CancelRun(t.Context(), storetest.Call(t, s, "cancel_run"), canceled.ID))(t)
	for _, id := range []ordinaut.RunID{run.ID, canceled.ID} {
		want := must(s.ListProgress(t.Context(), task.NamespaceID, id, 0))(t)
		mu.Lock()
		if diff := cmp.Diff(want, published[id]); diff != "" {
			t.Errorf("published (-history +published):\n%s", diff)
		}
		mu.Unlock()
	}
}

// A server's actions are those it had when it was last seen well.
func TestServers(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ns := storetest.Call(t, s, "x").Agent.NamespaceID
	action := func(name string) ordinaut.Action {
		return ordinaut.Action{Name: name, Description: "d", InputSchema: []byte(`{"type": "object"}`), ReadOnly: true}
	}
	save := func(actions []ordinaut.Action, seen error) {
		t.Helper()
		if err := s.SaveServer(t.Context(), ns, "calendar", "stdio", actions, seen); err != nil {
			t.Fatal(err)
		}
	}
	save([]ordinaut.Action{action("calendar.a"), action("calendar.b")}, nil)
	changed := action("calendar.b")
	changed.Destructive, changed.ReadOnly = true, false
	save([]ordinaut.Action{action("calendar.c"), changed}, nil)
	save(nil, errors.New("it went away"))
	if diff := cmp.Diff([]ordinaut.Action{changed, action("calendar.c")}, must(s.ListActions(t.Context(), ns))(t)); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	servers := must(s.ListServers(t.Context(), ns))(t)
	if len(servers) != 1 || servers[0].State != "unavailable" || servers[0].Error != "it went away" {
		t.Errorf("servers = %+v", servers)
	}
	save(nil, nil)
	if left := must(s.ListActions(t.Context(), ns))(t); len(left) != 0 {
		t.Errorf("actions of a server that offers none: %+v", left)
	}
}
