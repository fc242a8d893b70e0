package front

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/ordinaut/ordinaut"
)

// ScopeError says that a caller lacks a scope. Returned by a handler or by [Config.Authenticate], it
// becomes 403 with a challenge that names the scopes over HTTP, and an error of code permission_denied
// over stdio.
type ScopeError struct {
	Need []string // every scope that the call needs, not only the missing ones
}

// Error returns what a person is told.
func (e *ScopeError) Error() string {
	return "the credential lacks a scope; this call needs " + strings.Join(e.Need, " ")
}

// Unwrap returns the error as one of the domain.
func (e *ScopeError) Unwrap() error {
	return &ordinaut.Error{Code: ordinaut.CodePermissionDenied, Msg: e.Error()}
}

// Hooks returns what the server must be made with (server.WithHooks) for the front to see the errors
// that handlers return. Then an [ordinaut.Error] of a tool, prompt, resource or completion handler is
// answered with its message and code, a [ScopeError] as it says, and mcp.MissingRequiredClientCapabilityError
// by its own code. Every other error, and every error without these hooks, is answered as an internal one.
func Hooks() *server.Hooks {
	h := &server.Hooks{}
	h.AddOnError(func(ctx context.Context, id any, _ mcp.MCPMethod, _ any, err error) {
		// Without an id it is about a notification, and comes from another goroutine.
		if c, ok := ctx.Value(callKey{}).(*call); ok && id != nil {
			c.err = err
		}
	})
	return h
}

// knownError makes the fault for an error that is meant for the client, or returns nil.
func knownError(c *call) *fault {
	if missing, ok := errors.AsType[mcp.MissingRequiredClientCapabilityError](c.err); ok {
		return &fault{
			code: codeMissingCapability, id: c.msg.id,
			msg:  "this call needs a client that declares the capability " + cleanText(missing.Capability),
			data: map[string]any{"requiredCapabilities": map[string]any{missing.Capability: struct{}{}}},
		}
	}
	var known *ordinaut.Error
	if !errors.As(c.err, &known) || known.Code == ordinaut.CodeInternal {
		return nil
	}
	f := &fault{
		code: codeRefused, id: c.msg.id, msg: known.Msg, status: http.StatusOK,
		data: errorData{Code: known.Code, RequestID: c.requestID, Pointer: known.Pointer, Example: known.Example, URI: c.msg.uri},
	}
	switch known.Code {
	case ordinaut.CodeInvalidArgument:
		f.code, f.status = codeInvalidParams, 0
	case ordinaut.CodeNotFound:
		f.code, f.status = codeInvalidParams, 0
		if c.era == eraLegacy && c.msg.uri != "" {
			f.code = mcp.RESOURCE_NOT_FOUND
		}
	case ordinaut.CodePermissionDenied:
		f.status = http.StatusForbidden
		if scope, ok := errors.AsType[*ScopeError](c.err); ok {
			f.need = scope.Need
		}
	}
	return f
}

// errorData is the data of an error of the domain.
type errorData struct {
	Code      ordinaut.Code `json:"code"`
	RequestID string        `json:"request_id"`
	Pointer   string        `json:"pointer,omitempty"`
	Example   string        `json:"example,omitempty"`
	URI       string        `json:"uri,omitempty"`
}
