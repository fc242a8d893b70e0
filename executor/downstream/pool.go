package downstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Config holds the settings of [New]. Zero values mean the default.
type Config struct {
	Servers []ServerConfig
	// SaveServer is told what each server offers, after each connection and each change, and with
	// seenErr that it can't be reached. It is called again later when it returns an error. Nil: nobody
	// is told.
	SaveServer func(ctx context.Context, name, transport string, actions []ordinaut.Action, seenErr error) error
	// Version is what servers are told of this program. Default "dev".
	Version string
	// ConnectTimeout bounds connecting, shaking hands and listing tools. Default 30 s.
	ConnectTimeout time.Duration
	// Refresh is the time between listings of tools that nothing else asked for. Default 10 min.
	Refresh time.Duration
	// Log is required.
	Log *slog.Logger
}

// Pool keeps one connection to each server. Make it with [New]; it works while [Pool.Run] runs.
type Pool struct {
	servers map[string]*server
}

// Call is one call of a tool.
type Call struct {
	// Name is <server>.<tool>.
	Name      string
	Arguments map[string]any
	// IdempotencyKey goes along in _meta, in the field [KeyField].
	IdempotencyKey string
	// OnProgress, if set, is called for each progress notification, from another goroutine, and never
	// after Call has returned. Percent is nil when the server did not say how much there is to do.
	OnProgress func(percent *float64, message string)
}

// New returns a pool for the servers. It returns an error for a server whose settings are wrong and
// for a name that is given twice.
func New(cfg Config) (*Pool, error) {
	if cfg.Log == nil {
		return nil, errors.New("downstream: Config.Log is missing")
	}
	cfg.Version = cmp.Or(cfg.Version, "dev")
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, 30*time.Second)
	cfg.Refresh = cmp.Or(cfg.Refresh, 10*time.Minute)
	p := &Pool{servers: make(map[string]*server, len(cfg.Servers))}
	for _, s := range cfg.Servers {
		if err := s.Validate(); err != nil {
			return nil, err
		}
		if p.servers[s.Name] != nil {
			return nil, fmt.Errorf("server name %q is given twice", s.Name)
		}
		p.servers[s.Name] = newServer(s, &cfg)
	}
	return p, nil
}

// Run connects to all servers and keeps the connections until ctx ends, which should be after those who
// call have stopped. It returns nil once all connections are closed and all children have ended.
func (p *Pool) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, s := range p.servers {
		all.Go(func() { s.run(ctx) })
	}
	all.Wait()
	return nil
}

// Action returns the definition of <server>.<tool>, waiting for the connection if there is none. It
// returns an [*Error] with unknown_action when there is no such server or tool, and with
// server_unavailable when the server can't be reached.
func (p *Pool) Action(ctx context.Context, name string) (ordinaut.Action, error) {
	s, err := p.find(name)
	if err != nil {
		return ordinaut.Action{}, err
	}
	return s.action(ctx, name)
}

// Call runs a tool and returns its output: see outputOf for its shape. It returns the cause of ctx
// when that ends first, after telling the server, and else an [*Error].
func (p *Pool) Call(ctx context.Context, call Call) (json.RawMessage, error) {
	s, err := p.find(call.Name)
	if err != nil {
		return nil, err
	}
	return s.call(ctx, call)
}

func (p *Pool) find(name string) (*server, error) {
	first, _, ok := strings.Cut(name, ".")
	if s := p.servers[first]; ok && s != nil {
		return s, nil
	}
	return nil, &Error{Reason: ordinaut.ReasonUnknownAction, Msg: fmt.Sprintf("no server %q is configured on this worker", first)}
}
