package front

import (
	"context"
	"maps"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// listener is a session that the server's broadcasts reach: a subscriptions/listen call, the GET stream
// of a legacy session, or a legacy stdio connection.
type listener struct {
	*session
	id         string
	subscribes bool // it gets only what it subscribed to
	feed       chan mcp.JSONRPCNotification

	mu     sync.Mutex
	filter mcp.SubscriptionFilter
}

func newListener(s *session, id string, subscribes bool) *listener {
	return &listener{session: s, id: id, subscribes: subscribes, feed: make(chan mcp.JSONRPCNotification, 100)}
}

func (l *listener) SessionID() string                                   { return l.id }
func (l *listener) Initialized() bool                                   { return true }
func (l *listener) NotificationChannel() chan<- mcp.JSONRPCNotification { return l.feed }

func (l *listener) SetSubscriptionFilter(filter mcp.SubscriptionFilter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.filter = filter
}

func (l *listener) SubscriptionFilter() (mcp.SubscriptionFilter, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.filter, l.subscribes
}

// listen serves subscriptions/listen: the acknowledgement first, then what the client subscribed to,
// each message tagged with the subscription's id, and an ordinary result when the front shuts down.
func (f *Front) listen(ctx context.Context, c *call, s *session) mcp.JSONRPCMessage {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.streams, cancel)() //nolint:contextcheck // the streams' end is the front's, not the call's

	l := newListener(s, c.requestID, true)
	if err := f.server.RegisterSession(ctx, l); err != nil {
		f.log.ErrorContext(ctx, "listener was not registered", "request_id", c.requestID, "err", err)
		return internalError(c)
	}
	defer f.server.UnregisterSession(context.WithoutCancel(ctx), l.SessionID())

	stop, drained := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(drained)
		var early []mcp.JSONRPCNotification
		acknowledged := false
		pump(l.feed, stop, func(n mcp.JSONRPCNotification) {
			if !acknowledged && n.Method != mcp.MethodNotificationSubscriptionsAcknowledged {
				early = append(early, n) // a broadcast between the filter and the acknowledgement
				return
			}
			acknowledged = true
			sendNotification(c.out, tag(n, c))
			for _, n := range early {
				sendNotification(c.out, tag(n, c))
			}
			early = nil
		})
	}()
	resp := f.handle(f.server.WithContext(ctx, l), c)
	f.server.UnregisterSession(context.WithoutCancel(ctx), l.SessionID())
	close(stop)
	<-drained
	return resp
}

// tag marks a notification with the subscription that it belongs to. The map is copied, because
// broadcasts share it.
func tag(n mcp.JSONRPCNotification, c *call) mcp.JSONRPCNotification {
	meta := make(map[string]any, len(n.Params.Meta)+1)
	maps.Copy(meta, n.Params.Meta)
	meta[mcp.MetaKeySubscriptionID] = c.msg.id
	n.Params.Meta = meta
	return n
}

// broadcasts registers a listener for what the server tells every legacy client and writes it to out
// until the returned function is called. It does nothing if the id is taken.
func (f *Front) broadcasts(ctx context.Context, s *session, out sink) (end func()) {
	l := newListener(s, s.id, false)
	if err := f.server.RegisterSession(ctx, l); err != nil {
		return func() {}
	}
	stop, drained := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(drained)
		pump(l.feed, stop, func(n mcp.JSONRPCNotification) { sendNotification(out, n) })
	}()
	return func() {
		f.server.UnregisterSession(context.WithoutCancel(ctx), l.SessionID())
		close(stop)
		<-drained
	}
}
