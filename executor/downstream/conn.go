package downstream

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/outbound"
)

// KeyField is the _meta field of a tools/call that carries the idempotency key: the same for every try
// of one step of one run.
const KeyField = "io.ordinaut/idempotency-key"

// conn is one connection to a server, from its handshake to its death. It is shared by many calls.
type conn struct {
	server   string
	client   *client.Client
	seen     *listing
	progress progress
	// changed is poked when the server says that its tools changed.
	changed chan struct{}
	// broken is closed when the connection can serve no further call.
	broken     chan struct{}
	breakOnce  sync.Once
	calls      sync.WaitGroup
	shut       func()
	closeOnce  sync.Once
	listenStop func()
}

// dial connects to the server and shakes hands.
func dial(ctx context.Context, cfg *ServerConfig, version string, log *slog.Logger) (*conn, error) {
	c := &conn{server: cfg.Name, seen: &listing{}, changed: make(chan struct{}, 1), broken: make(chan struct{}), listenStop: func() {}}
	var err error
	if cfg.Transport == TransportStdio {
		err = c.openStdio(cfg, log)
	} else {
		err = c.openHTTP(cfg, log)
	}
	if err != nil {
		return nil, err
	}
	c.client.OnNotification(c.notified)
	// The transport outlives this call's context: it lives until close.
	if err := c.client.Start(context.WithoutCancel(ctx)); err != nil {
		c.close()
		return nil, err
	}
	var hello mcp.InitializeRequest
	hello.Params.ClientInfo = mcp.Implementation{Name: "ordinaut", Version: version}
	if _, err := c.client.Initialize(ctx, hello); err != nil {
		c.close()
		return nil, err
	}
	c.listen(ctx, log)
	return c, nil
}

func (c *conn) openStdio(cfg *ServerConfig, log *slog.Logger) error {
	p, err := startProcess(cfg, log)
	if err != nil {
		return err
	}
	c.client = client.NewClient(stdioTap{p.transport(), c.seen})
	c.shut = p.stop
	go func() {
		<-p.gone
		c.breakUp()
	}()
	return nil
}

func (c *conn) openHTTP(cfg *ServerConfig, log *slog.Logger) error {
	plain := outbound.New(outbound.Config{Policy: outbound.Policy{AllowPrivate: true}})
	limited := &http.Client{Transport: limitedTransport{plain.Transport}, CheckRedirect: plain.CheckRedirect}
	t, err := transport.NewStreamableHTTP(cfg.URL,
		transport.WithHTTPBasicClient(limited), transport.WithHTTPHeaders(cfg.Headers), transport.WithHTTPLogger(log))
	if err != nil {
		return err
	}
	modern := func() bool { return mcp.IsModernProtocol(c.client.ProtocolVersion()) }
	c.client = client.NewClient(httpTap{t, c.seen, modern, &c.calls})
	c.shut = plain.CloseIdleConnections
	return nil
}

// listen asks a server of the stateless protocol to tell about changes of its tools; older ones tell
// unasked.
func (c *conn) listen(ctx context.Context, log *slog.Logger) {
	tools := c.client.GetServerCapabilities().Tools
	if tools == nil || !tools.ListChanged || !mcp.IsModernProtocol(c.client.ProtocolVersion()) {
		return
	}
	stop, err := c.client.ListenAsync(context.WithoutCancel(ctx), mcp.SubscriptionFilter{ToolsListChanged: true}, func(err error) {
		log.Debug("listening for changes ended", "err", err) //nolint:sloglint // the stream has outlived every context
	})
	if err == nil {
		c.listenStop = stop
	}
}

func (c *conn) notified(n mcp.JSONRPCNotification) {
	switch n.Method {
	case string(mcp.MethodNotificationProgress):
		c.progress.notify(n)
	case mcp.MethodNotificationToolsListChanged:
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
}

// breakUp makes the pool connect anew; calls under way may still end.
func (c *conn) breakUp() { c.breakOnce.Do(func() { close(c.broken) }) }

func (c *conn) isBroken() bool {
	select {
	case <-c.broken:
		return true
	default:
		return false
	}
}

// close ends the connection and, over stdio, the child. Calls under way fail.
func (c *conn) close() {
	c.closeOnce.Do(func() {
		c.breakUp()
		c.listenStop()
		c.client.Close() //nolint:errcheck // it is given up
		c.shut()
	})
}

// call runs a tool. broken reports whether the connection failed it.
func (c *conn) call(ctx context.Context, call Call) (out json.RawMessage, broken bool, err error) {
	_, tool, _ := strings.Cut(call.Name, ".")
	var req mcp.CallToolRequest
	req.Params.Name = tool
	req.Params.Arguments = call.Arguments
	if call.Arguments == nil {
		req.Params.Arguments = map[string]any{}
	}
	req.Params.Meta = &mcp.Meta{AdditionalFields: map[string]any{KeyField: call.IdempotencyKey}}
	if call.OnProgress != nil {
		token, stop := c.progress.follow(call.OnProgress)
		defer stop()
		req.Params.Meta.ProgressToken = token
	}
	result, err := c.client.CallTool(ctx, req)
	if err != nil {
		err, broken = translate(ctx, call.Name, err)
		return nil, broken, err
	}
	out, err = outputOf(call.Name, result)
	return out, false, err
}

func (c *conn) list(ctx context.Context) (actions []ordinaut.Action, skipped int, err error) {
	actions, skipped, err = listTools(ctx, c.client, c.seen, c.server)
	if errors.Is(err, mcp.ErrMethodNotFound) {
		return nil, 0, nil // a server without tools
	}
	return actions, skipped, err
}
