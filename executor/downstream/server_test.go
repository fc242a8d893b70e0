package downstream

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/ordinaut/ordinaut"
)

// actAs makes the test binary the MCP server that tests start as a child.
const actAs = "ORDINAUT_TEST_SERVER"

// A tool gets its arguments and the idempotency key, and its structured answer comes back as it is.
func TestCallReachesTheTool(t *testing.T) {
	t.Parallel()
	everyTransport(t, func(t *testing.T, p *Pool, _ *saved) {
		got := callTool(t, p, Call{Name: "srv.echo", Arguments: map[string]any{"n": 9007199254740993}, IdempotencyKey: "run_1/a"})
		if want := `"n":9007199254740993`; !strings.Contains(got, want) && !strings.Contains(got, `"n":9007199254740992`) {
			t.Errorf("got %s, want %s in it", got, want)
		}
		if !strings.Contains(got, `"key":"run_1/a"`) {
			t.Errorf("got %s, want the key in it", got)
		}
	})
}

// An answer without structure is text, with its value beside it when it is JSON.
func TestTextAnswers(t *testing.T) {
	t.Parallel()
	everyTransport(t, func(t *testing.T, p *Pool, _ *saved) {
		for text, want := range map[string]string{
			"hello": `{"text":"hello"}`, `{"a": 1}`: `{"json":{"a":1},"text":"{\"a\": 1}"}`, "[broken": `{"text":"[broken"}`, "17": `{"text":"17"}`,
		} {
			if got := callTool(t, p, Call{Name: "srv.text", Arguments: map[string]any{"text": text}}); got != want {
				t.Errorf("%q gave %s, want %s", text, got, want)
			}
		}
	})
}

// A tool's own error is action_failed with its text; a tool or server that does not exist is
// unknown_action.
func TestFailuresHaveReasons(t *testing.T) {
	t.Parallel()
	everyTransport(t, func(t *testing.T, p *Pool, _ *saved) {
		_, err := p.Call(t.Context(), Call{Name: "srv.fail"})
		var e *Error
		if !errors.As(err, &e) || e.Reason != ordinaut.ReasonActionFailed || !strings.Contains(e.Msg, "no tea left") {
			t.Errorf("got %v, want action_failed with the tool's words", err)
		}
		for _, name := range []string{"srv.nope", "other.echo"} {
			if _, err := p.Action(t.Context(), name); !errors.As(err, &e) || e.Reason != ordinaut.ReasonUnknownAction {
				t.Errorf("%s: got %v, want unknown_action", name, err)
			}
		}
	})
}

// Definitions are kept as the server wrote them, keywords that nobody here knows included.
func TestDefinitionsKeepEveryKeyword(t *testing.T) {
	t.Parallel()
	everyTransport(t, func(t *testing.T, p *Pool, s *saved) {
		a, err := p.Action(t.Context(), "srv.echo")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"x-unknown", "dependentRequired"} {
			if !strings.Contains(string(a.InputSchema), want) {
				t.Errorf("the schema %s has lost %s", a.InputSchema, want)
			}
		}
		if !a.Destructive || a.ReadOnly {
			t.Errorf("hints are %+v, want the protocol's defaults", a)
		}
		for s.find("srv.echo") == nil {
			<-s.news
		}
	})
}

// Progress reaches the call that it is about, and no other.
func TestProgressReachesItsCall(t *testing.T) {
	t.Parallel()
	everyTransport(t, func(t *testing.T, p *Pool, _ *saved) {
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				var mu sync.Mutex
				var got []string
				callTool(t, p, Call{Name: "srv.progress", OnProgress: func(percent *float64, message string) {
					mu.Lock()
					defer mu.Unlock()
					got = append(got, strconv.FormatFloat(*percent, 'f', -1, 64)+" "+message)
				}})
				mu.Lock()
				defer mu.Unlock()
				if want := "25 part 1,50 part 2,75 part 3"; strings.Join(got, ",") != want {
					t.Errorf("reports are %v, want %s", got, want)
				}
			})
		}
		all.Wait()
	})
}

// A new tool is known once the server says that its list changed, or a call misses it.
func TestNewToolsAreFound(t *testing.T) {
	t.Parallel()
	everyTransport(t, func(t *testing.T, p *Pool, s *saved) {
		callTool(t, p, Call{Name: "srv.grow"})
		for s.find("srv.grown") == nil {
			select {
			case <-s.news:
			case <-time.After(100 * time.Millisecond):
				p.Action(t.Context(), "srv.grown")
			}
		}
		if got := callTool(t, p, Call{Name: "srv.grown"}); got != `{"text":"new"}` {
			t.Errorf("the new tool gave %s", got)
		}
	})
}

// Cancel reaches the tool over stdio.
func TestCancelReachesTheToolOverStdio(t *testing.T) {
	t.Parallel()
	cfg := child(t, "plain")
	p, _ := runPool(t, cfg)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	go func() {
		awaitNote(t, cfg, "hanging")
		cancel(stop)
	}()
	if _, err := p.Call(ctx, Call{Name: "srv.hang"}); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause of the context", err)
	}
	awaitNote(t, cfg, "canceled")
	callTool(t, p, Call{Name: "srv.text"}) // the connection is none the worse for it
}

// Cancel reaches the tool over HTTP.
func TestCancelReachesTheToolOverHTTP(t *testing.T) {
	t.Parallel()
	canceled := make(chan struct{}, 1)
	srv := httptest.NewServer(mcpserver.NewStreamableHTTPServer(testServer(canceled)))
	t.Cleanup(srv.Close)
	p, _ := runPool(t, ServerConfig{Name: "srv", URL: srv.URL + "/mcp"})
	if _, err := p.Action(t.Context(), "srv.hang"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := p.Call(ctx, Call{Name: "srv.hang"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
	<-canceled
}

// A server that is killed in mid-call fails that call as server_unavailable at once, and is started
// again for the next.
func TestKilledServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	cfg := child(t, "plain")
	p, _ := runPool(t, cfg)
	go func() {
		pid, _ := strconv.Atoi(awaitNote(t, cfg, "hanging"))
		syscall.Kill(pid, syscall.SIGKILL)
	}()
	_, err := p.Call(t.Context(), Call{Name: "srv.hang"})
	var e *Error
	if !errors.As(err, &e) || e.Reason != ordinaut.ReasonServerUnavailable {
		t.Fatalf("got %v, want server_unavailable", err)
	}
	if got := callTool(t, p, Call{Name: "srv.text", Arguments: map[string]any{"text": "back"}}); got != `{"text":"back"}` {
		t.Errorf("after the restart got %s", got)
	}
}

// An HTTP server that went away and came back is used again; while it is away calls say so.
func TestHTTPServerComesBack(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	h := mcpserver.NewStreamableHTTPServer(testServer(nil))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			hijacked, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				hijacked.Close()
			}
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	p, s := runPool(t, ServerConfig{Name: "srv", URL: srv.URL + "/mcp"})
	callTool(t, p, Call{Name: "srv.text"})
	away.Store(true)
	_, err := p.Call(t.Context(), Call{Name: "srv.text"})
	var e *Error
	if !errors.As(err, &e) || e.Reason != ordinaut.ReasonServerUnavailable {
		t.Errorf("got %v, want server_unavailable", err)
	}
	for {
		s.mu.Lock()
		told := s.err != nil
		s.mu.Unlock()
		if told {
			break
		}
		<-s.news
	}
	away.Store(false)
	for {
		if _, err := p.Call(t.Context(), Call{Name: "srv.text"}); err == nil {
			return
		}
	}
}

// 429 with Retry-After is rate_limited with that wait.
func TestHTTPRateLimit(t *testing.T) {
	t.Parallel()
	var busy atomic.Bool
	h := mcpserver.NewStreamableHTTPServer(testServer(nil))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if busy.Load() {
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	p, _ := runPool(t, ServerConfig{Name: "srv", URL: srv.URL + "/mcp"})
	callTool(t, p, Call{Name: "srv.text"})
	busy.Store(true)
	_, err := p.Call(t.Context(), Call{Name: "srv.text"})
	var e *Error
	if !errors.As(err, &e) || e.Reason != ordinaut.ReasonRateLimited || e.RetryAfter != 9*time.Second {
		t.Errorf("got %v, want rate_limited with 9 s", err)
	}
	busy.Store(false)
}

// A child sees nothing of our environment but what it is given.
func TestChildInheritsNothing(t *testing.T) {
	t.Parallel()
	p, _ := runPool(t, child(t, "plain"))
	var got struct{ Env []string }
	json.Unmarshal([]byte(callTool(t, p, Call{Name: "srv.env"})), &got)
	for _, v := range got.Env {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "PATH", "HOME", "LANG", "NOTES", actAs:
		default:
			t.Errorf("the child sees %s", name)
		}
	}
	if len(got.Env) != 5 {
		t.Errorf("the child sees %d variables, want 5", len(got.Env))
	}
}

// A child that ignores its input's end and SIGTERM is killed, and the pool's end waits for that.
func TestStubbornChildIsKilled(t *testing.T) {
	t.Parallel()
	cfg := child(t, "stubborn")
	p, err := New(Config{Servers: []ServerConfig{cfg}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	call, stop := context.WithCancel(t.Context())
	go func() {
		awaitNote(t, cfg, "hanging")
		stop()
	}()
	p.Call(call, Call{Name: "srv.hang"})
	pid, _ := strconv.Atoi(awaitNote(t, cfg, "hanging"))
	cancel()
	<-done
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the child lives: %v", err)
	}
}

// A child that floods its output without end is cut off, and the call that waits is told.
func TestFloodIsCutOff(t *testing.T) {
	t.Parallel()
	p, _ := runPool(t, child(t, "flood"))
	_, err := p.Call(t.Context(), Call{Name: "srv.echo"})
	var e *Error
	if !errors.As(err, &e) || e.Reason != ordinaut.ReasonServerUnavailable {
		t.Errorf("got %v, want server_unavailable", err)
	}
}

// A program that is not there is a server that is away, and is said to be.
func TestMissingProgram(t *testing.T) {
	t.Parallel()
	p, s := runPool(t, ServerConfig{Name: "srv", Command: []string{"/nowhere/server"}})
	_, err := p.Action(t.Context(), "srv.echo")
	var e *Error
	if !errors.As(err, &e) || e.Reason != ordinaut.ReasonServerUnavailable {
		t.Errorf("got %v, want server_unavailable", err)
	}
	<-s.news
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		t.Error("SaveServer was not told that the server is away")
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]ServerConfig{
		"small letter":              {Name: "Bad", URL: "http://x"},
		"built-in":                  {Name: "http", URL: "http://x"},
		"command is":                {Name: "a", Transport: "stdio"},
		"absolute path":             {Name: "a", Command: []string{"npx"}},
		"dir":                       {Name: "a", Command: []string{"/bin/x"}, Dir: "rel"},
		"load code":                 {Name: "a", Command: []string{"/bin/x"}, Env: map[string]string{"LD_PRELOAD": "x"}},
		"no name":                   {Name: "a", Command: []string{"/bin/x"}, Env: map[string]string{"A=B": "x"}},
		"belong to transport http":  {Name: "a", Command: []string{"/bin/x"}, URL: "http://x"},
		"belong to transport stdio": {Name: "a", URL: "http://x", Dir: "/"},
		"scheme":                    {Name: "a", URL: "ftp://x"},
		"no valid header":           {Name: "a", URL: "http://x", Headers: map[string]string{"A": "b\r\nC: d"}},
		"want stdio or http":        {Name: "a", Transport: "pigeon"},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q in it", cfg, err, want)
		}
	}
	good := ServerConfig{Name: "a", Command: []string{"/bin/x", "-y"}}
	if err := good.Validate(); err != nil || good.Transport != TransportStdio {
		t.Errorf("got %v and transport %q", err, good.Transport)
	}
}
