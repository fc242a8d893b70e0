package executor

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the executor's. Labels come from closed sets: states, reasons, built-in actions.
type metrics struct {
	stepSeconds    *prometheus.HistogramVec
	runSeconds     *prometheus.HistogramVec
	attempts       *prometheus.CounterVec
	startLag       prometheus.Histogram
	slotsUsed      prometheus.Gauge
	recordRetries  prometheus.Counter
	reportsDropped prometheus.Counter
	rescued        prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		stepSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ordinaut_step_seconds", Help: "Time one try of a step took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 13),
		}, []string{"action_kind", "state"}),
		runSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ordinaut_run_seconds", Help: "Time from a run's first start to its end, waits included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 14),
		}, []string{"state"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_attempts_total", Help: "Attempts by what became of the run.",
		}, []string{"state", "reason"}),
		startLag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ordinaut_start_lag_seconds", Help: "Time from a run's due time to its first start, by the database's clock.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 13),
		}),
		slotsUsed:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "ordinaut_slots_used", Help: "Runs that this worker holds."}),
		recordRetries:  prometheus.NewCounter(prometheus.CounterOpts{Name: "ordinaut_record_retries_total", Help: "Transactions of records that failed."}),
		reportsDropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "ordinaut_reports_dropped_total", Help: "Progress reports that were too many."}),
		rescued:        prometheus.NewCounter(prometheus.CounterOpts{Name: "ordinaut_runs_rescued_total", Help: "Runs taken from workers that stopped renewing."}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.stepSeconds, m.runSeconds, m.attempts, m.startLag, m.slotsUsed, m.recordRetries, m.reportsDropped, m.rescued,
	} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the executor's metrics: %w", err)
		}
	}
	return m, nil
}
