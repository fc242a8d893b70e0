package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// What looks for runs of a task that is watched finds them by an index that has no probes, however many of
// those lie between: two failures with thousands of probes after each pause it, and lists show them.
func TestProbesAreNotWalkedPast(t *testing.T) {
	t.Parallel()
	const probes = 5000
	pool, log := explained(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "create_task")
	spec := hourly("watched")
	spec.PauseAfterFailures = 2
	spec.Schedule.Overlap = ordinaut.OverlapAllow
	task := must(s.CreateTask(t.Context(), call, spec, in(-time.Minute)))(t)
	look := func() (earliest ordinaut.RunID) {
		ids := make([][16]byte, probes)
		for i := range ids {
			ids[i] = ordinaut.NewRunID()
		}
		const all = `INSERT INTO run (namespace_id, id, task_id, task_version, kind, state, due_at, finished_at)
SELECT $1, id, $2, 1, 'probe', 'succeeded', clock_timestamp(), clock_timestamp() FROM unnest($3::uuid[]) AS p (id)`
		if _, err := pool.Exec(t.Context(), all, [16]byte(task.NamespaceID), [16]byte(task.ID), ids); err != nil {
			t.Fatal(err)
		}
		return ids[0]
	}
	fail := func() ordinaut.RunID {
		a := scheduled(t, s, task, ordinaut.RunScheduled)
		log.take()
		record(t, s, ordinaut.Record{Lease: a.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunFailed, Reason: ordinaut.ReasonActionFailed}})
		return a.RunID
	}
	first := fail()
	look()
	second := fail()
	if plan := log.take(); !strings.Contains(plan, "_task_id_id_idx on run_") || strings.Contains(plan, "_task_id_id_idx1 on run_") {
		t.Errorf("failures are counted by\n%s", plan)
	}
	if got := must(s.GetTask(t.Context(), task.NamespaceID, task.ID))(t); got.State != ordinaut.TaskPaused {
		t.Errorf("after two failures the task is %s", got.State)
	}
	later := look()
	for name, c := range map[string]struct {
		filter store.RunFilter
		index  string
	}{
		"of the task":      {store.RunFilter{TaskID: task.ID, Limit: 2}, "_task_id_id_idx on run_"},
		"of the namespace": {store.RunFilter{Limit: 2}, "_namespace_id_id_idx on run_"},
		"of one kind":      {store.RunFilter{TaskID: task.ID, Kinds: []ordinaut.RunKind{ordinaut.RunScheduled}, Limit: 2}, "_task_id_id_idx on run_"},
	} {
		log.take()
		runs := must(s.ListRuns(t.Context(), task.NamespaceID, c.filter))(t)
		if plan := log.take(); !strings.Contains(plan, c.index) || strings.Contains(plan, "_pkey on run_") && !strings.Contains(plan, "Index Cond: ((namespace_id = r") {
			t.Errorf("%s: listed by\n%s", name, plan)
		}
		if len(runs) != 2 || runs[0].ID != second || runs[1].ID != first {
			t.Errorf("%s: listed %v", name, runs)
		}
	}
	for name, kinds := range map[string][]ordinaut.RunKind{
		"probes": {ordinaut.RunProbe}, "probes and others": {ordinaut.RunScheduled, ordinaut.RunProbe},
	} {
		log.take()
		runs := must(s.ListRuns(t.Context(), task.NamespaceID, store.RunFilter{TaskID: task.ID, Kinds: kinds, After: later, Limit: 2}))(t)
		if plan := log.take(); !strings.Contains(plan, "_task_id_id_idx1 on run_") {
			t.Errorf("%s: listed by\n%s", name, plan)
		}
		if len(runs) != 2 || (runs[0].ID == second) != (len(kinds) == 2) || runs[1].Kind != ordinaut.RunProbe {
			t.Errorf("%s: listed %v", name, runs)
		}
	}
}
