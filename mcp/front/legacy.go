package front

import (
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// legacy serves a message of the era with a handshake.
func (x *exchange) legacy() *fault {
	m := x.call.msg
	if flt := x.legacyVersion(); flt != nil {
		flt.id = m.id
		return flt
	}
	if m.method == string(mcp.MethodInitialize) && m.id != nil {
		return x.initialize()
	}
	s, flt := x.session()
	if flt != nil {
		flt.id = m.id
		return flt
	}
	if m.method == "" { // an answer to a question of ours, or to one that nobody waits for any more
		s.deliver(m)
		x.outcome = outcomeOK
		x.reply.finish(http.StatusAccepted, nil)
		return nil
	}
	x.answer(x.dispatchHTTP(x.r.Context(), s))
	return nil
}

// initialize opens a session that belongs to the caller.
func (x *exchange) initialize() *fault {
	s := x.sessions.create(x.key)
	a := x.dispatchHTTP(x.r.Context(), s)
	if a.fault != nil {
		x.sessions.end(s.id)
	} else {
		x.w.Header().Set(mcp.HeaderSessionID, s.id)
	}
	x.answer(a)
	return nil
}

// legacyVersion refuses versions that we do not know. A request without the header is of a client that
// is older than the header.
func (x *exchange) legacyVersion() *fault {
	version := x.r.Header.Get(mcp.HeaderProtocolVersion)
	if version == "" || mcp.IsValidProtocolVersion(version) {
		return nil
	}
	return unsupportedVersion(version)
}

// session returns the caller's session.
func (x *exchange) session() (*session, *fault) {
	id := x.r.Header.Get(mcp.HeaderSessionID)
	if id == "" {
		return nil, &fault{code: codeInvalidRequest, msg: "the header " + mcp.HeaderSessionID + " is missing: send initialize first, or use protocol version " + mcp.ProtocolVersion20260728}
	}
	s := x.sessions.open(id, x.key)
	if s == nil {
		return nil, &fault{code: codeInvalidRequest, status: http.StatusNotFound, msg: "no such session: it ended, or is not yours; send initialize again"}
	}
	s.Initialize()
	if version := x.r.Header.Get(mcp.HeaderProtocolVersion); version != "" && s.ProtocolVersion() == "" {
		s.SetProtocolVersion(version) // forgotten here, or begun on another replica
	}
	return s, nil
}

// get opens the stream on which a legacy client hears what belongs to none of its calls.
func (x *exchange) get() *fault {
	s, flt := x.bodiless()
	if flt != nil {
		return flt
	}
	if !x.reply.canStream {
		return &fault{code: codeInvalidRequest, status: http.StatusNotAcceptable, msg: "GET opens a stream and needs Accept: text/event-stream"}
	}
	if !s.streaming.CompareAndSwap(false, true) {
		return &fault{code: codeInvalidRequest, status: http.StatusConflict, msg: "the session has an open stream already"}
	}
	defer s.streaming.Store(false)
	if !x.open.take(x.key) {
		return x.tooMany(time.Second, "too many open streams; close one")
	}
	defer x.open.give(x.key)
	x.stream, x.outcome = true, outcomeOK
	x.reply.start()
	defer x.reply.finish(http.StatusOK, nil)
	end := x.broadcasts(x.r.Context(), s, x.reply)
	defer end()
	t := time.NewTicker(x.cfg.KeepAlive)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			x.reply.beat()
		case <-x.r.Context().Done():
			return nil
		case <-s.ended:
			return nil
		case <-x.streams.Done():
			return nil
		}
	}
}

// delete ends the caller's session.
func (x *exchange) delete() *fault {
	s, flt := x.bodiless()
	if flt != nil {
		return flt
	}
	x.sessions.end(s.id)
	x.outcome = outcomeOK
	x.reply.finish(http.StatusOK, nil)
	return nil
}

// bodiless returns the session of a request without a body. The stateless era has no such requests.
func (x *exchange) bodiless() (*session, *fault) {
	if mcp.IsModernProtocol(x.r.Header.Get(mcp.HeaderProtocolVersion)) {
		x.call.era = eraModern
		return nil, x.notAllowed("POST")
	}
	x.call.era = eraLegacy
	if flt := x.legacyVersion(); flt != nil {
		return nil, flt
	}
	return x.session()
}
