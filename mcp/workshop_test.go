package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor"
	"github.com/ordinaut/ordinaut/executor/downstream"
	"github.com/ordinaut/ordinaut/store"
)

const (
	// workOn names the variable that makes a process of this test program a worker on that database.
	workOn = "ORDINAUT_TEST_WORK_ON"
	// crashes is how many workers die under a run before it is given up.
	crashes = 3
	// shortLease is how long the lease of a worker that was killed is still held.
	shortLease = time.Second
)

// workUntilKilled is a worker and nothing else.
func workUntilKilled(dsn string) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	log := slog.New(slog.DiscardHandler)
	s, err := store.New(store.Config{Pool: pool, Log: log})
	if err != nil {
		return err
	}
	e, err := executor.New(executor.Config{
		Store: s, Worker: fmt.Sprintf("doomed-%d", os.Getpid()), Slots: 1, HTTP: &http.Client{}, Log: log,
		TTL: shortLease, RescueEvery: shortLease / 10, Poll: shortLease / 10,
	})
	if err != nil {
		return err
	}
	return e.Run(ctx)
}

// crashWorkers starts workers, one after the other, and kills each while the step of a run that goes to
// [house.deadlyURL] is under way, until the run is given up.
func (h *house) crashWorkers(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range crashes {
		worker := exec.CommandContext(t.Context(), self)
		worker.Env = append(os.Environ(), workOn+"="+h.pool.Config().ConnString())
		worker.Stderr = os.Stderr
		if err := worker.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-h.deadly:
		case <-time.After(testLimit):
			t.Error("the worker has not come to its step")
		}
		_ = worker.Process.Kill()
		_ = worker.Wait() // it says that it was killed
	}
	limit, again := time.After(testLimit), time.NewTicker(shortLease/20) // a lease that runs out pokes nobody
	defer again.Stop()
	for n := 0; n == 0; {
		select {
		case <-limit:
			t.Fatal("the last lease has not run out")
		case <-again.C:
		}
		if n, err = h.store.RescueRuns(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
}

// deadlyURL is an address that tells of a request by h.deadly and never answers.
func (h *house) deadlyURL(t *testing.T) string {
	t.Helper()
	h.deadly = make(chan struct{}, crashes)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		h.deadly <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// twoServers gives a worker the server stock, whose tool count answers otherwise than its schema says, and
// takes the server removed out of its configuration, after both were seen.
func (h *house) twoServers(t *testing.T) func(*executor.Config) {
	t.Helper()
	srv := httptest.NewServer(server.NewStreamableHTTPServer(stockServer()))
	t.Cleanup(srv.Close)
	stock, removed := downstream.ServerConfig{Name: "stock", URL: srv.URL + "/mcp"}, downstream.ServerConfig{Name: "removed", URL: srv.URL + "/mcp"}
	stop := h.reach(t, nil, stock, removed)
	stop()
	return func(cfg *executor.Config) { t.Cleanup(h.reach(t, cfg, stock)) }
}

// reach connects to servers until the function that it returns is called. It waits until all were seen.
func (h *house) reach(t *testing.T, cfg *executor.Config, servers ...downstream.ServerConfig) (stop func()) {
	t.Helper()
	seen := make(chan error, 2*len(servers))
	pool, err := downstream.New(downstream.Config{
		Servers: servers, Log: slog.New(slog.DiscardHandler),
		SaveServer: func(ctx context.Context, name, transport string, actions []ordinaut.Action, seenErr error) error {
			err := h.store.SaveServer(ctx, h.local.NamespaceID, name, transport, actions, seenErr)
			seen <- err
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg != nil {
		cfg.Servers = pool
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- pool.Run(ctx) }()
	for range servers {
		select {
		case err := <-seen:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(testLimit):
			t.Error("a server was not seen")
		}
	}
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the servers ended with %v", err)
		}
	}
}

// stockServer has one tool, which does not keep its word.
func stockServer() *server.MCPServer {
	s := server.NewMCPServer("stock", "1", server.WithToolCapabilities(false))
	tool := mcp.NewToolWithRawSchema("count", "counts what is in stock", json.RawMessage(`{"type":"object"}`))
	tool.RawOutputSchema = json.RawMessage(`{"type":"object","required":["pieces"],"properties":{"pieces":{"type":"integer"}}}`)
	s.AddTool(tool, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultStructured(map[string]any{"pieces": "many"}, "many"), nil
	})
	return s
}
