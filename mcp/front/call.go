package front

import (
	"context"
	"sync"
)

// Transports and eras, as they are called in logs and metrics.
const (
	transportHTTP  = "http"
	transportStdio = "stdio"
	eraModern      = "modern" // stateless, every request says its protocol version
	eraLegacy      = "legacy" // a handshake opens a session
	eraNone        = "none"   // refused before that was known
)

// sink takes messages that go to the client ahead of a call's answer.
type sink interface {
	// send writes one message before it returns. It reports false if the client cannot have it: the
	// connection is gone, the answer is out, or the client does not read streams.
	send(message []byte) bool
}

// call is one message on its way through the front.
type call struct {
	requestID string
	transport string
	era       string
	msg       *message
	out       sink
	progress  *reporter
	err       error // what the handler returned, if [Hooks] are in place
}

type callKey struct{}

// RequestID returns the id under which the log speaks of the call that ctx belongs to, or "" outside a
// call. It is made by the server for each message and has nothing to do with the client's JSON-RPC id.
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.requestID
	}
	return ""
}

// inflight is the set of running calls that one client may cancel.
type inflight struct {
	mu    sync.Mutex
	calls map[string][]*running // by the raw JSON-RPC id; a client that reuses an id cancels all of it
}

// running is one entry of inflight, guarded by the set's mutex.
type running struct {
	cancel   context.CancelFunc
	canceled bool
}

// add registers a call until remove.
func (i *inflight) add(id string, cancel context.CancelFunc) *running {
	r := &running{cancel: cancel}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.calls == nil {
		i.calls = make(map[string][]*running)
	}
	i.calls[id] = append(i.calls[id], r)
	return r
}

// remove takes a call out and reports whether the client had cancelled it.
func (i *inflight) remove(id string, r *running) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	rest := i.calls[id]
	for n, other := range rest {
		if other == r {
			rest = append(rest[:n], rest[n+1:]...)
			break
		}
	}
	if i.calls[id] = rest; len(rest) == 0 {
		delete(i.calls, id)
	}
	return r.canceled
}

// cancel ends the calls with the given id. An unknown id is no error: the call may just have ended.
func (i *inflight) cancel(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.calls[id] {
		r.canceled = true
		r.cancel()
	}
}

// busy reports whether a call is running.
func (i *inflight) busy() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.calls) > 0
}
