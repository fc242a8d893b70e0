package scheduler_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// Law: an event task is finished when its end has passed, no event is held for it, and none from before its
// end may still be passed on by another scheduler.
func TestEventTasksEnd(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	tasks := map[string]ordinaut.Task{}
	for name, ends := range map[string]string{"over": "-1 minute", "just now": "-1 second", "held": "-1 minute", "paused": "-1 minute", "going on": "1 hour"} {
		tasks[name] = onEvent(t, s, "topic", nil)
		exec(`UPDATE task SET ends_at = clock_timestamp() + $2::interval WHERE id = $1`, tasks[name].ID, ends)
	}
	exec(`UPDATE task SET state = 'paused' WHERE id = $1`, tasks["paused"].ID)
	exec(`INSERT INTO debounce (namespace_id, task_id, event_id, event_at, first_at, due_at)
SELECT namespace_id, id, gen_random_uuid(), now(), now(), now() + interval '1 hour' FROM task WHERE id = $1`, tasks["held"].ID)
	dispatch := func() {
		t.Helper()
		_, err := s.Dispatch(t.Context(), 10, func(time.Time, []ordinaut.EventTask) {}, func(time.Time, []ordinaut.EventTask) []ordinaut.EventDecision { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	finished := func() (names []string) {
		t.Helper()
		for name, task := range tasks {
			got, err := s.GetTask(t.Context(), task.NamespaceID, task.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got.State == ordinaut.TaskFinished {
				names = append(names, name)
			}
		}
		return names
	}
	old := publish(t, s, "another", 1)
	exec(`UPDATE event SET at = at - interval '2 minutes' WHERE id = $1`, old.ID)
	rival, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rival.Rollback(context.WithoutCancel(t.Context()))
	if _, err := rival.Exec(t.Context(), `DELETE FROM event_queue`); err != nil {
		t.Fatal(err)
	}
	dispatch()
	if got := finished(); got != nil {
		t.Errorf("while an event from before their end is passed on, %v are finished", got)
	}
	if err := rival.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	dispatch()
	if diff := cmp.Diff([]string{"over"}, finished()); diff != "" {
		t.Errorf("finished (-want +got)\n%s", diff)
	}
}
