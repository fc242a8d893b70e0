package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// observer is an hourly task that observes calendars.
func observer(title string, calendars ...string) ordinaut.TaskSpec {
	spec := hourly(title)
	spec.Schedule.Rules = &ordinaut.Rules{Calendars: calendars}
	return spec
}

var christmas = []ordinaut.CalendarEntry{{From: "2030-12-25", To: "2030-12-27", Title: "Christmas"}}

// dueNow returns the titles of tasks that a scheduler must look at now.
func dueNow(t *testing.T, s *store.Store) []string {
	t.Helper()
	titles := []string{}
	tasks := must(s.ListTasks(t.Context(), storetest.Call(t, s, "").Agent.NamespaceID, store.TaskFilter{}))(t)
	for _, task := range tasks {
		if task.DueAt != nil && !task.DueAt.After(time.Now()) {
			titles = append(titles, task.Spec.Title)
		}
	}
	return titles
}

// A change of a calendar makes the active tasks that observe it due, and no other; it wakes schedulers and
// is on the record.
func TestSetCalendarWakesItsObservers(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	set := func(name string) store.CalendarState {
		return must(s.SetCalendar(t.Context(), storetest.Call(t, s, "set_calendar"), name, christmas))(t)
	}
	set("holidays")
	set("vacation")
	create := func(spec ordinaut.TaskSpec) ordinaut.Task {
		return must(s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), spec, in(time.Hour)))(t)
	}
	create(hourly("observes none"))
	create(observer("observes both", "vacation", "holidays"))
	create(observer("observes the other", "vacation"))
	paused := create(observer("is paused", "holidays"))
	must(s.PauseTask(t.Context(), storetest.Call(t, s, "pause_task"), paused.ID, "", nil))(t)

	wake, stop := s.Subscribe(store.WakeSchedule)
	defer stop()
	state := set("holidays")
	<-wake
	if diff := cmp.Diff([]string{"observes both"}, dueNow(t, s)); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	if state.Version != 2 || state.Observers != 2 || len(state.Tasks) != 2 || state.Entries != 1 || state.Next == nil || *state.Next != christmas[0] {
		t.Errorf("state %+v", state)
	}
	var action, object string
	const latest = `SELECT action, object FROM audit ORDER BY id DESC LIMIT 1`
	if err := pool.QueryRow(t.Context(), latest).Scan(&action, &object); err != nil || action != "set_calendar" || object != "calendar holidays" {
		t.Errorf("audited %q %q, error %v", action, object, err)
	}
}

// Next is the first entry that is not over yet, whether of days or of times.
func TestNextEntryIsNotOver(t *testing.T) {
	t.Parallel()
	s := storetest.StoreOn(t, storetest.Pool(t, storetest.DB(t)), store.Config{})
	now := time.Now().UTC()
	day := func(days int) string { return now.AddDate(0, 0, days).Format(time.DateOnly) }
	hour := func(hours int) string { return now.Add(time.Duration(hours) * time.Hour).Format(time.RFC3339) }
	for name, tc := range map[string]struct{ entries, want []ordinaut.CalendarEntry }{
		"today":        {[]ordinaut.CalendarEntry{{From: day(-2), To: day(-1)}, {From: day(0), To: day(1)}}, []ordinaut.CalendarEntry{{From: day(0), To: day(1)}}},
		"a day alone":  {[]ordinaut.CalendarEntry{{From: day(-1)}, {From: day(0)}}, []ordinaut.CalendarEntry{{From: day(0)}}},
		"now":          {[]ordinaut.CalendarEntry{{From: hour(-3), To: hour(-2)}, {From: hour(-1), To: hour(1)}}, []ordinaut.CalendarEntry{{From: hour(-1), To: hour(1)}}},
		"all are over": {[]ordinaut.CalendarEntry{{From: day(-3), To: day(-2)}}, nil},
		"none":         {nil, nil},
	} {
		state := must(s.SetCalendar(t.Context(), storetest.Call(t, s, "set_calendar"), "a", tc.entries))(t)
		if (state.Next == nil) != (tc.want == nil) || state.Next != nil && *state.Next != tc.want[0] {
			t.Errorf("%s: next is %v, want %v", name, state.Next, tc.want)
		}
	}
}

// A calendar is never removed from under a task that is being given it.
func TestRemoveCalendarRacesItsObservers(t *testing.T) {
	t.Parallel()
	s := storetest.StoreOn(t, storetest.Pool(t, storetest.DB(t)), store.Config{})
	for range 20 {
		must(s.SetCalendar(t.Context(), storetest.Call(t, s, "set_calendar"), "a", christmas))(t)
		var group sync.WaitGroup
		var created, removed error
		var task ordinaut.Task
		group.Go(func() {
			task, created = s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), observer("x", "a"), in(time.Hour))
		})
		group.Go(func() { removed = s.RemoveCalendar(t.Context(), storetest.Call(t, s, "remove_calendar"), "a") })
		group.Wait()
		if (created == nil) == (removed == nil) {
			t.Fatalf("create: %v, remove: %v", created, removed)
		}
		for _, err := range []error{created, removed} {
			if err != nil && ordinaut.CodeOf(err) != ordinaut.CodeConflict {
				t.Fatal(err)
			}
		}
		if created == nil {
			must(s.DeleteTask(t.Context(), storetest.Call(t, s, "delete_task"), task.ID, nil))(t)
		}
	}
}

// A change is done once however often its call comes, and conflicts when its key comes with another.
func TestSetCalendarIsIdempotent(t *testing.T) {
	t.Parallel()
	s := storetest.StoreOn(t, storetest.Pool(t, storetest.DB(t)), store.Config{})
	call := storetest.Call(t, s, "set_calendar")
	call.IdempotencyKey = "k"
	for range 3 {
		if state := must(s.SetCalendar(t.Context(), call, "a", christmas))(t); state.Version != 1 {
			t.Errorf("version %d", state.Version)
		}
	}
	call.Digest = []byte("another")
	if _, err := s.SetCalendar(t.Context(), call, "a", nil); ordinaut.CodeOf(err) != ordinaut.CodeConflict {
		t.Errorf("another call with the key: %v", err)
	}
}

// Quiet hours reach the agent's active tasks at once, and are on the record.
func TestSetAgentQuietWakesItsTasks(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	agent := *storetest.Call(t, s, "").Agent
	must(s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), hourly("mine"), in(time.Hour)))(t)
	other := storetest.Call(t, s, "create_task")
	other.Agent = must(s.LocalAgent(t.Context(), "other"))(t)
	must(s.CreateTask(t.Context(), other, hourly("another's"), in(time.Hour)))(t)

	want := &ordinaut.Quiet{Hours: []ordinaut.QuietHours{{From: "22:00", To: "07:00"}}, Timezone: "Europe/Berlin"}
	if woken := must(s.SetAgentQuiet(t.Context(), agent, want, "local"))(t); woken != 1 {
		t.Errorf("woke %d tasks", woken)
	}
	if diff := cmp.Diff([]string{"mine"}, dueNow(t, s)); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, must(s.AgentQuiet(t.Context(), agent.NamespaceID, agent.ID))(t)); diff != "" {
		t.Errorf("quiet (-want +got):\n%s", diff)
	}
	var rows int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE action = 'set_quiet' AND object = $1`, agent.ID.String()).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d audit rows, error %v", rows, err)
	}
	must(s.SetAgentQuiet(t.Context(), agent, nil, "local"))(t)
	if quiet := must(s.AgentQuiet(t.Context(), agent.NamespaceID, agent.ID))(t); quiet != nil {
		t.Errorf("left %v", quiet)
	}
}
