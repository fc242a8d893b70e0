package executor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
	"github.com/ordinaut/ordinaut/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// tools is a downstream pool of functions.
type tools map[string]func(ctx context.Context, c downstream.Call) (json.RawMessage, error)

func (f tools) Action(_ context.Context, name string) (ordinaut.Action, error) {
	if f[name] == nil {
		return ordinaut.Action{}, &downstream.Error{Reason: ordinaut.ReasonUnknownAction, Msg: "no such tool"}
	}
	return ordinaut.Action{Name: name}, nil
}

func (f tools) Call(ctx context.Context, c downstream.Call) (json.RawMessage, error) {
	return f[c.Name](ctx, c)
}

func answer(text string) func(context.Context, downstream.Call) (json.RawMessage, error) {
	return func(context.Context, downstream.Call) (json.RawMessage, error) { return json.RawMessage(text), nil }
}

// blocked returns a tool that waits for its context or for release, and tells when it is called.
func blocked(release <-chan struct{}) (tool func(context.Context, downstream.Call) (json.RawMessage, error), called chan struct{}) {
	called = make(chan struct{}, 100)
	return func(ctx context.Context, _ downstream.Call) (json.RawMessage, error) {
		called <- struct{}{}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-release:
			return json.RawMessage(`{}`), nil
		}
	}, called
}

func quietConfig(m *memStore, servers Servers) Config {
	return Config{
		Store: m, Worker: "w1", Slots: 10, Servers: servers, Log: slog.New(slog.DiscardHandler),
		WakeQueue: m.wakeQueue, WakeCancel: m.wakeCancel,
	}
}

// start runs an executor and returns what stops it and waits.
func start(t *testing.T, cfg Config) (stop func()) {
	t.Helper()
	_, stop = startExecutor(t, cfg)
	return stop
}

func startExecutor(t *testing.T, cfg Config) (e *Executor, stop func()) {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return e, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if n := e.busy.Load(); n != 0 {
			t.Errorf("%d slots in use after Run, want 0", n)
		}
		if n := len(e.held.list()); n != 0 {
			t.Errorf("%d attempts held after Run, want 0", n)
		}
	})
}

// law runs a test in a bubble with one executor of the given tools.
func law(t *testing.T, servers Servers, do func(t *testing.T, m *memStore)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemStore()
		stop := start(t, quietConfig(m, servers))
		defer stop()
		do(t, m)
	})
}

func steps(list ...ordinaut.Step) ordinaut.TaskSpec {
	return ordinaut.TaskSpec{Title: "t", Pipeline: list}
}

func uses(id, action string) ordinaut.Step { return ordinaut.Step{ID: id, Uses: action} }

var errBoom = errors.New("boom")
