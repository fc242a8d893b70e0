package front

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

const writeTimeout = 10 * time.Second // for a client that does not read its stream

// reply is the response to one HTTP request: one JSON answer, or a stream of events of which the
// answer is the last. It becomes a stream with the first message ahead of the answer.
type reply struct {
	w    http.ResponseWriter
	ctrl *http.ResponseController

	mu        sync.Mutex // one message is written at a time
	canStream bool       // the client reads event streams
	streaming bool
	closed    bool // the answer is out, or the client is gone
}

func newReply(w http.ResponseWriter, r *http.Request) *reply {
	return &reply{w: w, ctrl: http.NewResponseController(w), canStream: accepts(r, "text/event-stream")}
}

// accepts reports whether the request's Accept headers name the media type or a range that holds it.
func accepts(r *http.Request, media string) bool {
	kind, _, _ := strings.Cut(media, "/")
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case media, kind + "/*", "*/*":
				return true
			}
		}
	}
	return false
}

// send writes one message ahead of the answer.
func (p *reply) send(message []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !p.canStream {
		return false
	}
	p.open()
	return p.event(message)
}

// start opens the stream without a message.
func (p *reply) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open()
	p.raw([]byte(": open\n\n"))
}

// beat writes a comment, so that neither side takes a quiet stream for a dead one.
func (p *reply) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && p.streaming {
		p.raw([]byte(": keep-alive\n\n"))
	}
}

// finish writes the answer. An empty body ends a stream without one, and is otherwise sent as such.
func (p *reply) finish(status int, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	defer func() { p.closed = true }()
	switch {
	case p.streaming && body != nil:
		p.event(body)
	case p.streaming:
	case body == nil:
		p.w.WriteHeader(status)
	default:
		p.w.Header().Set("Content-Type", "application/json")
		p.w.WriteHeader(status)
		p.w.Write(body) //nolint:errcheck // a client that is gone needs no answer
	}
}

// open writes the head of a stream once. It needs the mutex.
func (p *reply) open() {
	if p.streaming {
		return
	}
	p.streaming = true
	h := p.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	p.w.WriteHeader(http.StatusOK)
}

// event writes one message; JSON as we encode it has no line break. It needs the mutex.
func (p *reply) event(message []byte) bool {
	b := make([]byte, 0, len(message)+32)
	b = append(b, "event: message\ndata: "...)
	b = append(b, message...)
	return p.raw(append(b, "\n\n"...))
}

// raw writes and flushes. After a failure nothing more is written. It needs the mutex.
func (p *reply) raw(text []byte) bool {
	// Not every writer has deadlines; one without them is bounded by its server.
	_ = p.ctrl.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := p.w.Write(text); err != nil {
		p.closed = true
		return false
	}
	if err := p.ctrl.Flush(); err != nil {
		p.closed = true
		return false
	}
	_ = p.ctrl.SetWriteDeadline(time.Time{})
	return true
}
