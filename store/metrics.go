package store

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
)

// scrapeTimeout bounds the query behind a scrape. Without an answer the gauges are absent.
const scrapeTimeout = 2 * time.Second

type metrics struct {
	runs      *prometheus.CounterVec
	claim     prometheus.Histogram
	record    prometheus.Histogram
	batchSize prometheus.Histogram
	released  prometheus.Counter
	paused    *prometheus.CounterVec
	approvals *prometheus.CounterVec
	depth     depthCollector
}

func newMetrics(reg prometheus.Registerer, s *Store) (*metrics, error) {
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 14) // to 4 s
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_runs_total", Help: "Runs that ended, by terminal state and reason.",
		}, []string{"state", "reason"}),
		claim: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ordinaut_claim_seconds", Help: "Time to claim a batch of runs.", Buckets: seconds,
		}),
		record: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ordinaut_record_seconds", Help: "Time to record a batch of what attempts did.", Buckets: seconds,
		}),
		batchSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ordinaut_record_batch_size", Help: "Records in a batch.", Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		released: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ordinaut_runs_released_total", Help: "Buffered runs that were queued when the run before them had ended.",
		}),
		paused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_tasks_paused_total", Help: "Tasks that were paused, by reason.",
		}, []string{"reason"}),
		approvals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_approvals_total", Help: "Approvals that are open no longer, by decision.",
		}, []string{"decision"}),
		depth: depthCollector{
			store:   s,
			open:    prometheus.NewDesc("ordinaut_approvals_open", "Approvals that wait for a person.", nil, nil),
			queue:   prometheus.NewDesc("ordinaut_queue_depth", "Runs that are ready and wait for a worker.", nil, nil),
			leases:  prometheus.NewDesc("ordinaut_leases", "Runs that a worker holds.", nil, nil),
			waiting: prometheus.NewDesc("ordinaut_waiting", "Runs that are asleep or backing off.", nil, nil),
		},
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.runs), reg.Register(m.claim), reg.Register(m.record),
		reg.Register(m.batchSize), reg.Register(m.released), reg.Register(m.paused), reg.Register(m.approvals), reg.Register(m.depth))
}

// ended counts n runs that reached a terminal state.
func (m *metrics) ended(state ordinaut.RunState, reason ordinaut.Reason, n int) {
	m.runs.WithLabelValues(string(state), string(reason)).Add(float64(n))
}

// closed counts n approvals that nobody decided before their run ended or went on.
func (m *metrics) closed(n int64) {
	m.approvals.WithLabelValues(string(ordinaut.DecisionClosed)).Add(float64(n))
}

// depthCollector counts the live runs when it is scraped.
type depthCollector struct {
	store                        *Store
	queue, leases, waiting, open *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c depthCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.queue
	out <- c.leases
	out <- c.waiting
	out <- c.open
}

// Collect implements [prometheus.Collector]. The three tables hold live runs only, and an index the open
// approvals, so that counting them is cheap whatever the history.
func (c depthCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var queue, leases, waiting, open float64
	row := c.store.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM queue), (SELECT count(*) FROM lease), (SELECT count(*) FROM wait),
    (SELECT count(*) FROM approval WHERE decision IS NULL)`)
	if err := row.Scan(&queue, &leases, &waiting, &open); err != nil {
		c.store.log.WarnContext(ctx, "live runs not counted for a scrape", "err", err)
		return
	}
	out <- prometheus.MustNewConstMetric(c.queue, prometheus.GaugeValue, queue)
	out <- prometheus.MustNewConstMetric(c.leases, prometheus.GaugeValue, leases)
	out <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, waiting)
	out <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, open)
}
