package scheduler

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
)

type eventMetrics struct {
	dispatched prometheus.Counter
	fates      *prometheus.CounterVec
	lag        prometheus.Histogram
}

func newEventMetrics(reg prometheus.Registerer) (*eventMetrics, error) {
	m := &eventMetrics{
		dispatched: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ordinaut_events_dispatched_total",
			Help: "Published events that were passed on to the tasks they match.",
		}),
		fates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_event_occurrences_total",
			Help: "Events that met a task, by their fate there and its reason.",
		}, []string{"fate", "reason"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ordinaut_event_lag_seconds",
			Help:    "Time from the publishing of the oldest event of a batch to its being passed on.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 15), // to 6 min
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.dispatched), reg.Register(m.fates), reg.Register(m.lag))
}

// observe counts what a committed dispatch did.
func (m *eventMetrics) observe(result ordinaut.DispatchResult, decisions []ordinaut.EventDecision) {
	if result.Events > 0 {
		m.dispatched.Add(float64(result.Events))
		m.lag.Observe(result.Lag.Seconds())
	}
	for i := range decisions {
		for j := range decisions[i].Occurrences {
			o := &decisions[i].Occurrences[j]
			m.fates.WithLabelValues(string(o.Fate), string(o.Reason)).Inc()
		}
	}
}
