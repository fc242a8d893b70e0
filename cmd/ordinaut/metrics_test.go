package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"testing"
)

// Every metric that a process tells is in docs/operations.md, and with the labels named there.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	server := p.serve("api,scheduler,worker")
	s := p.dial(server, "")
	run := runNow(t, s, p.createWebTask(s, "measured", manual(), "/fast"))
	eventually(t, "the run ends", func() bool { return getRun(t, s, run).State == "succeeded" })

	told := metricNames(t, "http://"+server.addr+"/metrics")
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile("ordinaut_[a-z_]+").FindAllString(string(text), -1) {
		documented[name] = true
	}
	if len(told) < 20 {
		t.Errorf("told only %d metrics", len(told))
	}
	for name := range told {
		if !documented[name] {
			t.Errorf("%s is not in docs/operations.md", name)
		}
	}
	for _, name := range []string{"ordinaut_runs_total", "ordinaut_queue_depth", "ordinaut_claim_seconds", "ordinaut_step_seconds", "ordinaut_tool_calls_total"} {
		if !told[name] {
			t.Errorf("%s is not told", name)
		}
	}
}

// Whoever does not ask this machine as this machine needs a key for its metrics: a page whose name was
// rebound to loopback, and everybody beyond a proxy.
func TestMetricsAreForThisMachine(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	server := p.serve("worker")
	for host, want := range map[string]int{
		server.addr: http.StatusOK, "localhost": http.StatusOK, "[::1]:80": http.StatusOK, "127.0.0.1": http.StatusOK,
		"rebound.example": http.StatusUnauthorized, "localhost.rebound.example:80": http.StatusUnauthorized,
	} {
		for key, want := range map[string]int{"": want, p.key: http.StatusOK} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.addr+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			if key != "" {
				req.Header.Set("Authorization", "Bearer "+key)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("Host %s with key %t: got %d, want %d", host, key != "", resp.StatusCode, want)
			}
		}
	}
}

func metricNames(t *testing.T, url string) map[string]bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (ordinaut_[a-z_]+) `).FindAllSubmatch(body, -1) {
		names[string(found[1])] = true
	}
	return names
}
