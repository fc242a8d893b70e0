package front_test

import (
	"bufio"
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut/mcp/front"
)

const listenCall = `{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":` + modernMeta + `}}`

var listenHeader = map[string]string{"Mcp-Method": "subscriptions/listen", "Mcp-Name": ""}

// stream is an open event stream.
type stream struct {
	*http.Response
	lines *bufio.Scanner
}

func (fx *fixture) stream(t *testing.T, method, body string, header map[string]string) *stream {
	t.Helper()
	res, err := http.DefaultClient.Do(fx.request(t, method, strings.NewReader(body), header))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return &stream{res, bufio.NewScanner(res.Body)}
}

// next returns the next line that holds want, or fails at the end of the stream.
func (s *stream) next(t *testing.T, want string) string {
	t.Helper()
	for s.lines.Scan() {
		if strings.Contains(s.lines.Text(), want) {
			return s.lines.Text()
		}
	}
	t.Fatalf("the stream ended before %q", want)
	return ""
}

// handshake opens a legacy session and returns the headers that use it.
func (fx *fixture) handshake(t *testing.T, name string) map[string]string {
	t.Helper()
	header := map[string]string{"Authorization": "Bearer " + name, "Mcp-Protocol-Version": "", "Mcp-Method": "", "Mcp-Name": ""}
	r := fx.post(t, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, header)
	id := r.header.Get("Mcp-Session-Id")
	if r.status != http.StatusOK || id == "" {
		t.Fatalf("initialize: %d %s", r.status, r.body)
	}
	header["Mcp-Session-Id"], header["Mcp-Protocol-Version"] = id, "2025-11-25"
	return header
}

// A subscription is acknowledged first, kept alive, told what it asked for under its id, and ended by a
// shutdown with an ordinary result, while a call in flight finishes.
func TestShutdownEndsStreamsAndWaitsForCalls(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.KeepAlive = time.Millisecond })
	legacy := fx.handshake(t, "bob")
	sub := fx.stream(t, http.MethodPost, listenCall, listenHeader)
	if got := sub.next(t, "data:"); !strings.Contains(got, "notifications/subscriptions/acknowledged") || !strings.Contains(got, `"io.modelcontextprotocol/subscriptionId":"sub"`) {
		t.Errorf("first message %s", got)
	}
	sub.next(t, ": keep-alive")
	get := fx.stream(t, http.MethodGet, "", legacy)
	get.next(t, ": keep-alive")

	fx.addTool()
	for _, s := range []*stream{sub, get} {
		got := s.next(t, "tools/list_changed")
		if tagged := strings.Contains(got, `"io.modelcontextprotocol/subscriptionId":"sub"`); tagged != (s == sub) {
			t.Errorf("tagged %v: %s", tagged, got)
		}
	}

	slow := make(chan response, 1)
	go func() {
		slow <- fx.post(t, strings.Replace(modernCall, "echo", "slow", 1), map[string]string{"Mcp-Name": "slow"})
	}()
	<-fx.entered
	down := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testLimit)
		defer cancel()
		down <- fx.Shutdown(ctx)
	}()
	if got := sub.next(t, `"result"`); !strings.Contains(got, `"id":"sub"`) {
		t.Errorf("last message %s", got)
	}
	for get.lines.Scan() { // until its end
	}
	if r := fx.post(t, modernCall, nil); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("a call while shutting down: status %d", r.status)
	}
	fx.release <- struct{}{}
	if r := <-slow; r.status != http.StatusOK {
		t.Errorf("the call in flight: %d %s", r.status, r.body)
	}
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// A shutdown that may not wait any longer cancels the calls in flight and says so.
func TestShutdownDoesNotHang(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	slow := make(chan response, 1)
	go func() {
		slow <- fx.post(t, strings.Replace(modernCall, "echo", "slow", 1), map[string]string{"Mcp-Name": "slow"})
	}()
	<-fx.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fx.Shutdown(ctx); err == nil {
		t.Error("no error although a call was running")
	}
	<-fx.gone
	<-slow
}

// A caller has a bounded number of streams, and one that ends makes room.
func TestStreamCap(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.MaxStreams = 1 })
	legacy := fx.handshake(t, "ann")
	get := fx.stream(t, http.MethodGet, "", legacy)
	get.next(t, ": open")
	if r := fx.post(t, listenCall, listenHeader); r.status != http.StatusTooManyRequests {
		t.Errorf("second stream: status %d", r.status)
	}
	if r := fx.do(t, http.MethodGet, nil, legacy); r.status != http.StatusConflict {
		t.Errorf("second stream of the session: status %d", r.status)
	}
	if r := fx.do(t, http.MethodDelete, nil, legacy); r.status != http.StatusOK {
		t.Errorf("DELETE: status %d", r.status)
	}
	for get.lines.Scan() { // ended with its session
	}
	again := fx.stream(t, http.MethodGet, "", fx.handshake(t, "ann"))
	again.next(t, ": open")
}

// A session is of no use to anybody but its owner, nor after its end, nor with a changed id.
func TestSessionIsBoundToItsOwner(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	legacy := fx.handshake(t, "ann")
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}`
	with := func(key, value string) map[string]string {
		h := map[string]string{}
		maps.Copy(h, legacy)
		h[key] = value
		return h
	}
	if r := fx.post(t, call, legacy); r.status != http.StatusOK || !strings.Contains(r.body, "ann:hi") {
		t.Errorf("owner: %d %s", r.status, r.body)
	}
	stolen := with("Authorization", "Bearer bob")
	id := legacy["Mcp-Session-Id"]
	for name, h := range map[string]map[string]string{
		"another caller": stolen,
		"changed id":     with("Mcp-Session-Id", "B"+id[1:]),
		"short id":       with("Mcp-Session-Id", "abc"),
		"odd id":         with("Mcp-Session-Id", "../../x"),
	} {
		if name == "changed id" && id[0] == 'B' {
			h["Mcp-Session-Id"] = "C" + id[1:]
		}
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			if r := fx.do(t, method, strings.NewReader(call), h); r.status != http.StatusNotFound {
				t.Errorf("%s, %s: status %d", name, method, r.status)
			}
		}
	}
	if r := fx.post(t, call, with("Mcp-Session-Id", "")); r.status != http.StatusBadRequest {
		t.Errorf("no session: status %d", r.status)
	}
	if r := fx.post(t, call, with("Mcp-Protocol-Version", "1999-01-01")); r.status != http.StatusBadRequest || r.code != -32022 {
		t.Errorf("unknown version: %d %s", r.status, r.body)
	}
	fx.do(t, http.MethodDelete, nil, legacy)
	if r := fx.post(t, call, legacy); r.status != http.StatusNotFound {
		t.Errorf("after its end: status %d", r.status)
	}
}

// A replica that shares the key accepts a session that another one opened.
func TestSessionsRoamBetweenReplicas(t *testing.T) {
	t.Parallel()
	share := func(c *front.Config) { c.SessionKey = []byte("0123456789abcdef0123456789abcdef") }
	one, two := newFixture(t, share), newFixture(t, share)
	legacy := one.handshake(t, "ann")
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}`
	if r := two.post(t, call, legacy); r.status != http.StatusOK || !strings.Contains(r.body, "ann:hi") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := newFixture(t, nil).post(t, call, legacy); r.status != http.StatusNotFound {
		t.Errorf("a replica with another key: status %d", r.status)
	}
}

// A legacy client cancels its own call by notification and gets no answer to it.
func TestLegacyCancellation(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	legacy := fx.handshake(t, "ann")
	slow := make(chan response, 1)
	go func() {
		slow <- fx.post(t, `{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"slow"}}`, legacy)
	}()
	<-fx.entered
	if r := fx.post(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"s"}}`, legacy); r.status != http.StatusAccepted {
		t.Errorf("cancellation: status %d", r.status)
	}
	<-fx.gone
	if r := <-slow; r.body != "" {
		t.Errorf("the cancelled call was answered: %s", r.body)
	}
}
