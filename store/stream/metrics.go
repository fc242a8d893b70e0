package stream

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	entries, dropped, refilled prometheus.Counter
	up                         prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ordinaut_stream_entries_total", Help: "Progress entries written to Redis.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ordinaut_stream_dropped_total", Help: "Progress entries not written to Redis when they were published; readers find them in Postgres.",
		}),
		refilled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ordinaut_stream_refilled_total", Help: "Streams of runs that were filled in from Postgres.",
		}),
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ordinaut_stream_up", Help: "Whether Redis answers: 1 or 0.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.entries), reg.Register(m.dropped), reg.Register(m.refilled), reg.Register(m.up))
}
