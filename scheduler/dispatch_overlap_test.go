package scheduler_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// Law: an event that finds the task's run live obeys the overlap policy on the database too: a buffered run
// starts when the live one has ended, and cancel_running ends those that nobody holds at once.
func TestEventsObeyOverlap(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	buffered := onEvent(t, s, "a", func(sc *ordinaut.Schedule) { sc.Overlap = ordinaut.OverlapBufferOne })
	replaced := onEvent(t, s, "b", func(sc *ordinaut.Schedule) { sc.Overlap = ordinaut.OverlapCancelRunning })
	defer startDispatcher(t, s, 1)()
	for range 3 {
		publish(t, s, "a", nil)
		publish(t, s, "b", nil)
	}
	if diff := cmp.Diff([]string{"started()", "started(buffered)", "skipped(buffer_full)"}, fates(t, s, buffered, 3)); diff != "" {
		t.Errorf("buffer_one (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"started()", "started(buffered)", "started(buffered)"}, fates(t, s, replaced, 3)); diff != "" {
		t.Errorf("cancel_running (-want +got)\n%s", diff)
	}
	want := map[ordinaut.TaskID]map[ordinaut.RunState]int{
		buffered.ID: {ordinaut.RunQueued: 1, ordinaut.RunWaiting: 1},
		replaced.ID: {ordinaut.RunQueued: 1, ordinaut.RunCanceled: 2},
	}
	deadline := time.Now().Add(time.Minute)
	for {
		got := map[ordinaut.TaskID]map[ordinaut.RunState]int{}
		for task := range want {
			runs, err := s.ListRuns(t.Context(), buffered.NamespaceID, store.RunFilter{TaskID: task})
			if err != nil {
				t.Fatal(err)
			}
			got[task] = map[ordinaut.RunState]int{}
			for _, run := range runs {
				got[task][run.State]++
			}
		}
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("runs by state (-want +got)\n%s", diff)
		}
		<-time.After(20 * time.Millisecond)
	}
}
