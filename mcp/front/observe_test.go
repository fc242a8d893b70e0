package front_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut/mcp/front"
)

// Each message is counted and logged once by what it came to, without anything that it said.
func TestMessagesAreObserved(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer // the handler serialises, and all calls are over when it is read
	reg := prometheus.NewRegistry()
	fx := newFixture(t, func(c *front.Config) {
		c.Logger, c.Metrics = slog.New(slog.NewJSONHandler(&log, nil)), reg
	})
	fx.post(t, args(`{"text":"CANARY"}`), nil)
	fx.post(t, strings.Replace(modernCall, "echo", "raw_error", 1), map[string]string{"Mcp-Name": "raw_error"})
	fx.post(t, "{CANARY", nil)
	fx.post(t, modernCall, map[string]string{"Authorization": ""})
	fx.post(t, strings.Replace(modernCall, "tools/call", "CANARY/x", 1), map[string]string{"Mcp-Method": "CANARY/x"})
	if err := fx.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"modern client_error http": 1, "modern internal_error http": 1, "modern ok http": 1,
		"none refused http": 1, "none unauthenticated http": 1,
	}
	if diff := cmp.Diff(want, gather(t, reg, "ordinaut_mcp_requests_total")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"http": 0}, gather(t, reg, "ordinaut_mcp_requests_in_flight")); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(log.String(), `"msg":"call ended"`); n != 5 || strings.Contains(log.String(), "CANARY") {
		t.Errorf("%d lines of ended calls in %s", n, log.String())
	}
	if !strings.Contains(log.String(), secretText) {
		t.Error("the log lacks the cause of the internal error")
	}
}

// A second front on the same registry counts into the same metrics.
func TestMetricsAreShared(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	share := func(c *front.Config) { c.Metrics = reg }
	newFixture(t, share)
	newFixture(t, share).post(t, modernCall, nil)
	if diff := cmp.Diff(map[string]float64{"modern ok http": 1}, gather(t, reg, "ordinaut_mcp_requests_total")); diff != "" {
		t.Error(diff)
	}
}

// gather returns a family's values by the values of their labels.
func gather(t *testing.T, reg *prometheus.Registry, family string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			out[strings.Join(labels, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

// A configuration that lacks or contradicts something is refused; without authentication nobody gets in.
func TestNew(t *testing.T) {
	t.Parallel()
	good := newFixture(t, nil).server
	for name, cfg := range map[string]front.Config{
		"no server":    {},
		"no key":       {Server: good, Authenticate: authenticate},
		"any host":     {Server: good, AllowedHosts: []string{"*"}},
		"any origin":   {Server: good, AllowedOrigins: []string{"*"}},
		"bare origin":  {Server: good, AllowedOrigins: []string{"app.example"}},
		"origin paths": {Server: good, AllowedOrigins: []string{"https://app.example/x"}},
	} {
		if _, err := front.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	fx := newFixture(t, func(c *front.Config) { c.Authenticate, c.Key = nil, nil })
	if r := fx.post(t, modernCall, nil); r.status != 401 {
		t.Errorf("without authentication: status %d", r.status)
	}
}
