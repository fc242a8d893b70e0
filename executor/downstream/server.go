package downstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"

	"github.com/ordinaut/ordinaut"
)

const (
	// connectGap is the shortest time between two attempts to connect, connectMax the longest.
	connectGap = time.Second
	connectMax = time.Minute
	// stable is how long a connection must have lived for its end not to count as a failure.
	stable = 10 * time.Second
	// saveAgain is the time until a listing that could not be saved is offered again.
	saveAgain = 5 * time.Second
)

var errClosed = errors.New("the worker is stopping")

// server keeps the connection to one server. Its run method alone makes and drops connections; calls
// ask for one with get.
type server struct {
	cfg  ServerConfig
	pool *Config
	log  *slog.Logger
	// want is poked by a call that found no connection.
	want chan struct{}
	// again is poked by a call for a tool that is not in the list.
	again chan struct{}

	mu   sync.Mutex // guards what follows; never held over I/O
	conn *conn
	// err is why there is no connection.
	err error
	// settled is closed and replaced whenever an attempt to connect, or a listing, has ended.
	settled chan struct{}
	actions map[string]ordinaut.Action
	listed  time.Time
}

func newServer(cfg ServerConfig, pool *Config) *server {
	return &server{
		cfg: cfg, pool: pool, log: pool.Log.With("server", cfg.Name),
		want: make(chan struct{}, 1), again: make(chan struct{}, 1), settled: make(chan struct{}),
	}
}

// run connects, serves until the connection breaks, and connects anew, until ctx ends.
func (s *server) run(ctx context.Context) {
	var closing sync.WaitGroup
	defer closing.Wait()
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		c, err := s.connect(ctx)
		if err == nil {
			s.log.InfoContext(ctx, "server was connected", "tools", len(s.list()), "took", time.Since(began))
			s.watch(ctx, c)
			s.drop(ctx, c, &closing)
			err = errors.New("the connection broke")
		}
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > stable {
			failures = 0
		}
		s.log.WarnContext(ctx, "server was lost", "err", err)
		s.rest(ctx, failures)
		failures++
	}
	s.settle(nil, errClosed)
}

// rest waits before the next attempt: longer after each failure, but hardly at all for a call.
func (s *server) rest(ctx context.Context, failures int) {
	least := time.NewTimer(connectGap)
	defer least.Stop()
	select {
	case <-ctx.Done():
		return
	case <-least.C:
	}
	more := min(connectGap<<min(failures, 10), connectMax) - connectGap
	most := time.NewTimer(time.Duration(float64(more) * (0.5 + rand.Float64()/2)))
	defer most.Stop()
	select {
	case <-ctx.Done():
	case <-most.C:
	case <-s.want:
	}
}

// connect makes a connection, lists the tools and tells the calls that wait.
func (s *server) connect(ctx context.Context) (*conn, error) {
	select {
	case <-s.want: // answered by this attempt
	default:
	}
	limited, cancel := context.WithTimeout(ctx, s.pool.ConnectTimeout)
	defer cancel()
	c, err := dial(limited, &s.cfg, s.pool.Version, s.log)
	if err == nil {
		if err = s.refresh(limited, c); err != nil {
			c.close()
		}
	}
	if err != nil {
		err = withoutURL(err)
		s.settle(nil, err)
		s.save(ctx, nil, err)
		return nil, err
	}
	s.settle(c, nil)
	return c, nil
}

// watch serves until the connection breaks or ctx ends: it lists the tools again when they changed,
// when a call misses one, and from time to time, and offers each listing to be saved until it is.
func (s *server) watch(ctx context.Context, c *conn) {
	saved := s.save(ctx, s.list(), nil)
	for {
		wait := s.pool.Refresh
		if !saved {
			wait = saveAgain
		}
		timer := time.NewTimer(wait)
		list := true
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.broken:
			timer.Stop()
			return
		case <-c.changed:
		case <-s.again:
		case <-timer.C:
			list = saved
		}
		timer.Stop()
		if list {
			if err := s.relist(ctx, c); err != nil {
				c.breakUp()
				continue
			}
		}
		saved = s.save(ctx, s.list(), nil)
	}
}

func (s *server) relist(ctx context.Context, c *conn) error {
	limited, cancel := context.WithTimeout(ctx, s.pool.ConnectTimeout)
	defer cancel()
	err := s.refresh(limited, c)
	s.settle(c, err)
	return err
}

func (s *server) refresh(ctx context.Context, c *conn) error {
	actions, skipped, err := c.list(ctx)
	if err != nil {
		return fmt.Errorf("list tools: %w", err)
	}
	if skipped > 0 {
		s.log.WarnContext(ctx, "tools were left out, their definitions are unusable", "tools", skipped)
	}
	byName := make(map[string]ordinaut.Action, len(actions))
	for _, a := range actions {
		byName[a.Name] = a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actions, s.listed = byName, time.Now()
	return nil
}

// drop takes the connection out of use. Calls that are under way may end, unless ctx ends.
func (s *server) drop(ctx context.Context, c *conn, closing *sync.WaitGroup) {
	s.mu.Lock()
	if s.conn == c {
		s.conn, s.err = nil, errors.New("the connection broke")
	}
	s.mu.Unlock()
	closing.Go(func() {
		ended := make(chan struct{})
		go func() { defer close(ended); c.calls.Wait() }()
		select {
		case <-ended:
		case <-ctx.Done():
		}
		c.close()
		<-ended
	})
}

func (s *server) settle(c *conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c == nil || err == nil {
		s.conn, s.err = c, err
	}
	close(s.settled)
	s.settled = make(chan struct{})
}

func (s *server) save(ctx context.Context, actions []ordinaut.Action, seen error) bool {
	if s.pool.SaveServer == nil {
		return true
	}
	err := s.pool.SaveServer(ctx, s.cfg.Name, s.cfg.Transport, actions, seen)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "saving the server's tools failed", "err", err)
	}
	return err == nil
}

func (s *server) list() []ordinaut.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	actions := make([]ordinaut.Action, 0, len(s.actions))
	for _, a := range s.actions {
		actions = append(actions, a)
	}
	return actions
}

// get returns a connection that holds one more call, waiting for the attempt that makes it. The caller
// ends with c.calls.Done.
func (s *server) get(ctx context.Context) (*conn, error) {
	for tried := false; ; tried = true {
		s.mu.Lock()
		c, err, settled := s.conn, s.err, s.settled
		if c != nil && !c.isBroken() {
			c.calls.Add(1)
			s.mu.Unlock()
			return c, nil
		}
		s.mu.Unlock()
		if tried && err != nil || errors.Is(err, errClosed) {
			return nil, unavailable(s.cfg.Name, err)
		}
		poke(s.want)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-settled:
		}
	}
}

// action returns the tool's definition. A tool that is not in a list of some age is asked for again.
func (s *server) action(ctx context.Context, name string) (ordinaut.Action, error) {
	for {
		c, err := s.get(ctx)
		if err != nil {
			return ordinaut.Action{}, err
		}
		c.calls.Done()
		s.mu.Lock()
		a, ok := s.actions[name]
		fresh, settled := time.Since(s.listed) < connectGap, s.settled
		s.mu.Unlock()
		if ok {
			return a, nil
		}
		if fresh {
			return a, &Error{Reason: ordinaut.ReasonUnknownAction, Msg: fmt.Sprintf("the server %q has no tool for %q", s.cfg.Name, name)}
		}
		poke(s.again)
		select {
		case <-ctx.Done():
			return a, context.Cause(ctx)
		case <-settled:
		}
	}
}

// call runs a tool. A session that the server has forgotten is a call that it has not seen, so it is
// made again, once, over a new connection.
func (s *server) call(ctx context.Context, call Call) (json.RawMessage, error) {
	for again := false; ; again = true {
		c, err := s.get(ctx)
		if err != nil {
			return nil, err
		}
		out, broken, err := c.call(ctx, call)
		if broken {
			c.breakUp()
		}
		c.calls.Done()
		if !again && errors.Is(err, transport.ErrSessionTerminated) {
			continue
		}
		return out, err
	}
}

func poke(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
