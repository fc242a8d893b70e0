package front_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut/mcp/front"
)

// testLimit bounds what must not hang; no test waits for it to pass.
const testLimit = 20 * time.Second

var eras = []struct{ name, version string }{
	{"modern", ""},
	{"2025-11-25", "2025-11-25"},
	{"2025-06-18", "2025-06-18"},
}

// A client of every era lists and calls tools over one endpoint.
func TestErasShareEndpoint(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			c := fx.connect(t, "ann", era.version)
			if got := tool(t, c, "echo", map[string]any{"text": "hi"}); got != "ann:hi" {
				t.Errorf("echo = %q", got)
			}
			list, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
			if err != nil || len(list.Tools) == 0 {
				t.Errorf("tools/list = %v, %v", list, err)
			}
			if got := tool(t, c, "ask", nil); got != "answer: accept" {
				t.Errorf("ask = %q", got)
			}
		})
	}
}

// No report made before a handler returns is lost, and none comes after the result.
func TestProgressArrivesBeforeResult(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	for _, era := range eras {
		for _, name := range []string{"progress", "notify"} {
			t.Run(era.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := fx.connect(t, "ann", era.version)
				var mu sync.Mutex
				got := map[string]int{}
				c.OnNotification(func(n mcp.JSONRPCNotification) {
					mu.Lock()
					defer mu.Unlock()
					got[fmt.Sprint(n.Params.AdditionalFields["progressToken"])]++
				})
				const calls = 300
				for i := range calls {
					r := mcp.CallToolRequest{}
					r.Params.Name = name
					r.Params.Meta = &mcp.Meta{ProgressToken: fmt.Sprint(i)}
					if _, err := c.CallTool(t.Context(), r); err != nil {
						t.Fatal(err)
					}
					token := fmt.Sprint(i)
					want := 3
					if name == "notify" {
						token, want = "<nil>", 3*(i+1)
					}
					mu.Lock()
					n := got[token]
					mu.Unlock()
					if n != want {
						t.Fatalf("call %d: %d notifications before the result, want %d", i, n, want)
					}
				}
			})
		}
	}
}

// Two callers with the same JSON-RPC id at once each get their own answer, and neither can cancel the other.
func TestSameIDOfTwoCallers(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	body := strings.Replace(modernCall, "echo", "slow", 1)
	results := make(chan response, 2)
	for _, name := range []string{"ann", "bob"} {
		go func() {
			results <- fx.post(t, body, map[string]string{"Authorization": "Bearer " + name, "Mcp-Name": "slow"})
		}()
	}
	<-fx.entered
	<-fx.entered
	cancel := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"_meta":` + modernMeta + `}}`
	if r := fx.post(t, cancel, map[string]string{"Mcp-Method": "notifications/cancelled", "Mcp-Name": ""}); r.status != http.StatusAccepted {
		t.Errorf("cancellation: status %d", r.status)
	}
	fx.release <- struct{}{}
	fx.release <- struct{}{}
	for range 2 {
		if r := <-results; r.status != http.StatusOK || !strings.Contains(r.body, "slept") {
			t.Errorf("answer %d %s", r.status, r.body)
		}
	}
}

// A panic or a raw error of a handler is answered with its request id and without its text, and the
// endpoint lives on.
func TestHandlerFailureIsNotShown(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	for _, name := range []string{"panic", "raw_error"} {
		r := fx.post(t, strings.Replace(modernCall, "echo", name, 1), map[string]string{"Mcp-Name": name})
		if r.code != mcp.INTERNAL_ERROR || strings.Contains(r.body, secretText) || !strings.Contains(r.body, r.header.Get("X-Request-Id")) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	prompt := `{"jsonrpc":"2.0","id":"p","method":"prompts/get","params":{"name":"panic","_meta":` + modernMeta + `}}`
	r := fx.post(t, prompt, map[string]string{"Mcp-Method": "prompts/get", "Mcp-Name": "panic"})
	if r.code != mcp.INTERNAL_ERROR || strings.Contains(r.body, secretText) || !strings.Contains(r.body, `"id":"p"`) {
		t.Errorf("prompt: %d %s", r.status, r.body)
	}
	if r := fx.post(t, modernCall, nil); r.status != http.StatusOK || !strings.Contains(r.body, "ann:hi") {
		t.Errorf("afterwards: %d %s", r.status, r.body)
	}
}

// A client that goes away cancels its call.
func TestDisconnectCancelsCall(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		r := fx.request(t, http.MethodPost, strings.NewReader(strings.Replace(modernCall, "echo", "slow", 1)), map[string]string{"Mcp-Name": "slow"})
		res, err := http.DefaultClient.Do(r.WithContext(ctx))
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	<-fx.entered
	cancel()
	if err := <-fx.gone; err == nil {
		t.Error("the handler's context did not end")
	}
	<-done
}

// Each caller has its own rate, and is told when to come back.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.Rate, c.Burst = 0.01, 2 })
	for i := range 3 {
		r := fx.post(t, modernCall, nil)
		if limited := r.status == http.StatusTooManyRequests; limited != (i == 2) {
			t.Errorf("request %d: status %d", i, r.status)
		} else if limited && r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if r := fx.post(t, modernCall, map[string]string{"Authorization": "Bearer bob"}); r.status != http.StatusOK {
		t.Errorf("another caller: status %d", r.status)
	}
}

// An address with too many failed authentications must wait, but locks out nobody with a good credential.
func TestFailedAuthentications(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.FailedLogins = 3; c.ResourceMetadataURL = "https://x.example/meta" })
	bad := map[string]string{"Authorization": "Bearer bad"}
	for range 3 {
		r := fx.post(t, modernCall, bad)
		if r.status != http.StatusUnauthorized || r.header.Get("WWW-Authenticate") != `Bearer resource_metadata="https://x.example/meta", error="invalid_token"` {
			t.Fatalf("%d %q", r.status, r.header.Get("WWW-Authenticate"))
		}
	}
	if r := fx.post(t, modernCall, bad); r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" {
		t.Errorf("fourth failure: status %d", r.status)
	}
	if r := fx.post(t, modernCall, nil); r.status != http.StatusOK {
		t.Errorf("good credential: status %d", r.status)
	}
}

// Calls of one caller beyond the cap are refused while those of others pass.
func TestConcurrencyCap(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.MaxConcurrent = 1 })
	done := make(chan response, 1)
	go func() {
		done <- fx.post(t, strings.Replace(modernCall, "echo", "slow", 1), map[string]string{"Mcp-Name": "slow"})
	}()
	<-fx.entered
	if r := fx.post(t, modernCall, nil); r.status != http.StatusTooManyRequests {
		t.Errorf("second call: status %d", r.status)
	}
	if r := fx.post(t, modernCall, map[string]string{"Authorization": "Bearer bob"}); r.status != http.StatusOK {
		t.Errorf("another caller: status %d", r.status)
	}
	fx.release <- struct{}{}
	if r := <-done; r.status != http.StatusOK {
		t.Errorf("first call: status %d", r.status)
	}
}
