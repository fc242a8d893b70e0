package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// SharedRedis is one in-process Redis for all processes of a data directory, so that a run executed in
// one is watched live from another. Whoever dials first serves it, on a unix socket in a directory of
// mode 0700; when that process goes, the next to dial takes over with an empty one.
type SharedRedis struct {
	socket string
	lock   *flock.Flock

	mu       sync.Mutex // guards what follows, and keeps two Dials from both starting a server
	closed   bool
	server   *Redis // nil while another process serves
	listener net.Listener
	open     map[net.Conn]struct{}
	serving  sync.WaitGroup
}

// ShareRedis returns the Redis of the data directory dir. It starts nothing until it is dialed.
func ShareRedis(dir string) (*SharedRedis, error) {
	private := filepath.Join(dir, "redis")
	if err := os.Mkdir(private, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("directory of the private redis: %w", err)
	}
	socket := filepath.Join(private, "s")
	if len(socket) > maxSocketPath {
		return nil, fmt.Errorf("the data directory's path is too long for a socket: %s", socket)
	}
	return &SharedRedis{
		socket: socket, lock: flock.New(filepath.Join(private, "lock"), flock.SetPermissions(0o600)),
		open: map[net.Conn]struct{}{},
	}, nil
}

// Dial connects, whatever network and address say; it fits redis.Options.Dialer. After Close it fails
// with [net.ErrClosed].
func (s *SharedRedis) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if s.isClosed() {
		return nil, net.ErrClosed
	}
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "unix", s.socket)
	if err == nil {
		return conn, nil
	}
	if serveErr := s.serve(ctx); serveErr != nil {
		return nil, errors.Join(err, serveErr)
	}
	return d.DialContext(ctx, "unix", s.socket)
}

func (s *SharedRedis) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// serve makes this process the server unless another is.
func (s *SharedRedis) serve(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if s.server != nil {
		return nil
	}
	if mine, err := s.lock.TryLock(); err != nil || !mine {
		return err // the other is about to listen, or has just left: the next Dial will tell
	}
	if err := os.Remove(s.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, s.lock.Unlock())
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "unix", s.socket)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for the private redis: %w", err), s.lock.Unlock())
	}
	if s.server, err = NewRedis(); err != nil {
		return errors.Join(err, listener.Close(), s.lock.Unlock())
	}
	s.listener = listener
	s.serving.Go(s.accept)
	return nil
}

func (s *SharedRedis) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.serving.Go(func() { s.pipe(conn) })
	}
}

// pipe joins a connection to the server until either side ends.
func (s *SharedRedis) pipe(outer net.Conn) {
	inner, err := s.server.Dial(context.Background(), "", "")
	if err != nil {
		_ = outer.Close()
		return
	}
	if !s.track(outer) {
		_ = errors.Join(outer.Close(), inner.Close())
		return
	}
	var both sync.WaitGroup
	join := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src) // a connection that breaks is the client's to notice
		_ = errors.Join(dst.Close(), src.Close())
	}
	both.Go(func() { join(inner, outer) })
	both.Go(func() { join(outer, inner) })
	both.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, outer)
}

// track remembers a connection for Close and reports whether it is still wanted.
func (s *SharedRedis) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.open[conn] = struct{}{}
	return true
}

// Close ends the server, if it is this process's, and returns when its goroutines have ended.
func (s *SharedRedis) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var err error
	if s.server != nil {
		err = s.listener.Close()
		for conn := range s.open {
			_ = conn.Close() // its client may have closed it already
		}
	}
	s.mu.Unlock()
	s.serving.Wait()
	if s.server != nil {
		s.server.Close()
	}
	return errors.Join(err, s.lock.Close())
}
