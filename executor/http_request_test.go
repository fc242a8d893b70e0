package executor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/outbound"
	"github.com/ordinaut/ordinaut/pipeline"
)

// send does one http.request against a server, past the guard unless guarded.
func send(t *testing.T, ctx context.Context, maxBytes int64, guarded bool, input map[string]any) (map[string]any, error) { //nolint:revive // t first, as everywhere in tests
	t.Helper()
	client := outbound.New(outbound.Config{Policy: outbound.Policy{AllowPrivate: !guarded}})
	defer client.CloseIdleConnections()
	h := &httpAction{client: client, maxBytes: maxBytes}
	a := &attempt{Attempt: ordinaut.Attempt{Lease: ordinaut.Lease{RunID: ordinaut.NewRunID()}}}
	res, err := h.do(ctx, &call{att: a, step: &step{Step: uses("get", httpRequest)}, id: "get", input: input})
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(res.output, &out); err != nil {
		t.Fatal(err)
	}
	fits(t, httpRequest, out)
	return out, nil
}

// fits checks an output of ours against its schema, which the executor does not do.
func fits(t *testing.T, action string, out any) {
	t.Helper()
	for _, def := range pipeline.BuiltIns() {
		if def.Name != action {
			continue
		}
		if err := pipeline.New(nil).ValidateOutput(def, out); err != nil {
			t.Errorf("output of %s: %v", action, err)
		}
		return
	}
	t.Errorf("no action %s", action)
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// What the input says is what goes over the wire.
func TestRequestIsWhatTheInputSays(t *testing.T) {
	t.Parallel()
	type seen struct {
		Method, Query, Body, Type, Accept, Host string
		Keyed                                   bool
	}
	var got seen
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		key := r.Header.Get("Idempotency-Key")
		got = seen{r.Method, r.URL.RawQuery, string(body), r.Header.Get("Content-Type"), r.Header.Get("Accept"), r.Host, strings.HasPrefix(key, "run_") && strings.HasSuffix(key, "/get")}
	})
	host := strings.TrimPrefix(srv.URL, "http://")
	for name, tc := range map[string]struct {
		input map[string]any
		want  seen
	}{
		"get": {
			map[string]any{"query": map[string]any{"a": []any{"x y", 2.0}, "b": true, "no": nil, "big": 12345678.0}},
			seen{Method: "GET", Query: "q=1&a=x+y&a=2&b=true&big=12345678", Host: host},
		},
		"json": {
			map[string]any{"method": "POST", "json": map[string]any{"n": 1.0}, "headers": map[string]any{"accept": "text/plain"}},
			seen{Method: "POST", Query: "q=1", Body: `{"n":1}`, Type: "application/json", Accept: "text/plain", Host: host},
		},
		"json null": {map[string]any{"method": "PUT", "json": nil}, seen{Method: "PUT", Query: "q=1", Body: "null", Type: "application/json", Host: host}},
		"body": {
			map[string]any{"method": "PATCH", "body": "plain", "headers": map[string]any{"Content-Type": "text/x", "Host": "other.example"}},
			seen{Method: "PATCH", Query: "q=1", Body: "plain", Type: "text/x", Host: "other.example"},
		},
		"form": {
			map[string]any{"method": "POST", "form": map[string]any{"a": "1&2", "b": []any{1.0, false}}},
			seen{Method: "POST", Query: "q=1", Body: "a=1%262&b=1&b=false", Type: "application/x-www-form-urlencoded", Host: host},
		},
	} {
		tc.input["url"] = srv.URL + "/?q=1"
		if _, err := send(t, t.Context(), 1<<20, false, tc.input); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tc.want.Keyed = true
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The body comes back as the value that it is, cut at the limit and never past it.
func TestAnswerIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		w.Header().Set("X-Two", "a")
		w.Header().Add("X-Two", "b")
		io.WriteString(w, r.URL.Query().Get("body"))
	})
	for _, tc := range []struct {
		kind, body string
		want       any
		cut        bool
	}{
		{"application/json; charset=utf-8", `{"a":[1]}`, map[string]any{"a": []any{1.0}}, false},
		{"application/problem+json", `[]`, []any{}, false},
		{"application/json", `{"broken"`, `{"broken"`, false},
		{"text/plain", `{"a":1}`, `{"a":1}`, false},
		{"text/plain", "", nil, false},
		{"text/plain", "b\xffd", "b\uFFFDd", false},
		{"application/json", `"` + strings.Repeat("y", 100) + `"`, `"` + strings.Repeat("y", 49), true},
	} {
		out, err := send(t, t.Context(), 50, false, map[string]any{"url": srv.URL, "query": map[string]any{"type": tc.kind, "body": tc.body}})
		if err != nil {
			t.Errorf("%s %q: %v", tc.kind, tc.body, err)
			continue
		}
		if diff := cmp.Diff(tc.want, out["body"]); diff != "" || out["truncated"] != tc.cut {
			t.Errorf("%s %q: truncated %v, body (-want +got):\n%s", tc.kind, tc.body, out["truncated"], diff)
		}
		if headers := out["headers"].(map[string]any); headers["x-two"] != "a, b" {
			t.Errorf("headers are %v, want x-two joined", headers)
		}
		if tc.cut && out["bytes"] != 102.0 {
			t.Errorf("bytes = %v, want the whole length", out["bytes"])
		}
	}
}

// A status that is not expected is a failure with the reason that fits, and Retry-After is read in both
// its forms.
func TestUnexpectedStatusFails(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if after := q.Get("after"); after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.Header().Set("Date", "Wed, 21 Oct 2015 07:28:00 GMT")
		var status int
		json.Unmarshal([]byte(q.Get("status")), &status)
		w.WriteHeader(status)
		io.WriteString(w, "because\n  of  reasons")
	})
	for _, tc := range []struct {
		status, after string
		expect        any
		want          ordinaut.Reason
		wait          time.Duration
	}{
		{status: "200"},
		{status: "204"},
		{status: "204", expect: 200.0, want: ordinaut.ReasonActionFailed},
		{status: "404", expect: []any{200.0, 404.0}},
		{status: "301", expect: "200-399"},
		{status: "301", want: ordinaut.ReasonActionFailed},
		{status: "400", want: ordinaut.ReasonActionFailed},
		{status: "401", want: ordinaut.ReasonPermissionDenied},
		{status: "403", want: ordinaut.ReasonPermissionDenied},
		{status: "429", after: "7", want: ordinaut.ReasonRateLimited, wait: 7 * time.Second},
		{status: "429", after: "Wed, 21 Oct 2015 07:30:00 GMT", want: ordinaut.ReasonRateLimited, wait: 2 * time.Minute},
		{status: "429", after: "soon", want: ordinaut.ReasonRateLimited},
		{status: "500", want: ordinaut.ReasonActionFailed},
		{status: "503", after: "1", want: ordinaut.ReasonServerUnavailable, wait: time.Second},
		{status: "504", want: ordinaut.ReasonServerUnavailable},
	} {
		input := map[string]any{"url": srv.URL, "query": map[string]any{"status": tc.status, "after": tc.after}}
		if tc.expect != nil {
			input["expect_status"] = tc.expect
		}
		_, err := send(t, t.Context(), 1<<20, false, input)
		var f *failure
		if !errors.As(err, &f) {
			if err != nil || tc.want != "" {
				t.Errorf("%s: got %v, want %q", tc.status, err, tc.want)
			}
			continue
		}
		if f.reason != tc.want || f.retryAfter != tc.wait {
			t.Errorf("%s: failed as %s after %v, want %q after %v", tc.status, f.reason, f.retryAfter, tc.want, tc.wait)
		}
		if !strings.Contains(f.msg, tc.status) || !strings.Contains(f.msg, "because of reasons") && tc.status != "204" {
			t.Errorf("%s: the message is %q", tc.status, f.msg)
		}
	}
}

// A private address is refused by policy, a dead one is unavailable, and neither message shows the query.
func TestUnreachableTargets(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the guard let a request through") })
	dead := httptest.NewServer(nil)
	dead.Close()
	for _, tc := range []struct {
		url     string
		guarded bool
		want    ordinaut.Reason
	}{
		{srv.URL + "/?token=hush", true, ordinaut.ReasonPermissionDenied},
		{dead.URL + "/?token=hush", false, ordinaut.ReasonServerUnavailable},
		{"http://user:hush@example.com/", false, ordinaut.ReasonInputInvalid},
	} {
		_, err := send(t, t.Context(), 1<<20, tc.guarded, map[string]any{"url": tc.url})
		var f *failure
		if !errors.As(err, &f) || f.reason != tc.want || strings.Contains(f.msg, "hush") {
			t.Errorf("%s: got %v, want %s without the secret", tc.url, err, tc.want)
		}
	}
}

type deafResolver struct{ err net.DNSError }

func (r deafResolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, &r.err
}

// A name that leads nowhere is told without the server that was asked for it.
func TestNameServersAreNotTold(t *testing.T) {
	t.Parallel()
	for _, flags := range []net.DNSError{{IsNotFound: true}, {IsTimeout: true}, {}} {
		flags.Err, flags.Name, flags.Server = "read udp 10.9.9.9:53: broken", "shop.example", "10.9.9.9:53"
		client := outbound.New(outbound.Config{Resolver: deafResolver{flags}})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://shop.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Do(req) //nolint:bodyclose // there is none
		told := unreached(t.Context(), req, err).Error()
		if !strings.Contains(told, "shop.example could not be reached") || strings.Contains(told, "10.9.9.9") {
			t.Errorf("got %q, want the name and not the server", told)
		}
	}
}

// Cancel reaches the request in flight: the other side sees it end.
func TestCancelReachesTheRequestInFlight(t *testing.T) {
	t.Parallel()
	began, over := make(chan struct{}), make(chan struct{})
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(over)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-began
		cancel(errCanceled)
	}()
	if _, err := send(t, ctx, 1<<20, false, map[string]any{"url": srv.URL}); !errors.Is(err, errCanceled) {
		t.Errorf("got %v, want the cause of the context", err)
	}
	<-over
}
