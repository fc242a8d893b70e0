package front

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the front. Streams are counted but not timed: their length says nothing about us.
type metrics struct {
	requests *prometheus.CounterVec
	inFlight *prometheus.GaugeVec
	duration *prometheus.HistogramVec
}

// newMetrics registers the front's metrics, or uses those that an earlier front has registered. A nil
// registerer keeps them to themselves.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_mcp_requests_total",
			Help: "MCP messages that ended, by how they came and what they came to.",
		}, []string{"transport", "era", "outcome"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ordinaut_mcp_requests_in_flight",
			Help: "MCP messages being handled, open streams included.",
		}, []string{"transport"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ordinaut_mcp_request_seconds",
			Help:    "Time from an MCP message's arrival to its answer, streams excluded.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 60},
		}, []string{"transport"}),
	}
	if reg == nil {
		return m, nil
	}
	var err error
	m.requests, err = register(reg, m.requests)
	if err != nil {
		return nil, err
	}
	m.inFlight, err = register(reg, m.inFlight)
	if err != nil {
		return nil, err
	}
	m.duration, err = register(reg, m.duration)
	return m, err
}

func register[C prometheus.Collector](reg prometheus.Registerer, c C) (C, error) {
	err := reg.Register(c)
	if taken, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if old, ok := taken.ExistingCollector.(C); ok {
			return old, nil
		}
	}
	return c, err
}

// began counts a message in and returns what counts it out.
func (m *metrics) began(transport string) (end func()) {
	g := m.inFlight.WithLabelValues(transport)
	g.Inc()
	return g.Dec
}

func (m *metrics) ended(transport, era, outcome string, took time.Duration, stream bool) {
	m.requests.WithLabelValues(transport, era, outcome).Inc()
	if !stream {
		m.duration.WithLabelValues(transport).Observe(took.Seconds())
	}
}
