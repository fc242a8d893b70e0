package mcp

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/ordinaut/ordinaut"
)

const maxKeyBytes = 200

type callerKey struct{}

// caller is who makes a call, and from where.
type caller struct {
	agent  *ordinaut.Agent
	source string
}

// WithAgent returns a context whose calls are made by agent on this machine. It is for stdio, where
// the local user is the agent.
func WithAgent(ctx context.Context, agent *ordinaut.Agent) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{agent, "stdio"})
}

// Authenticate returns a context whose calls are made by the agent that the request's bearer key
// belongs to. Keys in the query or in a body are not looked at. It returns an unauthenticated
// [ordinaut.Error] without a valid key, whatever is wrong with it, and an unavailable one if the store
// cannot be asked.
func (s *Server) Authenticate(ctx context.Context, r *http.Request) (context.Context, error) {
	key, found := bearer(r.Header)
	if !found {
		return nil, ordinaut.Errorf(ordinaut.CodeUnauthenticated,
			"no credential: send the header Authorization: Bearer and an API key (ordinaut agent bootstrap makes the first)")
	}
	agent, err := s.cfg.Store.AgentByKey(ctx, key)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return context.WithValue(ctx, callerKey{}, caller{agent, host}), nil
}

// bearer returns the key of the only Authorization header, if it is of that scheme and of a sane size.
func bearer(h http.Header) (string, bool) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, key, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || key == "" || len(key) > maxKeyBytes {
		return "", false
	}
	return key, true
}

// CallerKey names the agent in ctx for limits and sessions, and is "" without one.
func CallerKey(ctx context.Context) string {
	who, ok := ctx.Value(callerKey{}).(caller)
	if !ok || who.agent == nil {
		return ""
	}
	return who.agent.ID.String()
}
