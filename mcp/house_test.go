package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/mcp/front"
	"github.com/ordinaut/ordinaut/schemas"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// testLimit bounds what a test waits for; it is never reached by a test that passes.
const testLimit = 30 * time.Second

func TestMain(m *testing.M) {
	if dsn := os.Getenv(workOn); dsn != "" {
		if err := workUntilKilled(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	storetest.Main(m)
}

// house is the whole way of a call: a client, HTTP, the front, the tools, a real database.
type house struct {
	*Server
	store *store.Store
	pool  *pgxpool.Pool
	url   string
	key   string // of an agent with every scope, in namespace default
	local *ordinaut.Agent

	mu     sync.Mutex // guards guests
	guests map[string]*ordinaut.Agent

	deadly chan struct{} // of deadlyURL
}

// newHouse opens a house until the test ends. change may alter the configuration.
func newHouse(t *testing.T, change func(*Config)) *house {
	t.Helper()
	pool := storetest.Pool(t, storetest.DB(t))
	h := &house{pool: pool, store: storetest.StoreOn(t, pool, store.Config{}), guests: map[string]*ordinaut.Agent{}}
	cfg := Config{Store: h.store, Version: "1.2.3", ZoneRelease: "2026f"}
	if change != nil {
		change(&cfg)
	}
	var err error
	if h.Server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	key, agent, err := h.store.Bootstrap(t.Context(), "operator")
	if err != nil {
		t.Fatal(err)
	}
	h.key, h.local = key, &agent
	f, err := front.New(front.Config{
		Server: h.MCP(), Authenticate: h.authenticate, Key: CallerKey, Rate: 1e6, Burst: 1e6, ProgressEvery: -1, MaxTextBytes: MaxTextBytes,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(f.Handler())
	h.url = srv.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testLimit)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		srv.Close()
	})
	return h
}

// authenticate lets guests of the test in by name, everybody else by key.
func (h *house) authenticate(ctx context.Context, r *http.Request) (context.Context, error) {
	h.mu.Lock()
	guest := h.guests[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	h.mu.Unlock()
	if guest != nil {
		return WithAgent(ctx, guest), nil
	}
	return h.Authenticate(ctx, r)
}

// guest makes an agent with these scopes, in a namespace of that name, and returns its credential.
func (h *house) guest(t *testing.T, namespace string, scopes ...ordinaut.Scope) string {
	t.Helper()
	agent := &ordinaut.Agent{ID: ordinaut.NewAgentID(), Scopes: scopes}
	agent.Name = agent.ID.String()
	const insert = `WITH ns AS (
    INSERT INTO namespace (id, name) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
)
INSERT INTO agent (namespace_id, id, name, scopes) SELECT id, $3, $4, $5 FROM ns RETURNING namespace_id`
	err := h.pool.QueryRow(t.Context(), insert, ordinaut.NewNamespaceID(), namespace, agent.ID, agent.Name, scopes).Scan(&agent.NamespaceID)
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.guests[agent.Name] = agent
	return agent.Name
}

// visitor is a connected MCP client.
type visitor struct {
	*client.Client
	house *house
}

func (h *house) connect(t *testing.T, credential string) *visitor {
	t.Helper()
	c, err := client.NewStreamableHttpClient(h.url, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + credential}))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
	if _, err := c.Initialize(ctx, hello); err != nil {
		t.Fatal(err)
	}
	return &visitor{c, h}
}

// object is a JSON object, written and read by tests.
type object = map[string]any

// reply is what a client saw of a call.
type reply struct {
	text    string
	raw     json.RawMessage
	content object
	failed  bool
}

// call calls a tool and checks that a good answer fits the tool's output schema.
func (v *visitor) call(t *testing.T, tool string, args any) reply {
	t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, args
	return v.send(t, req)
}

func (v *visitor) send(t *testing.T, req mcp.CallToolRequest) reply {
	t.Helper()
	res, err := v.CallTool(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: %v", req.Params.Name, err)
	}
	r := reply{failed: res.IsError, raw: res.RawStructuredContent}
	for _, content := range res.Content {
		r.text += content.(mcp.TextContent).Text
	}
	if err := json.Unmarshal(r.raw, &r.content); err != nil {
		t.Fatalf("%s: structured content %s: %v", req.Params.Name, r.raw, err)
	}
	if !r.failed {
		v.house.fits(t, req.Params.Name, r.content)
	}
	return r
}

// must is call for a call that has to go well.
func (v *visitor) must(t *testing.T, tool string, args any) reply {
	t.Helper()
	r := v.call(t, tool, args)
	if r.failed {
		t.Fatalf("%s: %s", tool, r.text)
	}
	return r
}

// fits checks an answer against the whole and the shown output schema.
func (h *house) fits(t *testing.T, tool string, content object) {
	t.Helper()
	for _, d := range h.defined {
		if d.name != tool {
			continue
		}
		for _, schema := range []json.RawMessage{d.output, d.shown.output} {
			problems, err := schemas.NewValidator(0).Validate(schema, content)
			if err != nil || len(problems) > 0 {
				t.Errorf("%s: the answer does not fit its schema: %v %v", tool, problems, err)
			}
		}
	}
}

// at returns what is at a path of keys and indexes.
func (r reply) at(t *testing.T, path ...any) any {
	t.Helper()
	var v any = r.content
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(object)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

func (r reply) text1(t *testing.T, path ...any) string {
	t.Helper()
	s, ok := r.at(t, path...).(string)
	if !ok {
		t.Fatalf("%v is %v in %s", path, r.at(t, path...), r.raw)
	}
	return s
}

// manual is the arguments of a task that runs only when told to.
func manual(title string) object {
	return object{
		"title": title, "schedule": object{"kind": "manual"},
		"pipeline": []object{{"id": "say", "uses": "data.transform", "with": object{"expression": "word", "input": object{"word": "hello"}}}},
	}
}

// newTask creates a task and returns its id.
func (v *visitor) newTask(t *testing.T, args object) string {
	t.Helper()
	return v.must(t, "create_task", args).text1(t, "task", "id")
}

// newRun starts a run and returns its id.
func (v *visitor) newRun(t *testing.T, task string) string {
	t.Helper()
	return v.must(t, "run_now", object{"task_id": task}).text1(t, "run", "id")
}

// claim takes the one run that is queued, as a worker.
func (h *house) claim(t *testing.T) ordinaut.Attempt {
	t.Helper()
	poke, stop := h.store.Subscribe(store.WakeQueue)
	defer stop()
	for {
		attempts, err := h.store.ClaimRuns(t.Context(), "worker-1", time.Minute, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(attempts) == 1 {
			return attempts[0]
		}
		select {
		case <-poke:
		case <-time.After(testLimit):
			t.Fatal("no run was queued")
		}
	}
}

// record writes what an attempt did.
func (h *house) record(t *testing.T, r ordinaut.Record) {
	t.Helper()
	if lost, err := h.store.Record(t.Context(), []ordinaut.Record{r}); err != nil || len(lost) > 0 {
		t.Fatalf("record: lost %v, error %v", lost, err)
	}
}

// finish ends an attempt with one step, whose output is given.
func (h *house) finish(t *testing.T, a ordinaut.Attempt, state ordinaut.RunState, output string) {
	t.Helper()
	began := a.ClaimedAt
	ended := began.Add(40 * time.Millisecond)
	step := ordinaut.StepResult{
		StepID: "say", Uses: "data.transform", State: ordinaut.StepSucceeded, Tries: 1, Epoch: a.Epoch,
		Input: json.RawMessage(`{"value":"hello"}`), Output: json.RawMessage(output), OutputBytes: len(output),
		StartedAt: began, FinishedAt: &ended, Seq: a.Seq + 1,
	}
	outcome := ordinaut.Outcome{State: state, StartedAt: began, Output: json.RawMessage(output), Seq: a.Seq + 2}
	if state != ordinaut.RunSucceeded {
		step.State, step.Reason, step.Error, step.Output, step.OutputBytes = ordinaut.StepFailed, ordinaut.ReasonActionFailed, "it broke", nil, 0
		outcome.Reason, outcome.Error, outcome.Output = ordinaut.ReasonActionFailed, "step say failed: it broke", nil
	}
	h.record(t, ordinaut.Record{Lease: a.Lease, Steps: []ordinaut.StepResult{step}, Outcome: &outcome})
}
