package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// session is what is known of one client: of a legacy session, of a stdio connection, or, in the
// stateless era, of the client of a single request. It is safe for concurrent use.
type session struct {
	id          string
	calls       *inflight
	initialized atomic.Bool
	streaming   atomic.Bool   // a GET stream is open; one at a time
	ended       chan struct{} // closed when the client ends the session
	endOnce     sync.Once

	mu      sync.Mutex
	info    mcp.Implementation
	caps    mcp.ClientCapabilities
	version string
	asked   int64                    // requests sent to the client so far
	waiting map[string]chan *message // by raw id: who waits for the client's answer
}

func newSession(id string) *session {
	return &session{id: id, calls: &inflight{}, ended: make(chan struct{})}
}

// end closes what the session has open.
func (s *session) end() { s.endOnce.Do(func() { close(s.ended) }) }

func (s *session) SessionID() string { return s.id }
func (s *session) Initialize()       { s.initialized.Store(true) }
func (s *session) Initialized() bool { return s.initialized.Load() }

func (s *session) GetClientInfo() mcp.Implementation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info
}

func (s *session) SetClientInfo(info mcp.Implementation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info = info
}

func (s *session) GetClientCapabilities() mcp.ClientCapabilities {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.caps
}

func (s *session) SetClientCapabilities(caps mcp.ClientCapabilities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.caps = caps
}

func (s *session) ProtocolVersion() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

func (s *session) SetProtocolVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = version
}

// busy reports whether forgetting the session would hurt someone.
func (s *session) busy() bool { return s.streaming.Load() || s.calls.busy() }

// ask sends a request to the client on out and waits for its answer.
func (s *session) ask(ctx context.Context, out sink, method string, params any) (*message, error) {
	answer := make(chan *message, 1)
	s.mu.Lock()
	s.asked++
	id := strconv.FormatInt(s.asked, 10)
	if s.waiting == nil {
		s.waiting = make(map[string]chan *message)
	}
	s.waiting[id] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, id)
	}()

	b, err := json.Marshal(wireRequest{mcp.JSONRPC_VERSION, json.RawMessage(id), method, params})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", method, err)
	}
	if !out.send(b) {
		return nil, errors.New("the client cannot be asked on this connection")
	}
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type wireRequest struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  any             `json:"params,omitempty"`
}

// deliver hands a client's answer to whoever asked, if anybody has.
func (s *session) deliver(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer, ok := s.waiting[string(m.id)]; ok {
		delete(s.waiting, string(m.id))
		answer <- m // has room for the one answer that the deleted entry allows
	}
}

// scope is the session as one call's handler sees it. What the handler sends to "its client" leaves on
// the call's own stream, ahead of the result.
type scope struct {
	*session
	call *call

	once    sync.Once
	feed    chan mcp.JSONRPCNotification
	stop    chan struct{}
	drained chan struct{}
}

// NotificationChannel returns the call's own channel. The protocol library drops what finds no room
// in it, so a handler that has much to say should use [Progress], which waits instead.
func (s *scope) NotificationChannel() chan<- mcp.JSONRPCNotification {
	s.once.Do(func() {
		s.feed = make(chan mcp.JSONRPCNotification, 100)
		s.stop, s.drained = make(chan struct{}), make(chan struct{})
		go func() {
			defer close(s.drained)
			pump(s.feed, s.stop, func(n mcp.JSONRPCNotification) { sendNotification(s.call.out, n) })
		}()
	})
	return s.feed
}

// finish returns when everything that the handler had put into the channel is written.
func (s *scope) finish() {
	s.once.Do(func() {}) // from here on nobody starts a pump
	if s.stop != nil {
		close(s.stop)
		<-s.drained
	}
}

// RequestElicitation asks the client's user. The protocol library calls it for clients with a
// handshake only; the others get the question as a result.
func (s *scope) RequestElicitation(ctx context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	if s.GetClientCapabilities().Elicitation == nil {
		return nil, server.ErrElicitationNotSupported
	}
	m, err := s.ask(ctx, s.call.out, string(mcp.MethodElicitationCreate), r.Params)
	if err != nil {
		return nil, err
	}
	if m.result == nil {
		return nil, errors.New("the client answered elicitation/create with an error")
	}
	var result mcp.ElicitationResult
	if err := json.Unmarshal(m.result, &result); err != nil {
		return nil, fmt.Errorf("decode the answer to elicitation/create: %w", err)
	}
	return &result, nil
}

// pump passes on what arrives in feed until stop is closed, and then what is left in it.
func pump(feed <-chan mcp.JSONRPCNotification, stop <-chan struct{}, write func(mcp.JSONRPCNotification)) {
	for {
		select {
		case n := <-feed:
			write(n)
		case <-stop:
			for {
				select {
				case n := <-feed:
					write(n)
				default:
					return
				}
			}
		}
	}
}

// sendNotification writes a notification that the protocol library made.
func sendNotification(out sink, n mcp.JSONRPCNotification) {
	if b, err := json.Marshal(n); err == nil { // params that do not marshal reach nobody either way
		out.send(b)
	}
}
