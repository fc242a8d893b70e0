package downstream

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a server's URL holds may be its credential, so no error, which any agent may read, repeats it.
func TestErrorsHideTheServersURL(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(lists(`[{"name":"a","inputSchema":{"type":"object"}}]`))
	target := srv.URL + "/secret-path?token=secret-token"
	p, s := runPool(t, ServerConfig{Name: "srv", URL: target})
	callTool(t, p, Call{Name: "srv.a"})
	srv.CloseClientConnections()
	srv.Close()
	_, err := p.Call(t.Context(), Call{Name: "srv.a"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the call's error is %v, want one without the URL", err)
	}
	for {
		s.mu.Lock()
		told := s.err
		s.mu.Unlock()
		if told == nil {
			<-s.news
			continue
		}
		if strings.Contains(told.Error(), "secret") {
			t.Errorf("told that the server is away by %v, want no URL", told)
		}
		return
	}
}

// One definition that can't be read takes no other tool with it.
func TestUnreadableDefinitionsAreLeftOut(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(lists(`[{"name":5}, "x", null, {"name":"good","inputSchema":{"type":"object"}},
		{"name":"odd","inputSchema":{"type":"object","properties":[]}}, {"name":"hint","annotations":{"readOnlyHint":"yes"}}]`))
	t.Cleanup(srv.Close)
	p, s := runPool(t, ServerConfig{Name: "srv", URL: srv.URL})
	callTool(t, p, Call{Name: "srv.good"})
	<-s.news
	for name, want := range map[string]bool{"srv.good": true, "srv.odd": true, "srv.hint": false} {
		if got := s.find(name) != nil; got != want {
			t.Errorf("%s is listed: %t, want %t", name, got, want)
		}
	}
}

// lists is a server of the older protocol that lists tools as given and answers every call.
func lists(tools string) http.HandlerFunc {
	results := map[string]string{
		"initialize": `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}`,
		"tools/list": `{"tools":` + tools + `}`,
		"tools/call": `{"content":[{"type":"text","text":"x"}]}`,
	}
	return func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
		}
		if json.NewDecoder(r.Body).Decode(&m) != nil || m.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if result, known := results[m.Method]; known {
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
			return
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, m.ID)
	}
}
