package front_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/mcp/front"
)

// secretText is in a raw error and in a panic of the fixture; no client may ever read it.
const secretText = "postgres://hidden"

type callerKey struct{}

// fixture is a front before a small server, with hooks into its slow tool.
type fixture struct {
	*front.Front
	url     string
	entered chan string   // the caller, when slow was entered
	release chan struct{} // slow returns after a receive, or when its call is cancelled
	gone    chan error    // why slow's context ended
	server  *server.MCPServer
}

// authenticate takes "Bearer name" for the name of the caller.
func authenticate(ctx context.Context, r *http.Request) (context.Context, error) {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok || name == "bad":
		return nil, ordinaut.Errorf(ordinaut.CodeUnauthenticated, "a bearer token is needed")
	case name == "weak":
		return nil, ordinaut.Errorf(ordinaut.CodePermissionDenied, "the token lacks scope tasks:read")
	case name == "broken":
		return nil, errors.New(secretText)
	}
	return context.WithValue(ctx, callerKey{}, name), nil
}

func caller(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// newFixture serves a front over HTTP until the test ends. change may alter the configuration.
func newFixture(t *testing.T, change func(*front.Config)) *fixture {
	t.Helper()
	fx := &fixture{entered: make(chan string, 16), release: make(chan struct{}), gone: make(chan error, 16)}
	fx.server = fx.newServer()
	cfg := front.Config{
		Server: fx.server, Authenticate: authenticate, Key: caller,
		Rate: 1e6, Burst: 1e6, FailedLogins: 1e6, ProgressEvery: -1,
	}
	if change != nil {
		change(&cfg)
	}
	f, err := front.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fx.Front = f
	mux := http.NewServeMux()
	mux.Handle("/mcp", f.Handler())
	srv := httptest.NewServer(mux)
	fx.url = srv.URL + "/mcp"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testLimit)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		srv.Close()
	})
	return fx
}

func (fx *fixture) newServer() *server.MCPServer {
	s := server.NewMCPServer("fixture", "1", server.WithToolCapabilities(true), server.WithPromptCapabilities(true), server.WithElicitation())
	text := mcp.WithString("text")
	s.AddTool(mcp.NewTool("echo", text), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(caller(ctx) + ":" + r.GetString("text", "")), nil
	})
	s.AddTool(mcp.NewTool("slow"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		fx.entered <- caller(ctx)
		select {
		case <-fx.release:
			return mcp.NewToolResultText("slept"), nil
		case <-ctx.Done():
			fx.gone <- ctx.Err()
			return nil, ctx.Err()
		}
	})
	s.AddTool(mcp.NewTool("progress"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			front.Progress(ctx, float64(i+1), 3, "step")
		}
		return mcp.NewToolResultText("done"), nil
	})
	s.AddTool(mcp.NewTool("notify"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for range 3 {
			if err := s.SendNotificationToClient(ctx, "notifications/fixture", map[string]any{"a": 1}); err != nil {
				return nil, err
			}
		}
		return mcp.NewToolResultText("done"), nil
	})
	s.AddTool(mcp.NewTool("ask"), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if a := server.ElicitationResponse(r.Params.InputResponses, "q"); a != nil {
			return mcp.NewToolResultText("answer: " + string(a.Action)), nil
		}
		return server.NewInputRequestBuilder("state").Elicit("q", mcp.ElicitationParams{
			Message: "sure?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}},
		}).ToolResult(), nil
	})
	s.AddTool(mcp.NewTool("panic"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { panic(secretText) })
	s.AddTool(mcp.NewTool("raw_error"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, errors.New(secretText)
	})
	s.AddPrompt(mcp.NewPrompt("panic"), func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) { panic(secretText) })
	return s
}

// addTool makes the server tell its listeners that the list of tools changed.
func (fx *fixture) addTool() {
	fx.server.AddTool(mcp.NewTool("late"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("late"), nil
	})
}

// connect returns an initialized client of the given era; version "" is the newest.
func (fx *fixture) connect(t *testing.T, name, version string) *client.Client {
	t.Helper()
	tr, err := transport.NewStreamableHTTP(fx.url, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + name}))
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewClient(tr, client.WithProtocolVersion(version), client.WithElicitationHandler(acceptAll{}))
	start(t, c)
	return c
}

// start opens a client's connection and shakes hands if its era does.
func start(t *testing.T, c *client.Client) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() }) //nolint:errcheck // the server may be gone
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
	if _, err := c.Initialize(t.Context(), init); err != nil {
		t.Fatal(err)
	}
}

type acceptAll struct{}

func (acceptAll) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{}}}, nil
}

// tool calls a tool and returns its text.
func tool(t *testing.T, c *client.Client, name string, args map[string]any) string {
	t.Helper()
	r := mcp.CallToolRequest{}
	r.Params.Name, r.Params.Arguments = name, args
	res, err := c.CallTool(t.Context(), r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return textOf(t, res)
}

func textOf(t *testing.T, res *mcp.CallToolResult) string {
	t.Helper()
	if len(res.Content) == 0 {
		t.Fatalf("no content in %+v", res)
	}
	text, ok := res.Content[0].(mcp.TextContent)
	if !ok {
		t.Fatalf("content is %T, want text", res.Content[0])
	}
	return text.Text
}

// response is what a raw request got.
type response struct {
	status int
	header http.Header
	body   string
	code   int // of the JSON-RPC error, 0 if there is none
}

const (
	modernCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"},"_meta":` + modernMeta + `}}`
	modernMeta = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
)

// post sends body as a call of the echo tool in the stateless era; header overrides, an empty value removes.
func (fx *fixture) post(t *testing.T, body string, header map[string]string) response {
	t.Helper()
	return fx.do(t, http.MethodPost, strings.NewReader(body), header)
}

func (fx *fixture) do(t *testing.T, method string, body io.Reader, header map[string]string) response {
	t.Helper()
	res, err := http.DefaultClient.Do(fx.request(t, method, body, header))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := response{status: res.StatusCode, header: res.Header, body: string(raw)}
	var e struct{ Error struct{ Code int } }
	if json.Unmarshal(raw, &e) == nil {
		out.code = e.Error.Code
	}
	return out
}

func (fx *fixture) request(t *testing.T, method string, body io.Reader, header map[string]string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, fx.url, body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Authorization": "Bearer ann", "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "echo",
	} {
		r.Header.Set(k, v)
	}
	for k, v := range header {
		switch {
		case v == "":
			r.Header.Del(k)
		case k == "Host":
			r.Host = v
		default:
			r.Header.Set(k, v)
		}
	}
	return r
}
