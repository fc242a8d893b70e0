package front

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/ordinaut/ordinaut"
)

// Config sets up a [Front]. Zero means the default for every field that names one.
type Config struct {
	// Server answers the calls. Required.
	Server *server.MCPServer
	// Authenticate returns a context with the caller of an HTTP request in it. An [ordinaut.Error] of
	// code unauthenticated becomes 401, permission_denied 403, resource_exhausted 429, unavailable 503,
	// each with its message; anything else is internal. Nil refuses every HTTP request.
	Authenticate func(context.Context, *http.Request) (context.Context, error)
	// Key names the caller in the context that Authenticate returned. Limits count by it and sessions
	// are bound to it, so it must differ for different callers. Required with Authenticate.
	Key func(context.Context) string
	// Logger gets one line per call and the details of internal errors. Default: none are written.
	Logger *slog.Logger
	// Metrics gets the ordinaut_mcp_ metrics. Nil registers none.
	Metrics prometheus.Registerer

	// AllowedHosts are names or addresses, beside the loopback ones, under which clients may reach us.
	AllowedHosts []string
	// AllowedOrigins are origins (scheme://host[:port]), beside loopback ones, whose pages may call.
	AllowedOrigins []string
	// ResourceMetadataURL is where a client learns how to authenticate (RFC 9728). Empty leaves it out.
	ResourceMetadataURL string

	MaxBodyBytes  int           // of one message; default 1 MiB
	MaxDepth      int           // nesting of one message; default 64
	MaxTextBytes  int           // of one string in a tool's arguments; default 64 KiB
	Rate          float64       // requests a second and caller; default 20
	Burst         int           // requests at once and caller; default 40
	FailedLogins  int           // failed authentications a minute and address; default 10
	MaxConcurrent int           // calls at once and caller; default 100
	MaxStreams    int           // open streams and caller; default 5
	ProgressEvery time.Duration // least time between reports of one call; default 250 ms, negative none
	ReadTimeout   time.Duration // for a message to arrive once its head has; default 30 s
	KeepAlive     time.Duration // between comments on a quiet stream; default 15 s
	SessionTTL    time.Duration // until an idle legacy session is forgotten; default 30 min
	Grace         time.Duration // for calls in flight when a stdio connection ends; default 10 s
	// SessionKey signs the ids of legacy sessions. Replicas that share it accept each other's ids.
	// Default: a random key of this process.
	SessionKey []byte
}

// Front serves one MCP server to many clients. All methods are safe for concurrent use.
type Front struct {
	cfg      Config
	server   *server.MCPServer
	log      *slog.Logger
	metrics  *metrics
	guard    *guard
	rates    *buckets
	failures *buckets
	calls    *slots
	open     *slots
	sessions *sessions

	streams    context.Context // ends when streams must
	endStreams context.CancelFunc
	work       context.Context // ends when calls must
	endWork    context.CancelFunc
	life       life
}

// New returns a Front. It fails if the configuration lacks something or contradicts itself.
func New(cfg Config) (*Front, error) {
	if cfg.Server == nil {
		return nil, errors.New("front: Config.Server is missing")
	}
	if cfg.Authenticate != nil && cfg.Key == nil {
		return nil, errors.New("front: Config.Key is missing; without it callers cannot be told apart")
	}
	if cfg.Authenticate == nil {
		cfg.Authenticate = refuseEveryone
		cfg.Key = func(context.Context) string { return "" }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.MaxBodyBytes = cmp.Or(cfg.MaxBodyBytes, 1<<20)
	cfg.MaxDepth = cmp.Or(cfg.MaxDepth, 64)
	cfg.MaxTextBytes = cmp.Or(cfg.MaxTextBytes, 64<<10)
	cfg.Rate = cmp.Or(cfg.Rate, 20)
	cfg.Burst = cmp.Or(cfg.Burst, 40)
	cfg.FailedLogins = cmp.Or(cfg.FailedLogins, 10)
	cfg.MaxConcurrent = cmp.Or(cfg.MaxConcurrent, 100)
	cfg.MaxStreams = cmp.Or(cfg.MaxStreams, 5)
	cfg.ProgressEvery = cmp.Or(cfg.ProgressEvery, 250*time.Millisecond)
	cfg.ReadTimeout = cmp.Or(cfg.ReadTimeout, 30*time.Second)
	cfg.KeepAlive = cmp.Or(cfg.KeepAlive, 15*time.Second)
	cfg.SessionTTL = cmp.Or(cfg.SessionTTL, 30*time.Minute)
	cfg.Grace = cmp.Or(cfg.Grace, 10*time.Second)

	guard, err := newGuard(cfg.AllowedHosts, cfg.AllowedOrigins)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, err
	}
	f := &Front{
		cfg: cfg, server: cfg.Server, log: cfg.Logger, metrics: metrics, guard: guard,
		rates:    newBuckets(rate.Limit(cfg.Rate), cfg.Burst),
		failures: newBuckets(rate.Limit(float64(cfg.FailedLogins)/60), cfg.FailedLogins),
		calls:    newSlots(cfg.MaxConcurrent),
		open:     newSlots(cfg.MaxStreams),
		sessions: newSessions(cfg.SessionKey, cfg.SessionTTL),
		life:     life{idle: make(chan struct{})},
	}
	f.streams, f.endStreams = context.WithCancel(context.Background())
	f.work, f.endWork = context.WithCancel(context.Background())
	return f, nil
}

func refuseEveryone(context.Context, *http.Request) (context.Context, error) {
	return nil, ordinaut.Errorf(ordinaut.CodeUnauthenticated, "this server has no authentication configured and accepts nobody over HTTP")
}

// Handler returns the handler of the MCP endpoint, to be mounted at /mcp. The server that it runs in
// bounds how long a request's head may take to arrive; its body is bounded here.
func (f *Front) Handler() http.Handler { return http.HandlerFunc(f.serve) }

// Shutdown refuses new messages, ends open streams with ordinary results and stdio connections as at
// their end of input, and waits for the calls in flight. When ctx ends first it cancels them and
// returns ctx's error without waiting for handlers that do not listen.
func (f *Front) Shutdown(ctx context.Context) error {
	f.endStreams()
	defer f.endWork()
	select {
	case <-f.life.close():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// life counts what runs, and refuses more once it is closed.
type life struct {
	mu      sync.Mutex
	running int
	closed  bool
	idle    chan struct{} // closed when closed and nothing runs
}

// enter reports whether one more may run; if so leave must follow.
func (l *life) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.running++
	return true
}

func (l *life) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running--; l.closed && l.running == 0 {
		close(l.idle)
	}
}

// close lets nothing more in and returns what tells that all is out.
func (l *life) close() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		if l.closed = true; l.running == 0 {
			close(l.idle)
		}
	}
	return l.idle
}

// newRequestID returns an id that is unguessable and unique.
func newRequestID() string {
	var b [12]byte
	rand.Read(b[:]) //nolint:errcheck // never fails, by its documentation
	return "req_" + hex.EncodeToString(b[:])
}
