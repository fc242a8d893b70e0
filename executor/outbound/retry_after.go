package outbound

import (
	"net/http"
	"strconv"
	"time"
)

// RetryAfter returns how long an answer asks to wait: its Retry-After header in seconds or as a date
// (RFC 9110 §10.2.3), or zero when there is none. A date is read against the answer's own Date, so
// that a clock that is wrong on either side does not matter; now stands in for a missing one.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return max(at.Sub(now), 0)
}
