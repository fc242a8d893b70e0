package embedded

import (
	"context"
	"net"
	"sync"

	"github.com/alicebob/miniredis/v2"
)

// Redis is a Redis server inside the process. It opens no port and keeps nothing on disk; what
// must last is in PostgreSQL. It knows the commands that Ordinaut uses, not all of Redis.
type Redis struct {
	server *miniredis.Miniredis

	mu     sync.Mutex // guards closed, and keeps a Dial from reviving a server being closed
	closed bool
}

// NewRedis returns an empty server. Keys expire by the wall clock.
func NewRedis() (*Redis, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true)
	r := &Redis{server: server}
	// The first connection starts it; an error belongs here rather than to a client.
	conn, err := r.dial()
	if err != nil {
		return nil, err
	}
	return r, conn.Close()
}

// Dial connects to the server, whatever network and address say. It fits redis.Options.Dialer.
// After Close it fails with [net.ErrClosed].
func (r *Redis) Dial(context.Context, string, string) (net.Conn, error) { return r.dial() }

func (r *Redis) dial() (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, net.ErrClosed
	}
	conn, err := r.server.Dial()
	if err != nil {
		return nil, err
	}
	return newBufferedConn(conn), nil
}

// Close ends all connections and the server, and returns when its goroutines have ended.
func (r *Redis) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.server.Close()
}
