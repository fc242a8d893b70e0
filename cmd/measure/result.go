package measure

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Result is one measurement of one system. Fields that were not measured are zero and left out.
type Result struct {
	System string `json:"system"`
	Name   string `json:"name"`
	Runs   int    `json:"runs"`
	// Paced says that the pace was given and delays are what counts: P50 is the main figure then, and
	// PerSecond else.
	Paced bool `json:"paced,omitempty"`
	// Seconds is how long it took.
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	// LastPerSecond is the speed of the last tenth of the runs.
	LastPerSecond float64 `json:"last_per_second,omitempty"`
	// ClientMicros and ServerMicros are CPU time a run, in µs.
	ClientMicros float64 `json:"client_cpu_us,omitempty"`
	ServerMicros float64 `json:"server_cpu_us,omitempty"`
	// WALBytes is the write-ahead log a run.
	WALBytes float64 `json:"wal_bytes,omitempty"`
	// P50 and P99 are delays in ms.
	P50 float64 `json:"p50_ms,omitempty"`
	P99 float64 `json:"p99_ms,omitempty"`
}

// NewResult returns the measurement of n runs that cost c.
func NewResult(system, name string, n int, c Cost) Result {
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(n) }
	return Result{
		System: system, Name: name, Runs: n,
		Seconds:   c.Elapsed.Seconds(),
		PerSecond: float64(n) / c.Elapsed.Seconds(),
		// The clocks are coarse and the readings a moment apart: below zero means nothing.
		ClientMicros: max(0, each(c.ClientCPU)),
		ServerMicros: max(0, each(c.ServerCPU)),
		WALBytes:     max(0, float64(c.WALBytes)/float64(n)),
	}
}

// Summary is what several rounds of one measurement come to: the median of each figure, and the least
// and the highest of the main one.
type Summary struct {
	Result
	Rounds int `json:"rounds"`
	// Low and High bound the main figure.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Summarise puts rounds of the same system and name together, in the order of their first round.
func Summarise(rounds []Result) []Summary {
	var all []Summary
	for len(rounds) > 0 {
		first := rounds[0]
		var same, others []Result
		for _, r := range rounds {
			if r.System == first.System && r.Name == first.Name {
				same = append(same, r)
			} else {
				others = append(others, r)
			}
		}
		all = append(all, summarise(same))
		rounds = others
	}
	return all
}

func summarise(same []Result) Summary {
	middle := func(field func(Result) float64) float64 {
		values := make([]float64, len(same))
		for i, r := range same {
			values[i] = field(r)
		}
		return Percentile(values, 50)
	}
	s := Summary{Result: same[0], Rounds: len(same)}
	s.Seconds = middle(func(r Result) float64 { return r.Seconds })
	s.PerSecond = middle(func(r Result) float64 { return r.PerSecond })
	s.LastPerSecond = middle(func(r Result) float64 { return r.LastPerSecond })
	s.ClientMicros = middle(func(r Result) float64 { return r.ClientMicros })
	s.ServerMicros = middle(func(r Result) float64 { return r.ServerMicros })
	s.WALBytes = middle(func(r Result) float64 { return r.WALBytes })
	s.P50 = middle(func(r Result) float64 { return r.P50 })
	s.P99 = middle(func(r Result) float64 { return r.P99 })
	main := func(r Result) float64 {
		if r.Paced {
			return r.P50
		}
		return r.PerSecond
	}
	byMain := func(a, b Result) int { return cmp.Compare(main(a), main(b)) }
	s.Low, s.High = main(slices.MinFunc(same, byMain)), main(slices.MaxFunc(same, byMain))
	return s
}

// Percentile returns the p-th percentile of values, 0 < p ≤ 100, by the nearest rank; the median of
// an even number is the mean of the middle two. It returns 0 for no values.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); p == 50 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[max(1, int(math.Ceil(p/100*float64(len(sorted)))))-1]
}
