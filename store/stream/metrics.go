package stream

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	entries, dropped, refilled prometheus.Counter
	events, eventsDropped      prometheus.Counter
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
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ordinaut_stream_events_total", Help: "Published events written to Redis.",
		}),
		eventsDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ordinaut_stream_events_dropped_total", Help: "Published events that did not reach Redis; they are in Postgres alone.",
		}),
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ordinaut_stream_up", Help: "Whether Redis answers: 1 or 0.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.entries), reg.Register(m.dropped), reg.Register(m.refilled),
		reg.Register(m.events), reg.Register(m.eventsDropped), reg.Register(m.up))
}
