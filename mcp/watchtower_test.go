package mcp

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor"
	"github.com/ordinaut/ordinaut/executor/outbound"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

// watchtower is a house with a worker, and something to watch whose answer a test changes. Ticks and
// judgings happen when the test says so.
type watchtower struct {
	*house
	*visitor
	web *httptest.Server

	mu     sync.Mutex // guards what follows
	answer string
	asked  []string // the queries it got
	during func()   // called while a request is answered
}

func newWatchtower(t *testing.T) *watchtower {
	t.Helper()
	w := &watchtower{house: newHouse(t, nil), answer: `{"level": 0}`}
	w.visitor = w.connect(t, w.key)
	w.web = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		answer, during := w.answer, w.during
		w.asked = append(w.asked, r.URL.RawQuery)
		w.mu.Unlock()
		if during != nil {
			during()
		}
		if answer == "" {
			http.Error(out, "out of order", http.StatusInternalServerError)
			return
		}
		out.Header().Set("Content-Type", "application/json")
		fmt.Fprint(out, answer)
	}))
	t.Cleanup(w.web.Close)
	return w
}

// work runs a worker until the function that it returns is called.
func (w *watchtower) work(t *testing.T) (stop func()) {
	t.Helper()
	wake, off := w.store.Subscribe(store.WakeQueue)
	e, err := executor.New(executor.Config{
		Store: w.store, Worker: "watcher", Slots: 4, WakeQueue: wake, Grace: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		HTTP: outbound.New(outbound.Config{Policy: outbound.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		off()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (w *watchtower) says(answer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// watching is the arguments of a task that watches the web's level.
func (w *watchtower) watching(condition object) object {
	c := object{
		"every": "10s", "when": "body.level > 5",
		"probe": object{"uses": "http.request", "with": object{"url": w.web.URL + "/level"}},
	}
	maps.Copy(c, condition)
	return object{
		"title": "watch", "schedule": object{"kind": "condition", "condition": c},
		"pipeline": []object{{"id": "tell", "uses": "data.transform", "with": object{"expression": "@", "input": "${event.payload}"}}},
	}
}

// sql changes the database behind the house: the only way to let time pass for it.
func (w *watchtower) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// tick makes all tasks due and ticks once.
func (w *watchtower) tick(t *testing.T) {
	t.Helper()
	w.sql(t, `UPDATE task SET next_at = statement_timestamp(), due_at = statement_timestamp() WHERE next_at IS NOT NULL`)
	w.tickAsIs(t)
}

func (w *watchtower) tickAsIs(t *testing.T) {
	t.Helper()
	d := scheduler.NewDecider(8)
	if _, err := w.store.Tick(t.Context(), 100, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		decisions, undecided := d.Decide(now, due)
		if len(undecided) > 0 {
			t.Errorf("undecided: %v", undecided)
		}
		return decisions
	}); err != nil {
		t.Fatal(err)
	}
}

// probe lets one probe happen, and judges it.
func (w *watchtower) probe(t *testing.T) {
	t.Helper()
	wake, off := w.store.Subscribe(store.WakeVerdict)
	defer off()
	w.tick(t)
	w.judge(t, wake)
}

func (w *watchtower) judge(t *testing.T, wake <-chan struct{}) {
	t.Helper()
	for {
		taken, _, err := w.store.JudgeVerdicts(t.Context(), 100, scheduler.DecideConditions)
		if err != nil {
			t.Fatal(err)
		}
		if taken > 0 {
			return
		}
		select {
		case <-wake:
		case <-time.After(testLimit):
			t.Fatal("no verdict came")
		}
	}
}

// starts tells what the ledger says of the condition's starts, oldest first, as "fate reason".
func (w *watchtower) starts(t *testing.T, task string) []string {
	t.Helper()
	id, err := ordinaut.ParseTaskID(task)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := w.store.ListWatch(t.Context(), w.local.NamespaceID, id, 100)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range rows {
		if o.Kind == ordinaut.RunCondition {
			all = append([]string{strings.TrimSpace(string(o.Fate) + " " + string(o.Reason))}, all...)
		}
	}
	return all
}

func (w *watchtower) startsAre(t *testing.T, task string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.starts(t, task)); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
}

// ended waits until no run is live.
func (w *watchtower) ended(t *testing.T) {
	t.Helper()
	limit, poll := time.After(testLimit), time.NewTicker(5*time.Millisecond)
	defer poll.Stop()
	for {
		live := w.must(t, "list_runs", object{"states": []string{"queued", "running", "waiting"}})
		if len(live.at(t, "runs").([]any)) == 0 {
			return
		}
		select {
		case <-poll.C:
		case <-limit:
			t.Fatalf("still live: %s", live.text)
		}
	}
}

// state is what get_task tells of the condition.
func (w *watchtower) state(t *testing.T, task string) object {
	t.Helper()
	return w.must(t, "get_task", object{"task_id": task, "detail": "full"}).at(t, "condition").(object)
}
