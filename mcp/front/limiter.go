package front

import (
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// Limiter bounds how often each key may do something. It is safe for concurrent use.
type Limiter struct{ buckets *buckets }

// NewLimiter returns a limiter that allows perSecond in the long run and burst at once.
func NewLimiter(perSecond float64, burst int) *Limiter {
	return &Limiter{newBuckets(rate.Limit(perSecond), burst)}
}

// Take reports whether key may, and else how many seconds to wait, as Retry-After says it.
func (l *Limiter) Take(key string) (ok bool, retrySecs int) {
	ok, wait := l.buckets.take(key)
	if ok {
		return true, 0
	}
	return false, retrySeconds(max(wait, time.Second))
}

// RemoteHost returns the address of a request's peer. Forwarding headers are not believed: anybody can
// send them.
func RemoteHost(r *http.Request) string { return remoteHost(r) }
