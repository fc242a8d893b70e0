package main

import (
	"net/http"
	"strings"
	"testing"
)

// Pages of a listed origin may call, and pages of another may not, whatever key they hold.
func TestOnlyListedOriginsMayCall(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	server := p.serve("api", "--allowed-origins", "https://app.example,https://desk.example:8443")
	for origin, want := range map[string]int{
		"":                          http.StatusOK, // no browser
		"https://app.example":       http.StatusOK,
		"https://desk.example:8443": http.StatusOK,
		"https://desk.example":      http.StatusForbidden,
		"https://other.example":     http.StatusForbidden,
	} {
		if got := p.hello(server, origin); got != want {
			t.Errorf("a page of %q got %d, want %d", origin, got, want)
		}
	}
	if got := p.hello(p.serve("api"), "https://app.example"); got != http.StatusForbidden {
		t.Errorf("with nothing listed a page got %d, want %d", got, http.StatusForbidden)
	}
}

// The list is read from the environment too.
func TestAllowedOriginsAreReadFromTheEnvironment(t *testing.T) {
	t.Setenv("ORDINAUT_ALLOWED_ORIGINS", "https://app.example,https://desk.example:8443")
	c, err := loadConfig()
	if err != nil || strings.Join(c.AllowedOrigins, " ") != "https://app.example https://desk.example:8443" {
		t.Errorf("read as %q, error %v", c.AllowedOrigins, err)
	}
}

// hello opens an MCP session as a page of origin does, and returns the status.
func (p *plant) hello(pr *proc, origin string) int {
	p.t.Helper()
	const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"page","version":"1"}}}`
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, endpoint(pr.addr), strings.NewReader(initialize))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
