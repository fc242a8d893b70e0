package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
)

// exchange is one HTTP request and its response.
type exchange struct {
	*Front
	w       http.ResponseWriter
	r       *http.Request
	call    *call
	reply   *reply
	key     string // who calls
	outcome string
	stream  bool
}

// serve takes one request through all gates. Those that need the head only come first, so that nothing
// of a stranger is buffered or parsed.
func (f *Front) serve(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	c := &call{requestID: newRequestID(), transport: transportHTTP, era: eraNone}
	x := &exchange{Front: f, w: w, r: r, call: c, reply: newReply(w, r), outcome: outcomeRefused}
	c.out = x.reply
	h := w.Header()
	h.Set("X-Request-Id", c.requestID)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")

	defer f.metrics.began(transportHTTP)()
	defer func() { f.observe(r.Context(), c, x.outcome, started, x.stream) }() //nolint:contextcheck // the request has it
	defer x.rescue()
	if !f.life.enter() {
		x.outcome = outcomeUnavailable
		x.refuse(&fault{code: codeRefused, status: http.StatusServiceUnavailable, msg: "the server is shutting down; try again", data: refusalData{ordinaut.CodeUnavailable, c.requestID}})
		return
	}
	defer f.life.leave()
	x.boundReading()
	if flt := x.run(); flt != nil { //nolint:contextcheck // the request has it
		x.refuse(flt)
	}
}

// boundReading gives the body its time, before anybody is known: one that never ends would hold its
// caller's place for ever. net/http lifts the bound when the body has arrived, so a call may take longer.
func (x *exchange) boundReading() {
	if x.r.Body != http.NoBody {
		_ = x.reply.ctrl.SetReadDeadline(time.Now().Add(x.cfg.ReadTimeout)) // a connection without deadlines is bounded by its server
	}
}

// rescue answers for a panic of ours; those of handlers never come this far.
func (x *exchange) rescue() {
	p := recover()
	switch p {
	case nil:
		return
	case http.ErrAbortHandler: //nolint:errorlint // net/http compares it so
		panic(p)
	}
	x.outcome = outcomeInternal
	x.log.Error("request panicked", "request_id", x.call.requestID, "panic", p, "stack", string(debug.Stack()))
	flt := internalFault(nil, x.call.requestID)
	flt.status = http.StatusInternalServerError
	x.refuse(flt)
}

// refuse answers with a fault.
func (x *exchange) refuse(flt *fault) {
	if flt.status == http.StatusServiceUnavailable {
		x.w.Header().Set("Retry-After", "1")
	}
	x.reply.finish(flt.httpStatus(), flt.encode())
}

// run passes the gates in order and then serves the method.
func (x *exchange) run() *fault {
	if flt := x.guard.check(x.r); flt != nil {
		return flt
	}
	switch x.r.Method {
	case http.MethodPost, http.MethodGet, http.MethodDelete:
	default:
		return x.notAllowed("POST, GET, DELETE")
	}
	if flt := x.singleHeaders(); flt != nil {
		return flt
	}
	ctx, err := x.cfg.Authenticate(x.r.Context(), x.r)
	if err != nil {
		return x.denied(err)
	}
	x.r = x.r.WithContext(ctx)
	x.key = x.cfg.Key(ctx)
	if ok, wait := x.rates.take(x.key); !ok {
		return x.tooMany(wait, fmt.Sprintf("more than %g requests a second; wait and send again", x.cfg.Rate))
	}
	if !x.calls.take(x.key) {
		return x.tooMany(time.Second, fmt.Sprintf("more than %d calls at once; wait for one to end", x.cfg.MaxConcurrent))
	}
	defer x.calls.give(x.key)
	switch x.r.Method {
	case http.MethodGet:
		return x.get()
	case http.MethodDelete:
		return x.delete()
	}
	return x.post()
}

// singleHeaders refuses a request that says twice what can be said once: whoever reads the other value
// would see another request.
func (x *exchange) singleHeaders() *fault {
	for _, name := range []string{"Authorization", "Content-Type", mcp.HeaderSessionID} {
		if len(x.r.Header.Values(name)) > 1 {
			return &fault{code: codeInvalidRequest, msg: "the header " + name + " must not be repeated"}
		}
	}
	for _, name := range []string{mcp.HeaderProtocolVersion, mcp.HeaderMethod, mcp.HeaderName} {
		if len(x.r.Header.Values(name)) > 1 {
			return &fault{code: codeHeaderMismatch, msg: "the header " + name + " must not be repeated"}
		}
	}
	return nil
}

// denied turns an error of Authenticate into an answer. An address that failed too often is told to
// wait, but a caller with a good credential passes even from there: nobody can lock others out.
func (x *exchange) denied(err error) *fault {
	flt := &fault{code: codeRefused, data: refusalData{ordinaut.CodeOf(err), x.call.requestID}}
	if known, ok := errors.AsType[*ordinaut.Error](err); ok {
		flt.msg = known.Msg
	}
	switch ordinaut.CodeOf(err) {
	case ordinaut.CodeUnauthenticated:
		if ok, wait := x.failures.take(remoteHost(x.r)); !ok {
			return x.tooMany(wait, "too many failed authentications from this address")
		}
		x.outcome, flt.status = outcomeUnauthenticated, http.StatusUnauthorized
		what := ""
		if x.r.Header.Get("Authorization") != "" {
			what = "invalid_token"
		}
		x.challenge(what, nil)
	case ordinaut.CodePermissionDenied:
		x.outcome, flt.status = outcomeForbidden, http.StatusForbidden
		if scope, ok := errors.AsType[*ScopeError](err); ok {
			flt.need = scope.Need
		}
		x.challenge("insufficient_scope", flt.need)
	case ordinaut.CodeResourceExhausted:
		return x.tooMany(time.Second, flt.msg)
	case ordinaut.CodeUnavailable:
		x.outcome, flt.status = outcomeUnavailable, http.StatusServiceUnavailable
	default:
		x.log.Error("authentication failed to decide", "request_id", x.call.requestID, "err", err)
		x.outcome = outcomeInternal
		flt = internalFault(nil, x.call.requestID)
		flt.status = http.StatusInternalServerError
	}
	return flt
}

// challenge tells the client where to learn how to authenticate, what was wrong with its credential if
// it had one, and which scopes it needs.
func (x *exchange) challenge(what string, need []string) {
	var parts []string
	if x.cfg.ResourceMetadataURL != "" {
		parts = append(parts, "resource_metadata="+strconv.Quote(x.cfg.ResourceMetadataURL))
	}
	if what != "" {
		parts = append(parts, "error="+strconv.Quote(what))
	}
	if len(need) > 0 {
		parts = append(parts, "scope="+strconv.Quote(strings.Join(need, " ")))
	}
	x.w.Header().Set("WWW-Authenticate", strings.TrimSpace("Bearer "+strings.Join(parts, ", ")))
}

func (x *exchange) tooMany(wait time.Duration, msg string) *fault {
	x.outcome = outcomeRateLimited
	x.w.Header().Set("Retry-After", strconv.Itoa(retrySeconds(wait)))
	return &fault{code: codeRefused, status: http.StatusTooManyRequests, msg: msg, data: refusalData{ordinaut.CodeResourceExhausted, x.call.requestID}}
}

func (x *exchange) notAllowed(allow string) *fault {
	x.w.Header().Set("Allow", allow)
	return &fault{code: codeInvalidRequest, status: http.StatusMethodNotAllowed, msg: "method not allowed here; allowed: " + allow}
}

// remoteHost returns the address of the peer. Forwarding headers are not believed: anybody can send them.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// dispatchHTTP runs the call and writes its answer.
func (x *exchange) dispatchHTTP(ctx context.Context, s *session) answer {
	a := x.dispatch(ctx, x.call, s)
	x.outcome = a.outcome
	if a.outcome == outcomeOK && x.r.Context().Err() != nil {
		x.outcome = outcomeCanceled
	}
	return a
}
