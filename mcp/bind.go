package mcp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/mcp/front"
)

// answer is a tool's result: its JSON is the structured content, its text must stand on its own, since
// many clients show a model nothing else.
type answer interface{ text() string }

// call is one call of a tool by an agent that may make it.
type call struct {
	agent     *ordinaut.Agent
	tool      string
	requestID string
	source    string
	digest    []byte
}

// mutation returns the call as a store method records it.
func (c *call) mutation(idempotencyKey string) ordinaut.Call {
	return ordinaut.Call{
		Agent: c.agent, Tool: c.tool, RequestID: c.requestID, Source: c.source,
		IdempotencyKey: idempotencyKey, Digest: c.digest,
	}
}

// handler is a tool's own part of a call.
type handler[In any, Out answer] func(context.Context, *call, In) (Out, error)

// bind makes of a typed handler one that the protocol's server can call. It never returns an error:
// what goes wrong is an answer too.
func bind[In any, Out answer](s *Server, d *definition, h handler[In, Out]) server.ToolHandlerFunc {
	return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		began := time.Now()
		c := &call{tool: d.name, requestID: requestID(ctx)}
		out, err := guard(ctx, s, d, c, h, req)
		s.record(ctx, c, err, time.Since(began))
		if err != nil {
			return s.failure(d, c, err), nil
		}
		return &mcp.CallToolResult{
			Content:           []mcp.Content{mcp.NewTextContent(out.text())},
			StructuredContent: out,
		}, nil
	}
}

// guard runs the call and turns a panic into an error.
func guard[In any, Out answer](ctx context.Context, s *Server, d *definition, c *call, h handler[In, Out], req mcp.CallToolRequest) (out Out, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.ErrorContext(ctx, "tool panicked", "tool", c.tool, "request_id", c.requestID,
				"err", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in %s: %v", c.tool, p)
		}
	}()
	who, ok := ctx.Value(callerKey{}).(caller)
	if !ok || who.agent == nil {
		return out, ordinaut.Errorf(ordinaut.CodeUnauthenticated, "the call has no agent; connect with a credential")
	}
	c.agent, c.source = who.agent, who.source
	if !c.agent.May(d.scope) {
		return out, s.deny(ctx, c, d)
	}
	in, err := arguments[In](d, c, req)
	if err != nil {
		return out, err
	}
	return h(ctx, c, in)
}

// deny records that the agent lacks the tool's scope, and returns the error that says so. What cannot be
// recorded is denied all the same.
func (s *Server) deny(ctx context.Context, c *call, d *definition) error {
	if err := s.cfg.Store.Deny(context.WithoutCancel(ctx), c.mutation(""), d.scope); err != nil {
		s.cfg.Log.ErrorContext(ctx, "denial was not audited", "tool", c.tool, "request_id", c.requestID, "err", err)
	}
	return ordinaut.Errorf(ordinaut.CodePermissionDenied, "%s needs the scope %s, which this credential does not have", d.name, d.scope)
}

// arguments validates and decodes a call's arguments, and sets their digest.
func arguments[In any](d *definition, c *call, req mcp.CallToolRequest) (In, error) {
	var none In
	raw := req.Params.RawArguments
	if raw == nil && req.Params.Arguments != nil { // a caller in this process may skip the wire
		b, err := json.Marshal(req.Params.Arguments)
		if err != nil {
			return none, err
		}
		raw = b
	}
	args, err := parseArguments(raw)
	if err != nil {
		return none, err
	}
	if err := d.checkTexts(args); err != nil {
		return none, err
	}
	if err := d.validate(args); err != nil {
		return none, err
	}
	if _, err := canonical(args, ""); err != nil {
		return none, err
	}
	if c.digest, err = digest(args); err != nil {
		return none, err
	}
	in, err := decode[In](args)
	if bad, ok := errors.AsType[*time.ParseError](err); ok {
		return none, notInstant(args, bad.Value)
	}
	if err != nil {
		return none, fmt.Errorf("decode arguments that fit the schema: %w", err)
	}
	return in, nil
}

// record writes the call's line to the log and counts it.
func (s *Server) record(ctx context.Context, c *call, err error, took time.Duration) {
	code := "ok"
	if err != nil {
		code = string(codeOf(err))
	}
	s.metrics.calls.WithLabelValues(c.tool, code).Inc()
	s.metrics.seconds.WithLabelValues(c.tool).Observe(took.Seconds())
	level, attrs := slog.LevelInfo, []any{"tool", c.tool, "code", code, "took", took, "request_id", c.requestID}
	if c.agent != nil {
		attrs = append(attrs, "agent", c.agent.Name)
	}
	if code == string(ordinaut.CodeInternal) {
		level = slog.LevelError
	}
	if cause := causeOf(err); cause != nil {
		attrs = append(attrs, "err", cause)
	}
	s.cfg.Log.Log(ctx, level, "tool called", attrs...)
}

// causeOf returns what the log may know of err. What is told to the caller can repeat arguments, which
// are no business of the log's; what is behind it is.
func causeOf(err error) error {
	var public *ordinaut.Error
	if errors.As(err, &public) && public.Code != ordinaut.CodeInternal {
		return public.Err
	}
	return err
}

// requestID returns the front's id of the call, or a fresh one for a caller without a front.
func requestID(ctx context.Context) string {
	if id := front.RequestID(ctx); id != "" {
		return id
	}
	var b [8]byte
	rand.Read(b[:]) //nolint:errcheck // never fails, by its documentation
	return "req_" + hex.EncodeToString(b[:])
}
