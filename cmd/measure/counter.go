package measure

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Counter counts runs that have ended and lets others wait for a count. It notes when its last tenth
// began and when it was complete.
type Counter struct {
	total int

	mu         sync.Mutex // guards what follows
	count      int
	waiting    []waiter
	failure    error
	tenth, end time.Time
	tenthCount int
}

type waiter struct {
	count   int
	reached chan error
}

// NewCounter returns a counter that is complete at total.
func NewCounter(total int) *Counter { return &Counter{total: total} }

// Add counts n more.
func (c *Counter) Add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count += n
	if c.tenth.IsZero() && c.count >= c.total-c.total/10 {
		c.tenth, c.tenthCount = time.Now(), c.count
	}
	if c.end.IsZero() && c.count >= c.total {
		c.end = time.Now()
	}
	c.tell()
}

// Fail ends the waiting of all with err: what they wait for will not come.
func (c *Counter) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
	c.tell()
}

// tell ends the waits that are over. The caller holds mu.
func (c *Counter) tell() {
	c.waiting = slices.DeleteFunc(c.waiting, func(w waiter) bool {
		if c.failure == nil && c.count < w.count {
			return false
		}
		w.reached <- c.failure
		return true
	})
}

// Await waits until n have been counted. It returns the error of [Counter.Fail].
func (c *Counter) Await(ctx context.Context, n int) error {
	c.mu.Lock()
	if c.failure != nil || c.count >= n {
		defer c.mu.Unlock()
		return c.failure
	}
	w := waiter{n, make(chan error, 1)}
	c.waiting = append(c.waiting, w)
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-w.reached:
		return err
	}
}

// LastPerSecond is the speed of the last tenth, 0 if that came in one piece.
func (c *Counter) LastPerSecond() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seconds := c.end.Sub(c.tenth).Seconds(); seconds > 0 {
		return float64(c.total-c.tenthCount) / seconds
	}
	return 0
}
