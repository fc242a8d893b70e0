package scheduler

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
)

type metrics struct {
	lag         prometheus.Histogram
	occurrences *prometheus.CounterVec
	batch       prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ordinaut_schedule_lag_seconds",
			Help:    "Time from an occurrence's nominal time to the tick that started it.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 15), // to 6 min
		}),
		occurrences: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_occurrences_total",
			Help: "Occurrences by their fate and its reason.",
		}, []string{"fate", "reason"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ordinaut_tick_batch_seconds",
			Help:    "Time of one tick that found something due, its transaction included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), // to 8 s
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.lag), reg.Register(m.occurrences), reg.Register(m.batch))
}

// observe counts what a committed tick decided.
func (m *metrics) observe(decisions []ordinaut.Decision) {
	for i := range decisions {
		for j := range decisions[i].Occurrences {
			o := &decisions[i].Occurrences[j]
			m.occurrences.WithLabelValues(string(o.Fate), string(o.Reason)).Add(float64(o.Count))
			if o.Fate == ordinaut.FateStarted {
				m.lag.Observe(o.DecidedAt.Sub(o.NominalAt).Seconds())
			}
		}
	}
}
