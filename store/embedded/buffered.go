package embedded

import (
	"net"
	"sync"
	"time"
)

// bufferedConn makes writes to a [net.Pipe] return at once, as they do on a socket. A pipe holds
// nothing: a client that writes a long pipeline before it reads would wait for the server, which
// waits for the client to take the first replies.
type bufferedConn struct {
	net.Conn
	wake chan struct{} // holds one token when there is something to send
	done chan struct{} // closed when the sender has ended

	mu      sync.Mutex // guards the fields below
	pending []byte
	err     error // of the sender; the next Write returns it
}

func newBufferedConn(conn net.Conn) *bufferedConn {
	b := &bufferedConn{Conn: conn, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go b.send()
	return b
}

// Write queues p. An error in sending it shows in a later Write or Read.
func (b *bufferedConn) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	b.pending = append(b.pending, p...)
	select {
	case b.wake <- struct{}{}:
	default: // the sender has been told
	}
	return len(p), nil
}

// send passes on what Write queued until the connection is closed.
func (b *bufferedConn) send() {
	defer close(b.done)
	for range b.wake {
		b.mu.Lock()
		p := b.pending
		b.pending = nil
		b.mu.Unlock()
		if len(p) == 0 {
			continue
		}
		if _, err := b.Conn.Write(p); err != nil {
			b.mu.Lock()
			b.err = err
			b.mu.Unlock()
			return
		}
	}
}

// SetDeadline bounds reads: writes never wait, and what is under way to the server is not lost for
// a deadline of the past.
func (b *bufferedConn) SetDeadline(t time.Time) error { return b.SetReadDeadline(t) }

// SetWriteDeadline does nothing, for the reason given at SetDeadline.
func (b *bufferedConn) SetWriteDeadline(time.Time) error { return nil }

// Close drops what was not sent.
func (b *bufferedConn) Close() error {
	err := b.Conn.Close()
	b.mu.Lock()
	if b.err == nil {
		b.err = net.ErrClosed
		close(b.wake)
	}
	b.mu.Unlock()
	<-b.done
	return err
}
