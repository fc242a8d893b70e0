package executor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
	"github.com/ordinaut/ordinaut/executor/outbound"
)

// Config holds the settings of [New]. Zero values mean the default.
type Config struct {
	// Store is the database. Required.
	Store Store
	// Worker names this process in leases, for example "host-7/4121". Required.
	Worker string
	// Slots is how many runs are held at once. A slot costs a goroutine and a few hundred bytes.
	// Default 2000.
	Slots int
	// TTL is how long a lease lasts without renewal. Default 30 s.
	TTL time.Duration
	// Heartbeat is the time between renewals. Default a third of TTL.
	Heartbeat time.Duration
	// Margin is the last part of a lease, in which no effect is started. Default a sixth of TTL.
	Margin time.Duration
	// Grace is how long running steps may go on after Run's context has ended. Default 20 s.
	Grace time.Duration
	// Poll is the longest time without a look at the queue and at sleepers. Default 1 s.
	Poll time.Duration
	// RescueEvery is the time between looks for expired leases. Default 5 s.
	RescueEvery time.Duration
	// WakeQueue is poked when runs become ready, WakeCancel when somebody cancels a running run. Nil
	// channels leave it to polling and to the heartbeat.
	WakeQueue, WakeCancel <-chan struct{}
	// Servers calls the tools of downstream MCP servers; nil means that there are none.
	Servers Servers
	// HTTP is the client of http.request. Default one of package outbound that reaches public
	// addresses only.
	HTTP *http.Client
	// MaxResponseBytes bounds an answer's body that http.request takes. Default 1 MiB.
	MaxResponseBytes int64
	// Handler, if set, is called for each run instead of interpreting its pipeline: its result is the
	// run's output, an error fails the run. It measures the engine alone.
	Handler func(ctx context.Context, a *ordinaut.Attempt) (json.RawMessage, error)
	// Log is required.
	Log *slog.Logger
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
}

// Servers calls tools of downstream MCP servers.
type Servers interface {
	// Action returns the definition of <server>.<tool>; see [downstream.Pool.Action].
	Action(ctx context.Context, name string) (ordinaut.Action, error)
	// Call runs a tool; see [downstream.Pool.Call].
	Call(ctx context.Context, call downstream.Call) (json.RawMessage, error)
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Store == nil:
		return c, errors.New("executor: Config.Store is missing")
	case c.Worker == "":
		return c, errors.New("executor: Config.Worker is missing")
	case c.Log == nil:
		return c, errors.New("executor: Config.Log is missing")
	case c.Slots < 0:
		return c, fmt.Errorf("executor: Config.Slots is %d, want at least 1", c.Slots)
	}
	c.Slots = cmp.Or(c.Slots, 2000)
	c.TTL = cmp.Or(c.TTL, 30*time.Second)
	c.Heartbeat = cmp.Or(c.Heartbeat, c.TTL/3)
	c.Margin = cmp.Or(c.Margin, c.TTL/6)
	c.Grace = cmp.Or(c.Grace, 20*time.Second)
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.RescueEvery = cmp.Or(c.RescueEvery, 5*time.Second)
	c.MaxResponseBytes = cmp.Or(c.MaxResponseBytes, 1<<20)
	if c.Heartbeat+c.Margin >= c.TTL {
		return c, fmt.Errorf("executor: Heartbeat %v and Margin %v leave nothing of TTL %v", c.Heartbeat, c.Margin, c.TTL)
	}
	if c.HTTP == nil {
		c.HTTP = outbound.New(outbound.Config{})
	}
	return c, nil
}
