package executor

import (
	"cmp"
	"math"
	"math/rand/v2"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	defaultInitialSeconds = 1
	defaultMaxSeconds     = 300
)

// backoff returns how long to wait before retry n, counted from 1. random is in [0, 1).
func backoff(r *ordinaut.Retry, n int, random float64) time.Duration {
	initial := cmp.Or(r.InitialSeconds, defaultInitialSeconds)
	seconds := initial
	switch r.Backoff {
	case ordinaut.BackoffFixed:
	case ordinaut.BackoffLinear:
		seconds = initial * float64(n)
	default:
		// Half of the delay is certain, so that a retry storm spreads without anyone going at once.
		seconds = min(initial*math.Pow(2, float64(n-1)), maxSeconds(r)) * (0.5 + random/2)
	}
	return time.Duration(min(seconds, maxSeconds(r)) * float64(time.Second))
}

func maxSeconds(r *ordinaut.Retry) float64 { return cmp.Or(r.MaxSeconds, defaultMaxSeconds) }

// jitter returns d, give or take a tenth, so that processes started together drift apart.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + rand.Float64()/5))
}

// pause is the wait after the nth failure of the database in a row: from 50 ms, doubling, to 2 s.
func pause(n int) time.Duration {
	return jitter(min(50*time.Millisecond<<min(n, 6), 2*time.Second))
}
