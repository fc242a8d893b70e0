package front

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// buckets is a token bucket per key. A bucket that has been idle long enough to be full again is
// forgotten, which changes nothing for its key.
type buckets struct {
	limit rate.Limit
	burst int

	mu      sync.Mutex
	m       map[string]*bucket
	sweptAt time.Time
}

type bucket struct {
	*rate.Limiter
	usedAt time.Time
}

func newBuckets(limit rate.Limit, burst int) *buckets {
	return &buckets{limit: limit, burst: burst, m: make(map[string]*bucket)}
}

// take takes one token of key. If there is none it returns false and how long to wait for one.
func (b *buckets) take(key string) (ok bool, retryAfter time.Duration) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	k := b.m[key]
	if k == nil {
		k = &bucket{Limiter: rate.NewLimiter(b.limit, b.burst)}
		b.m[key] = k
	}
	k.usedAt = now
	if k.AllowN(now, 1) {
		return true, 0
	}
	missing := 1 - k.TokensAt(now)
	return false, time.Duration(missing / float64(b.limit) * float64(time.Second))
}

// refill is the time in which an empty bucket fills.
func (b *buckets) refill() time.Duration {
	return time.Duration(float64(b.burst) / float64(b.limit) * float64(time.Second))
}

func (b *buckets) sweep(now time.Time) {
	full := max(b.refill(), time.Second)
	if now.Sub(b.sweptAt) < full {
		return
	}
	b.sweptAt = now
	for key, k := range b.m {
		if now.Sub(k.usedAt) > full {
			delete(b.m, key)
		}
	}
}

// retrySeconds rounds up to the whole seconds that Retry-After takes.
func retrySeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// slots counts what each key holds at once.
type slots struct {
	limit int

	mu sync.Mutex
	m  map[string]int
}

func newSlots(limit int) *slots { return &slots{limit: limit, m: make(map[string]int)} }

// take takes one slot of key; if it returns true the caller must give the slot back.
func (s *slots) take(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[key] >= s.limit {
		return false
	}
	s.m[key]++
	return true
}

func (s *slots) give(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[key]--; s.m[key] <= 0 {
		delete(s.m, key)
	}
}
