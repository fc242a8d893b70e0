package mcp

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// Nobody gets in without a key, and a wrong one is told no more than a missing one.
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for name, headers := range map[string][]string{
		"none":         nil,
		"other scheme": {"Basic " + h.key},
		"no key":       {"Bearer "},
		"two":          {"Bearer " + h.key, "Bearer " + h.key},
		"endless":      {"Bearer " + strings.Repeat("x", 5000)},
		"wrong":        {"Bearer " + h.key[:len(h.key)-1]},
		"unknown":      {"Bearer ord_aaaaaaaaaaaa_" + strings.Repeat("A", 43)},
	} {
		r, err := httpRequest(t.Context(), h.url+"?access_token="+h.key, headers)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Authenticate(t.Context(), r); ordinaut.CodeOf(err) != ordinaut.CodeUnauthenticated {
			t.Errorf("%s: error %v, want unauthenticated", name, err)
		}
	}
	r, err := httpRequest(t.Context(), h.url, []string{"bearer " + h.key})
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.7:4711"
	ctx, err := h.Authenticate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if who := ctx.Value(callerKey{}).(caller); who.source != "192.0.2.7" || who.agent.ID != h.local.ID || CallerKey(ctx) != h.local.ID.String() {
		t.Errorf("let in as %+v", who)
	}
	if CallerKey(t.Context()) != "" {
		t.Error("nobody has a caller key")
	}
}

func httpRequest(ctx context.Context, url string, authorization []string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err == nil && authorization != nil {
		r.Header["Authorization"] = authorization
	}
	return r, err
}
