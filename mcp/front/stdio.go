package front

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
)

// waitingPerSlot bounds, with [Config.MaxConcurrent], how many calls of one connection may wait.
const waitingPerSlot = 10

// ServeStdio serves one client that speaks line-delimited JSON: in is what it writes, out what it
// reads. ctx says who the client is, as the context of an HTTP call does after authentication. A
// process may serve many connections at once; each has its own session.
//
// It returns nil when in ends, when ctx ends or when the front shuts down. In each case no new message
// is taken, open subscriptions end with a result, and calls in flight may finish for [Config.Grace]
// before they are cancelled. If in is an io.Closer it is closed on return, which is what wakes a reader
// that blocks; where closing does not wake it, one goroutine stays in Read until the process ends. An
// error means that in could not be read.
func (f *Front) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	if !f.life.enter() {
		return nil
	}
	defer f.life.leave()
	// Calls outlive ctx by the grace, so they run in a context that ends on its own.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	c := &conn{
		Front: f, work: work, out: &lineWriter{w: out},
		legacy: newSession(newRequestID()),
		slots:  make(chan struct{}, f.cfg.MaxConcurrent),
	}
	c.reading, c.endReading = context.WithCancel(context.Background())
	defer c.closeInput(in)
	err := c.readAll(ctx, in)
	c.drain(cancel)
	return err
}

// conn is one stdio connection.
type conn struct {
	*Front
	work   context.Context
	out    *lineWriter
	legacy *session
	slots  chan struct{} // calls that run

	reading    context.Context // ends when no more is read
	endReading context.CancelFunc

	mu          sync.Mutex
	outstanding int // requests not answered yet
	listening   int // of them, open subscriptions
	calls       sync.WaitGroup
	endFeed     func() // ends broadcasts to a client with a handshake; owned by readAll and drain
}

// lineWriter writes one message a line. It is the only writer of its connection.
type lineWriter struct {
	mu   sync.Mutex
	w    io.Writer
	dead bool
}

func (l *lineWriter) send(message []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return false
	}
	line := append(slices.Clip(message), '\n')
	if _, err := l.w.Write(line); err != nil {
		l.dead = true
	}
	return !l.dead
}

type readLine struct {
	bytes []byte
	err   error
}

// readAll takes messages until in or the connection's time ends.
func (c *conn) readAll(ctx context.Context, in io.Reader) error {
	defer c.endReading()
	arrived := make(chan readLine)
	go func() {
		defer close(arrived)
		l := newLines(in, c.cfg.MaxBodyBytes)
		for {
			b, err := l.next()
			select {
			case arrived <- readLine{b, err}:
			case <-c.reading.Done():
				return
			}
			if err != nil && !errors.Is(err, errLineTooLong) {
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.streams.Done():
			return nil
		case line := <-arrived:
			switch {
			case errors.Is(line.err, io.EOF), errors.Is(line.err, io.ErrClosedPipe):
				return nil
			case errors.Is(line.err, errLineTooLong):
				c.refused(&fault{code: codeInvalidRequest, msg: "the message is larger than this server accepts"})
			case line.err != nil:
				return line.err
			default:
				c.take(line.bytes) //nolint:contextcheck // a connection's calls share its context
			}
		}
	}
}

// take handles one line. Only requests other than the handshake leave the reader's goroutine: what a
// client sends after a handshake or a cancellation is seen after it.
func (c *conn) take(line []byte) {
	m, flt := parse(line, c.cfg.MaxDepth, c.cfg.MaxTextBytes)
	if flt != nil {
		c.refused(flt)
		return
	}
	if m.method == "" {
		c.legacy.deliver(m)
		return
	}
	k := &call{requestID: newRequestID(), transport: transportStdio, era: eraLegacy, msg: m, out: c.out}
	s := c.legacy
	if mcp.IsModernProtocol(m.version) {
		k.era = eraModern
		s = newSession(k.requestID)
		s.calls = c.legacy.calls // a cancellation may name any call of the connection
	}
	switch {
	case m.id == nil:
		c.serve(k, s, false)
		if m.method == string(mcp.MethodNotificationInitialized) && c.endFeed == nil {
			c.endFeed = c.broadcasts(c.work, s, c.out)
		}
	case m.method == string(mcp.MethodInitialize):
		c.serve(k, s, false)
	default:
		c.start(k, s)
	}
}

// start runs a request beside the others, in turn if too many run.
func (c *conn) start(k *call, s *session) {
	stream := k.era == eraModern && k.msg.method == string(mcp.MethodSubscriptionsListen)
	if !c.admit(stream) {
		c.refused(&fault{
			code: codeRefused, id: k.msg.id, msg: "too many calls of this connection are waiting; let some end first",
			data: refusalData{ordinaut.CodeResourceExhausted, k.requestID},
		})
		return
	}
	c.calls.Go(func() {
		defer c.release(stream)
		if stream {
			c.serve(k, s, true)
			return
		}
		select {
		case c.slots <- struct{}{}:
			defer func() { <-c.slots }()
			c.serve(k, s, false)
		case <-c.work.Done():
		}
	})
}

func (c *conn) admit(stream bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.outstanding >= waitingPerSlot*c.cfg.MaxConcurrent || stream && c.listening >= c.cfg.MaxStreams {
		return false
	}
	c.outstanding++
	if stream {
		c.listening++
	}
	return true
}

func (c *conn) release(stream bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outstanding--
	if stream {
		c.listening--
	}
}

// serve runs a message and writes its answer.
func (c *conn) serve(k *call, s *session, stream bool) {
	started := time.Now()
	defer c.metrics.began(transportStdio)()
	ctx, cancel := context.WithCancel(c.work)
	defer cancel()
	if stream {
		// A subscription ends with the input; other calls have the grace.
		defer context.AfterFunc(c.reading, cancel)()
	}
	a := c.dispatch(ctx, k, s)
	if b := a.bytes(); b != nil && k.msg.id != nil {
		c.out.send(b)
	}
	c.observe(ctx, k, a.outcome, started, stream)
}

// refused answers what was not taken as a call.
func (c *conn) refused(flt *fault) {
	k := &call{requestID: newRequestID(), transport: transportStdio, era: eraNone}
	c.out.send(flt.encode())
	c.observe(c.work, k, outcomeRefused, time.Now(), false)
}

// drain waits for the calls in flight: for the grace, and once they are cancelled for as long again
// as a handler that listens needs.
func (c *conn) drain(cancel context.CancelFunc) {
	if c.endFeed != nil {
		defer c.endFeed()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.calls.Wait()
	}()
	grace := time.NewTimer(c.cfg.Grace)
	defer grace.Stop()
	select {
	case <-done:
		return
	case <-grace.C:
	}
	cancel()
	last := time.NewTimer(min(c.cfg.Grace, time.Second))
	defer last.Stop()
	select {
	case <-done:
	case <-last.C:
		c.log.Warn("calls were left behind", "transport", transportStdio)
	}
}

// closeInput wakes the reader if it blocks.
func (c *conn) closeInput(in io.Reader) {
	if closer, ok := in.(io.Closer); ok {
		if err := closer.Close(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			c.log.Warn("input was not closed", "err", err)
		}
	}
}
