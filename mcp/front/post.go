package front

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// post reads one message and serves it in the era that it belongs to.
func (x *exchange) post() *fault {
	m, flt := x.read()
	if flt != nil {
		return flt
	}
	x.call.msg = m
	if mcp.IsModernProtocol(m.version) || mcp.IsModernProtocol(x.r.Header.Get(mcp.HeaderProtocolVersion)) {
		x.call.era = eraModern
		return x.modern()
	}
	x.call.era = eraLegacy
	return x.legacy()
}

// read takes the body in and parses it.
func (x *exchange) read() (*message, *fault) {
	media, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	if err != nil || media != "application/json" || (charset != "" && charset != "utf-8") {
		return nil, &fault{code: codeInvalidRequest, status: http.StatusUnsupportedMediaType, msg: "Content-Type must be application/json in UTF-8"}
	}
	if e := x.r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, &fault{code: codeInvalidRequest, status: http.StatusUnsupportedMediaType, msg: "Content-Encoding is not supported: send the body as it is"}
	}
	limit := int64(x.cfg.MaxBodyBytes)
	tooLarge := &fault{code: codeInvalidRequest, status: http.StatusRequestEntityTooLarge, msg: "the message is larger than this server accepts"}
	if x.r.ContentLength > limit {
		return nil, tooLarge
	}
	var body bytes.Buffer
	if x.r.ContentLength > 0 {
		body.Grow(int(x.r.ContentLength) + bytes.MinRead) // so that ReadFrom never grows it again
	}
	_, err = body.ReadFrom(http.MaxBytesReader(x.w, x.r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &fault{code: codeInvalidRequest, status: http.StatusRequestTimeout, msg: "the message took too long to arrive"}
	case err != nil && !errors.Is(err, io.EOF):
		return nil, &fault{code: codeParse, msg: "the message did not arrive whole"}
	}
	return parse(body.Bytes(), x.cfg.MaxDepth, x.cfg.MaxTextBytes)
}

// modern serves a message of the stateless era. Each has a session of its own that ends with it, so
// ids of different callers never meet and a cancellation, which over HTTP is a closed connection,
// cannot reach another's call.
func (x *exchange) modern() *fault {
	m := x.call.msg
	if flt := x.modernHeaders(); flt != nil {
		flt.id = m.id
		return flt
	}
	if m.method == "" {
		return &fault{code: codeInvalidRequest, id: m.id, msg: "this protocol version has no requests of the server that a client could answer"}
	}
	s := newSession(x.call.requestID)
	if m.method == string(mcp.MethodSubscriptionsListen) && m.id != nil {
		return x.subscribe(s)
	}
	a := x.dispatchHTTP(x.r.Context(), s)
	x.answer(a)
	return nil
}

// answer writes an answer; a message that gets none is acknowledged.
func (x *exchange) answer(a answer) {
	switch {
	case a.fault != nil && (x.call.era == eraModern || a.fault.status != 0):
		if a.fault.status == http.StatusForbidden {
			x.outcome = outcomeForbidden
			x.challenge("insufficient_scope", a.fault.need)
		}
		x.reply.finish(a.fault.httpStatus(), a.bytes())
	case a.bytes() == nil:
		x.reply.finish(http.StatusAccepted, nil)
	default:
		x.reply.finish(http.StatusOK, a.bytes())
	}
}

// subscribe serves subscriptions/listen on a stream with keep-alives.
func (x *exchange) subscribe(s *session) *fault {
	if !x.reply.canStream {
		return &fault{code: codeInvalidRequest, id: x.call.msg.id, status: http.StatusNotAcceptable, msg: "subscriptions/listen needs Accept: text/event-stream"}
	}
	if !x.open.take(x.key) {
		return x.tooMany(time.Second, "too many open streams; close one")
	}
	defer x.open.give(x.key)
	x.stream = true
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		x.keepAlive(stop)
	}()
	a := x.dispatchHTTP(x.r.Context(), s)
	close(stop)
	<-stopped
	x.answer(a)
	return nil
}

// keepAlive writes comments until stop is closed.
func (x *exchange) keepAlive(stop <-chan struct{}) {
	t := time.NewTicker(x.cfg.KeepAlive)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			x.reply.beat()
		case <-stop:
			return
		}
	}
}

// modernHeaders checks what this era says in headers as well as in the body, so that whatever routes or
// guards by the headers sees the same call as we do.
func (x *exchange) modernHeaders() *fault {
	h, m := x.r.Header, x.call.msg
	version := h.Get(mcp.HeaderProtocolVersion)
	switch {
	case h.Get(mcp.HeaderLastEventID) != "":
		return &fault{code: codeHeaderMismatch, msg: mcp.HeaderLastEventID + " is not supported: streams of this protocol version are not resumed"}
	case version == "":
		return &fault{code: codeHeaderMismatch, msg: "the header " + mcp.HeaderProtocolVersion + " is missing"}
	case m.method == "": // a response has no _meta
		return nil
	case m.version == "":
		return &fault{code: codeInvalidParams, msg: "_meta." + mcp.MetaKeyProtocolVersion + " is missing"}
	case !mcp.IsValidProtocolVersion(version):
		return unsupportedVersion(version)
	case version != m.version:
		return &fault{code: codeHeaderMismatch, msg: msgHeaders}
	case m.id == nil:
		return nil
	}
	method := mcp.MCPMethod(m.method)
	if mcp.ValidateStandardHeaders(h.Get, version, method, m.params) != nil {
		return &fault{code: codeHeaderMismatch, msg: msgHeaders}
	}
	if method != mcp.MethodToolsCall {
		return nil
	}
	tool := x.server.GetTool(m.name)
	if tool == nil {
		return nil // the server says so
	}
	lookup := func(name string) (string, bool) {
		values := h.Values(name)
		return strings.Join(values, ", "), len(values) > 0
	}
	if mcp.ValidateParamHeadersLookup(lookup, &tool.Tool, m.params) != nil {
		return &fault{code: codeHeaderMismatch, msg: "an " + mcp.HeaderParamPrefix + "… header disagrees with the argument that it stands for"}
	}
	return nil
}

// unsupportedVersion says what we do speak. version is repeated only if it is a plain word.
func unsupportedVersion(version string) *fault {
	if !plainName([]byte(version), 32) {
		version = ""
	}
	return &fault{
		code: codeUnsupportedVersion, msg: "this protocol version is not supported",
		data: mcp.UnsupportedProtocolVersionData{Supported: mcp.ValidProtocolVersions, Requested: version},
	}
}
