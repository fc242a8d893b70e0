package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func (w *web) routes() http.Handler {
	mux := http.NewServeMux()
	if w.front != nil {
		mux.Handle("/mcp", w.front.Handler())
	}
	if w.hooks != nil {
		mux.Handle("POST /hooks/{topic}", w.hooks)
	}
	mux.HandleFunc("GET /health", w.health)
	mux.HandleFunc("GET /health/live", func(rw http.ResponseWriter, _ *http.Request) { writeHealth(rw, healthReport{Status: "ok"}) })
	mux.HandleFunc("GET /health/ready", w.health)
	mux.Handle("GET /metrics", w.guardMetrics(promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{})))
	return mux
}

// healthReport is the body of the health routes.
type healthReport struct {
	// Status is ok, degraded (everything works, something is slower) or unavailable.
	Status   string `json:"status"`
	Version  string `json:"version,omitempty"`
	Postgres string `json:"postgres,omitempty"`
	Redis    string `json:"redis,omitempty"`
}

// health reports whether calls can be answered. Redis being away degrades only.
func (w *web) health(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	report := healthReport{Status: "ok", Version: buildVersion(), Postgres: "ok", Redis: "ok"}
	if !w.stream.Up() {
		report.Status, report.Redis = "degraded", "unavailable"
	}
	if err := w.pool.Ping(ctx); err != nil {
		report.Status, report.Postgres = "unavailable", "unavailable"
	}
	writeHealth(rw, report)
}

func writeHealth(rw http.ResponseWriter, report healthReport) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	if report.Status == "unavailable" {
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(rw).Encode(report) // the client may have left
}

// guardMetrics asks for a key where others than this machine can come by. On a loopback address those
// are a proxy before it and a page whose name was rebound to it; both ask for another host.
func (w *web) guardMetrics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !isLoopback(w.cfg.Addr) || !namesLoopback(r.Host) {
			if _, err := w.tools.Authenticate(r.Context(), r); err != nil {
				rw.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(rw, "an API key is required", http.StatusUnauthorized)
				return
			}
		}
		next.ServeHTTP(rw, r)
	})
}

// namesLoopback reports whether a Host header, with a port or without, means this machine alone.
func namesLoopback(host string) bool {
	return isLoopback(host) || isLoopback(net.JoinHostPort(strings.Trim(host, "[]"), "80"))
}
