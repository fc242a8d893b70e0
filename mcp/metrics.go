package mcp

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a server counts. Tools and codes are closed sets.
type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// newMetrics registers a server's metrics with r, if it is not nil.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_tool_calls_total",
			Help: "Calls of tools by how they ended: ok or an error code.",
		}, []string{"tool", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ordinaut_tool_seconds",
			Help:    "Seconds that calls of tools took, waiting included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30},
		}, []string{"tool"}),
	}
	if r == nil {
		return m, nil
	}
	return m, errors.Join(r.Register(m.calls), r.Register(m.seconds))
}
