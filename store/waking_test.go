package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// copies makes n more tasks like the given one.
func copies(t *testing.T, pool *pgxpool.Pool, task ordinaut.Task, n int) {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		id := ordinaut.NewTaskID()
		ids[i] = strings.TrimPrefix(id.String(), "task_")
	}
	for _, copied := range []string{
		`INSERT INTO task_version SELECT (jsonb_populate_record(v, jsonb_build_object('task_id', id))).* FROM task_version v, unnest($2::text[]) AS n (id) WHERE v.task_id = $1`,
		`INSERT INTO task SELECT (jsonb_populate_record(t, jsonb_build_object('id', n.id))).* FROM task t, unnest($2::text[]) AS n (id) WHERE t.id = $1`,
	} {
		if _, err := pool.Exec(t.Context(), copied, [16]byte(task.ID), ids); err != nil {
			t.Fatal(err)
		}
	}
}

// awake counts the tasks that a scheduler must look at now, and the wakings that are not done.
func awake(t *testing.T, pool *pgxpool.Pool) (tasks, left int) {
	t.Helper()
	const count = `SELECT (SELECT count(*) FROM task WHERE due_at <= clock_timestamp()), (SELECT count(*) FROM waking)`
	if err := pool.QueryRow(t.Context(), count).Scan(&tasks, &left); err != nil {
		t.Fatal(err)
	}
	return tasks, left
}

// Very many tasks become due page by page: those that follow what has changed, and no others.
func TestWakingGoesPageByPage(t *testing.T) {
	t.Parallel()
	const many = 4500
	pool, log := explained(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "set_calendar")
	must(s.SetCalendar(t.Context(), call, "holidays", nil))(t)
	task := must(s.CreateTask(t.Context(), call, observer("observes", "holidays"), in(time.Hour)))(t)
	other := call
	other.Agent = must(s.LocalAgent(t.Context(), "other"))(t)
	must(s.CreateTask(t.Context(), other, hourly("another's"), in(time.Hour)))(t)
	copies(t, pool, task, many-1)
	asleep := func() {
		if _, err := pool.Exec(t.Context(), `UPDATE task SET due_at = clock_timestamp() + interval '1 hour'`); err != nil {
			t.Fatal(err)
		}
		log.take()
	}
	expect := func(what string, pages int) {
		t.Helper()
		if got := strings.Count(log.take(), "WITH page AS MATERIALIZED"); got != pages {
			t.Errorf("%s took %d pages, want %d", what, got, pages)
		}
		if tasks, left := awake(t, pool); tasks != many || left != 0 {
			t.Errorf("%s made %d tasks due and left %d wakings, want %d and none", what, tasks, left, many)
		}
	}
	asleep()
	must(s.SetCalendar(t.Context(), call, "holidays", christmas))(t)
	expect("set_calendar", 3)
	asleep()
	if woken := must(s.SetAgentQuiet(t.Context(), *call.Agent, nil, "local"))(t); woken != many {
		t.Errorf("quiet hours woke %d tasks", woken)
	}
	expect("quiet hours", 3)
}

// A waking that is cut off is gone on with by another process, from where it stood.
func TestWakingIsGoneOnWith(t *testing.T) {
	t.Parallel()
	const many = 3000
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	call := storetest.Call(t, s, "create_task")
	task := must(s.CreateTask(t.Context(), call, hourly("first"), in(time.Hour)))(t)
	copies(t, pool, task, many-1)

	// Somebody holds the last task, so that the second page waits; then its process ends.
	tx := must(pool.Begin(t.Context()))(t)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	if _, err := tx.Exec(t.Context(), `SELECT FROM task ORDER BY id DESC LIMIT 1 FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	wake, stop := s.Subscribe(store.WakeSchedule)
	defer stop()
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.SetAgentQuiet(ctx, *call.Agent, nil, "local")
		done <- err
	}()
	<-wake
	end()
	if err := <-done; err != nil {
		t.Errorf("the change was made, and said %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tasks, left := awake(t, pool); tasks != 2000 || left != 1 {
		t.Fatalf("cut off, %d tasks are due and %d wakings left, want 2000 and 1", tasks, left)
	}

	if _, err := pool.Exec(t.Context(), `UPDATE waking SET touched_at = clock_timestamp() - interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	another := storetest.StoreOn(t, pool, store.Config{})
	goneOn, off := another.Subscribe(store.WakeSchedule)
	defer off()
	running, halt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- another.Run(running) }()
	defer func() { halt(); <-ended }()
	limit := time.After(30 * time.Second)
	for tasks, left := awake(t, pool); tasks != many || left != 0; tasks, left = awake(t, pool) {
		select {
		case <-goneOn:
		case <-limit:
			t.Fatalf("%d tasks are due and %d wakings left, want %d and none", tasks, left, many)
		}
	}
}
