package front

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/ordinaut/ordinaut"
)

// Outcomes of a message, as they are called in logs and metrics.
const (
	outcomeOK              = "ok"
	outcomeClientError     = "client_error"   // a JSON-RPC error that the client can avoid
	outcomeInternal        = "internal_error" // a handler's raw error, or a panic
	outcomeCanceled        = "canceled"       // by the client, or because it went away
	outcomeRefused         = "refused"        // not an acceptable message
	outcomeUnauthenticated = "unauthenticated"
	outcomeForbidden       = "forbidden"
	outcomeRateLimited     = "rate_limited"
	outcomeUnavailable     = "unavailable" // shutting down, or authentication is away
)

// answer is what a message came to. Neither body nor fault: nothing is to be sent.
type answer struct {
	body    []byte
	fault   *fault // set if the answer is an error; body is empty then
	outcome string
}

// bytes returns what to send, or nil.
func (a answer) bytes() []byte {
	if a.fault != nil {
		return a.fault.encode()
	}
	return a.body
}

// dispatch hands one request or notification to the server and returns the answer when everything that
// the handler reported is written. No panic leaves it.
func (f *Front) dispatch(ctx context.Context, c *call, s *session) answer {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, callKey{}, c))
	defer cancel()
	defer context.AfterFunc(f.work, cancel)() //nolint:contextcheck // the work's end is the front's, not the call's
	ctx = server.WithSupportedProtocolVersions(ctx, mcp.ValidProtocolVersions)

	if c.msg.id == nil {
		return f.notified(ctx, c, s)
	}
	if bad := c.msg.badArgument; bad != nil {
		if c.msg.method == string(mcp.MethodToolsCall) {
			return f.refuseArgument(c, bad)
		}
		return answer{fault: &fault{code: codeInvalidParams, id: c.msg.id, msg: bad.msg}, outcome: outcomeClientError}
	}
	if c.msg.token != nil {
		c.progress = &reporter{out: c.out, token: c.msg.token, every: f.cfg.ProgressEvery}
		defer c.progress.close()
	}
	id := string(c.msg.id)
	entry := s.calls.add(id, cancel)
	var resp mcp.JSONRPCMessage
	if c.era == eraModern && c.msg.method == string(mcp.MethodSubscriptionsListen) {
		resp = f.listen(ctx, c, s)
	} else {
		sc := &scope{session: s, call: c}
		resp = f.handle(f.server.WithContext(ctx, sc), c)
		sc.finish()
	}
	if c.progress != nil {
		c.progress.close()
	}
	if s.calls.remove(id, entry) {
		return answer{outcome: outcomeCanceled}
	}
	return f.conclude(ctx, c, resp)
}

// notified handles a message that gets no answer.
func (f *Front) notified(ctx context.Context, c *call, s *session) answer {
	if c.msg.method == string(mcp.MethodNotificationCancelled) {
		s.calls.cancel(string(c.msg.cancels))
		return answer{outcome: outcomeOK}
	}
	sc := &scope{session: s, call: c}
	defer sc.finish()
	if resp := f.handle(f.server.WithContext(ctx, sc), c); resp != nil {
		return answer{outcome: outcomeInternal}
	}
	return answer{outcome: outcomeOK}
}

// handle calls the server and turns a panic of a handler into an internal error.
func (f *Front) handle(ctx context.Context, c *call) (resp mcp.JSONRPCMessage) {
	defer func() {
		if p := recover(); p != nil {
			f.log.ErrorContext(ctx, "handler panicked", "request_id", c.requestID, "method", c.msg.method, "panic", p, "stack", string(debug.Stack()))
			resp = internalError(c)
		}
	}()
	return f.server.HandleMessage(ctx, c.msg.body)
}

func internalError(c *call) mcp.JSONRPCMessage {
	return mcp.JSONRPCError{
		JSONRPC: mcp.JSONRPC_VERSION, ID: mcp.NewRequestId(c.msg.id),
		Error: mcp.JSONRPCErrorDetails{Code: codeInternal},
	}
}

// conclude encodes the server's response under the id's original bytes.
func (f *Front) conclude(ctx context.Context, c *call, resp mcp.JSONRPCMessage) answer {
	switch resp := resp.(type) {
	case nil:
		return answer{outcome: outcomeOK}
	case mcp.JSONRPCResponse:
		body, err := json.Marshal(wireResult{mcp.JSONRPC_VERSION, c.msg.id, resp.Result})
		if err != nil {
			f.log.ErrorContext(ctx, "result was not encoded", "request_id", c.requestID, "method", c.msg.method, "err", err)
			return answer{fault: internalFault(c.msg.id, c.requestID), outcome: outcomeInternal}
		}
		return answer{body: body, outcome: outcomeOK}
	case mcp.JSONRPCError:
		if resp.Error.Code != codeInternal {
			return answer{fault: cleanError(resp.Error, c.msg, c.requestID), outcome: outcomeClientError}
		}
		if f := knownError(c); f != nil {
			return answer{fault: f, outcome: outcomeClientError}
		}
		if ctx.Err() != nil {
			return answer{fault: internalFault(c.msg.id, c.requestID), outcome: outcomeCanceled}
		}
		if resp.Error.Message != "" { // a panic is logged already
			f.log.ErrorContext(ctx, "handler failed", "request_id", c.requestID, "method", c.msg.method, "err", resp.Error.Message)
		}
	}
	return answer{fault: internalFault(c.msg.id, c.requestID), outcome: outcomeInternal}
}

// refuseArgument answers a tool call whose arguments hold text that no tool may receive. The model
// reads tool results and not protocol errors, so it is a result, in the form of a tool's own errors.
func (f *Front) refuseArgument(c *call, bad *badArgument) answer {
	code := ordinaut.CodeInvalidArgument
	result := mcp.NewToolResultStructured(
		map[string]any{"code": code, "message": bad.msg, "pointer": bad.pointer, "request_id": c.requestID},
		fmt.Sprintf("%s at %s: %s. (%s)", code, bad.pointer, bad.msg, c.requestID))
	result.IsError = true
	if c.era == eraModern {
		result.ResultType = mcp.ResultTypeComplete
	}
	body, err := json.Marshal(wireResult{mcp.JSONRPC_VERSION, c.msg.id, result})
	if err != nil {
		return answer{fault: internalFault(c.msg.id, c.requestID), outcome: outcomeInternal}
	}
	return answer{body: body, outcome: outcomeClientError}
}

// observe logs and counts the end of a message.
func (f *Front) observe(ctx context.Context, c *call, outcome string, started time.Time, stream bool) {
	method := "none"
	if c.msg != nil {
		method = knownMethod(c.msg.method)
	}
	took := time.Since(started)
	f.metrics.ended(c.transport, c.era, outcome, took, stream)
	f.log.InfoContext(ctx, "call ended", "request_id", c.requestID, "transport", c.transport, "era", c.era,
		"method", method, "outcome", outcome, "took", took)
}

// knownMethod returns the method's name if it is one of the protocol's, and otherwise a word that says
// so: a stranger's word is no attribute of a log line.
func knownMethod(method string) string {
	switch mcp.MCPMethod(method) {
	case "":
		return "response"
	case mcp.MethodInitialize, mcp.MethodPing, mcp.MethodServerDiscover, mcp.MethodSubscriptionsListen,
		mcp.MethodToolsList, mcp.MethodToolsCall, mcp.MethodPromptsList, mcp.MethodPromptsGet,
		mcp.MethodResourcesList, mcp.MethodResourcesTemplatesList, mcp.MethodResourcesRead,
		mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe, mcp.MethodCompletionComplete,
		mcp.MethodNotificationInitialized, mcp.MethodNotificationCancelled, mcp.MethodNotificationProgress,
		mcp.MethodNotificationRootsListChanged:
		return method
	}
	return "unknown"
}
