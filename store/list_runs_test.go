package store_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// Every filter gives the newest first, and pages leave out nothing and repeat nothing.
func TestListRuns(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	a, b := storetest.Task(t, s, storetest.Spec("a")), storetest.Task(t, s, storetest.Spec("b"))
	ns := a.NamespaceID
	made := func(task ordinaut.Task, state ordinaut.RunState) ordinaut.RunID {
		run := storetest.Run(t, s, task)
		if state == ordinaut.RunQueued {
			return run.ID
		}
		at := claimOne(t, s)
		if state != ordinaut.RunRunning {
			record(t, s, ordinaut.Record{Lease: at.Lease, Outcome: &ordinaut.Outcome{State: state, Delay: time.Hour, Seq: 3}})
		}
		return run.ID
	}
	succeeded, failed := made(a, ordinaut.RunSucceeded), made(b, ordinaut.RunFailed)
	waiting, running := made(a, ordinaut.RunWaiting), made(b, ordinaut.RunRunning)
	oldQueued := made(a, ordinaut.RunQueued)
	for !ordinaut.NewRunID().Time().After(oldQueued.Time()) { // since and until tell milliseconds apart
		<-time.After(time.Millisecond)
	}
	newQueued := storetest.Run(t, s, b).ID

	for name, c := range map[string]struct {
		filter store.RunFilter
		want   []ordinaut.RunID
	}{
		"all":            {store.RunFilter{}, []ordinaut.RunID{newQueued, oldQueued, running, waiting, failed, succeeded}},
		"task":           {store.RunFilter{TaskID: a.ID}, []ordinaut.RunID{oldQueued, waiting, succeeded}},
		"queued":         {store.RunFilter{States: states(ordinaut.RunQueued)}, []ordinaut.RunID{newQueued, oldQueued}},
		"running":        {store.RunFilter{States: states(ordinaut.RunRunning)}, []ordinaut.RunID{running}},
		"waiting":        {store.RunFilter{States: states(ordinaut.RunWaiting)}, []ordinaut.RunID{waiting}},
		"live":           {store.RunFilter{States: states(ordinaut.RunQueued, ordinaut.RunRunning, ordinaut.RunWaiting, ordinaut.RunQueued)}, []ordinaut.RunID{newQueued, oldQueued, running, waiting}},
		"ended":          {store.RunFilter{States: states(ordinaut.RunSucceeded, ordinaut.RunFailed)}, []ordinaut.RunID{failed, succeeded}},
		"mixed":          {store.RunFilter{States: states(ordinaut.RunFailed, ordinaut.RunRunning)}, []ordinaut.RunID{running, failed}},
		"live of a task": {store.RunFilter{TaskID: b.ID, States: states(ordinaut.RunQueued, ordinaut.RunRunning)}, []ordinaut.RunID{newQueued, running}},
		"a page of one":  {store.RunFilter{Limit: 1}, []ordinaut.RunID{newQueued}},
		"since":          {store.RunFilter{Since: newQueued.Time()}, []ordinaut.RunID{newQueued}},
		"until":          {store.RunFilter{Until: newQueued.Time(), TaskID: a.ID}, []ordinaut.RunID{oldQueued, waiting, succeeded}},
		"live since":     {store.RunFilter{Since: newQueued.Time(), States: states(ordinaut.RunQueued)}, []ordinaut.RunID{newQueued}},
		"live after":     {store.RunFilter{After: newQueued, States: states(ordinaut.RunQueued)}, []ordinaut.RunID{oldQueued}},
	} {
		// Ids of one millisecond have no order of their own.
		slices.SortFunc(c.want, func(a, b ordinaut.RunID) int { return bytes.Compare(b[:], a[:]) })
		if diff := cmp.Diff(c.want, runIDs(t, s, ns, c.filter)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var paged []ordinaut.RunID
	for f := (store.RunFilter{Limit: 4}); ; f.After = paged[len(paged)-1] {
		page := runIDs(t, s, ns, f)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
	}
	if diff := cmp.Diff(runIDs(t, s, ns, store.RunFilter{}), paged); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	for _, run := range must(s.ListRuns(t.Context(), ns, store.RunFilter{}))(t) {
		if one := must(s.GetRun(t.Context(), ns, run.ID))(t); !cmp.Equal(one, run) {
			t.Errorf("list and get differ:\n%s", cmp.Diff(one, run))
		}
	}
}

func states(all ...ordinaut.RunState) []ordinaut.RunState { return all }

func runIDs(t *testing.T, s *store.Store, ns ordinaut.NamespaceID, f store.RunFilter) []ordinaut.RunID {
	t.Helper()
	var ids []ordinaut.RunID
	for _, run := range must(s.ListRuns(t.Context(), ns, f))(t) {
		ids = append(ids, run.ID)
	}
	return ids
}

// A run made with params keeps them for its attempts.
func TestRunKeepsParams(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task := storetest.Task(t, s, storetest.Spec("params"))
	call := storetest.Call(t, s, "run_now")
	must(s.CreateRun(t.Context(), call, task.ID, []byte(`{"city":"Iasi"}`)))(t)
	if a := claimOne(t, s); string(a.Params) != `{"city": "Iasi"}` {
		t.Errorf("params = %s", a.Params)
	}
	_, err := s.CreateRun(t.Context(), call, task.ID, []byte(`{"city":"\u0000"}`))
	codeIs(t, err, ordinaut.CodeInvalidArgument)
}
