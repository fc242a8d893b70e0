package front_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/server"

	"github.com/ordinaut/ordinaut/mcp/front"
)

// BenchmarkCall compares a call through the front with one through the protocol library's own handler.
func BenchmarkCall(b *testing.B) {
	fx := &fixture{}
	mcpServer := fx.newServer()
	f, err := front.New(front.Config{Server: mcpServer, Authenticate: authenticate, Key: caller, Rate: 1e9, Burst: 1e9})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Shutdown(context.WithoutCancel(b.Context())) }) //nolint:errcheck // nothing runs
	for _, bench := range []struct {
		name string
		h    http.Handler
	}{{"front", f.Handler()}, {"library", server.NewStreamableHTTPServer(mcpServer)}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "http://localhost/mcp", strings.NewReader(modernCall))
				for k, v := range map[string]string{"Authorization": "Bearer ann", "Content-Type": "application/json", "Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "echo"} {
					r.Header.Set(k, v)
				}
				w := httptest.NewRecorder()
				bench.h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
