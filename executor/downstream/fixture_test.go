package downstream

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"go.uber.org/goleak"

	"github.com/ordinaut/ordinaut"
)

func TestMain(m *testing.M) {
	switch os.Getenv(actAs) {
	case "":
		goleak.VerifyTestMain(m)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		serveStdio()
		select {} // stays when its input is closed
	case "flood":
		line := strings.Repeat("x", 1<<20)
		for {
			os.Stdout.WriteString(line)
		}
	default:
		serveStdio()
	}
}

func serveStdio() {
	mcpserver.NewStdioServer(testServer(nil)).Listen(context.Background(), os.Stdin, os.Stdout) //nolint:usetesting // a process of its own
}

// note appends a line to the file that the test reads.
func note(line string) {
	f, err := os.OpenFile(os.Getenv("NOTES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString(line + "\n")
}

// testServer is a server with one tool for each way a call can go. canceled, if set, is poked when a
// call's context ends.
func testServer(canceled chan<- struct{}) *mcpserver.MCPServer {
	s := mcpserver.NewMCPServer("test", "1", mcpserver.WithToolCapabilities(true))
	add := func(tool mcp.Tool, h mcpserver.ToolHandlerFunc) { s.AddTool(tool, h) }
	add(mcp.NewToolWithRawSchema("echo", "gives back what it got", json.RawMessage(
		`{"type":"object","properties":{"n":{"type":"integer","x-unknown":{"kept":true}}},"dependentRequired":{"a":["n"]}}`)),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			key := ""
			if r.Params.Meta != nil {
				key, _ = r.Params.Meta.AdditionalFields[KeyField].(string)
			}
			return mcp.NewToolResultStructured(map[string]any{"args": r.GetArguments(), "key": key}, "text"), nil
		})
	add(mcp.NewTool("text"), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(r.GetString("text", "")), nil
	})
	add(mcp.NewTool("fail"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("no tea left"), nil
	})
	add(mcp.NewTool("env"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultStructured(map[string]any{"env": os.Environ()}, ""), nil
	})
	add(mcp.NewTool("progress"), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			mcpserver.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{
				"progressToken": r.Params.Meta.ProgressToken, "progress": i + 1, "total": 4, "message": "part " + strconv.Itoa(i+1),
			})
		}
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // notifications may be dropped when the answer overtakes them
		return mcp.NewToolResultText("done"), nil
	})
	add(mcp.NewTool("hang"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		note("hanging " + strconv.Itoa(os.Getpid()))
		<-ctx.Done()
		note("canceled")
		if canceled != nil {
			canceled <- struct{}{}
		}
		return nil, ctx.Err()
	})
	add(mcp.NewTool("grow"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		mcpserver.ServerFromContext(ctx).AddTool(mcp.NewTool("grown"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText("new"), nil
		})
		return mcp.NewToolResultText("grew"), nil
	})
	add(mcp.NewTool("die"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		os.Exit(3)
		return nil, nil
	})
	return s
}

// saved is what SaveServer was told last.
type saved struct {
	mu      sync.Mutex
	actions []ordinaut.Action
	err     error
	calls   int
	news    chan struct{}
}

func (s *saved) save(_ context.Context, _, _ string, actions []ordinaut.Action, seen error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actions, s.err = actions, seen
	s.calls++
	select {
	case s.news <- struct{}{}:
	default:
	}
	if s.calls == 1 && seen == nil {
		return nil
	}
	return nil
}

func (s *saved) find(name string) *ordinaut.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.actions {
		if a.Name == name {
			return &a
		}
	}
	return nil
}

func runPool(t *testing.T, servers ...ServerConfig) (*Pool, *saved) {
	t.Helper()
	s := &saved{news: make(chan struct{}, 1)}
	p, err := New(Config{Servers: servers, SaveServer: s.save, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	return p, s
}

func child(t *testing.T, kind string) ServerConfig {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return ServerConfig{Name: "srv", Command: []string{self}, Env: map[string]string{actAs: kind, "NOTES": filepath.Join(t.TempDir(), "notes")}}
}

// everyTransport runs a test over stdio and over HTTP.
func everyTransport(t *testing.T, do func(t *testing.T, p *Pool, s *saved)) {
	t.Helper()
	t.Run("stdio", func(t *testing.T) {
		t.Parallel()
		p, s := runPool(t, child(t, "plain"))
		do(t, p, s)
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(mcpserver.NewStreamableHTTPServer(testServer(nil)))
		t.Cleanup(srv.Close)
		p, s := runPool(t, ServerConfig{Name: "srv", URL: srv.URL + "/mcp"})
		do(t, p, s)
	})
}

func callTool(t *testing.T, p *Pool, c Call) string {
	t.Helper()
	out, err := p.Call(t.Context(), c)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return string(out)
}

// awaitNote waits until the child has noted a line that begins so, and returns the rest of it.
func awaitNote(t *testing.T, cfg ServerConfig, prefix string) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		raw, _ := os.ReadFile(cfg.Env["NOTES"])
		for line := range strings.Lines(string(raw)) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
				return strings.TrimSpace(rest)
			}
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("no note %q", prefix)
		}
	}
}
