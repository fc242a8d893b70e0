package front

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	maxIDBytes     = 256
	maxSafeInt     = 1<<53 - 1 // readers that use float64 lose digits beyond it
	maxURIBytes    = 2048
	maxMethodBytes = 128
	maxNameBytes   = 128
)

// message is one JSON-RPC message that passed the scan. The raw members are slices of body.
type message struct {
	body        []byte
	id          json.RawMessage // nil for a notification
	method      string          // empty for a response
	name        string          // params.name
	uri         string          // params.uri of a method about one resource
	version     string          // protocol version that _meta declares
	token       json.RawMessage // progress token, nil if none was sent
	cancels     json.RawMessage // params.requestId, what a cancellation names
	result      json.RawMessage
	failure     json.RawMessage
	badArgument *badArgument

	jsonrpc, rawMethod, rawName, rawURI, rawVersion, params json.RawMessage
}

// badArgument is text in a call's arguments that no tool may receive.
type badArgument struct {
	pointer string
	msg     string
}

// parse reads one message. The fault, if any, is what to answer; it carries the message's id when the
// message was readable enough to have one.
func parse(body []byte, maxDepth, maxText int) (*message, *fault) {
	m := &message{body: body}
	s := scanner{in: body, maxDepth: maxDepth, maxText: maxText, msg: m}
	if f := s.scanAll(); f != nil {
		return nil, f
	}
	if f := m.check(); f != nil {
		if goodID(m.id) {
			f.id = m.id
		}
		return nil, f
	}
	return m, nil
}

// keep stores a member that routing needs. It reports false for a name that differs from a needed one
// in case only: the decoders behind us would take it for that one.
func (m *message) keep(at place, name string, raw json.RawMessage) bool {
	switch at {
	case placeRoot:
		switch name {
		case "jsonrpc":
			m.jsonrpc = raw
		case "id":
			m.id = raw
		case "method":
			m.rawMethod = raw
		case "params":
			m.params = raw
		case "result":
			m.result = raw
		case "error":
			m.failure = raw
		default:
			return !folds(name, "jsonrpc", "id", "method", "params", "result", "error")
		}
	case placeParams:
		switch name {
		case "name":
			m.rawName = raw
		case "uri":
			m.rawURI = raw
		case "requestId":
			m.cancels = raw
		case "_meta", "arguments":
		default:
			return !folds(name, "name", "uri", "requestId", "_meta", "arguments")
		}
	case placeMeta:
		switch name {
		case "progressToken":
			m.token = raw
		case mcp.MetaKeyProtocolVersion:
			m.rawVersion = raw
		default:
			return !folds(name, "progressToken", mcp.MetaKeyProtocolVersion)
		}
	}
	return true
}

func folds(name string, known ...string) bool {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return true
		}
	}
	return false
}

// check decides what kind of message this is and refuses what is none.
func (m *message) check() *fault {
	switch {
	case string(m.jsonrpc) != `"2.0"`:
		return &fault{code: codeInvalidRequest, msg: `the message must have "jsonrpc": "2.0"`}
	case m.id != nil && !goodID(m.id):
		return &fault{code: codeInvalidRequest, msg: "id must be a string of at most 256 bytes or an integer between -9007199254740991 and 9007199254740991"}
	case m.rawMethod == nil:
		return m.checkResponse()
	case m.result != nil || m.failure != nil:
		return &fault{code: codeInvalidRequest, msg: "a message has either a method or a result or an error"}
	}
	method, ok := plainText(m.rawMethod)
	if !ok || !plainName(bytes.ReplaceAll([]byte(method), []byte("/"), []byte(".")), maxMethodBytes) {
		if m.id == nil {
			return &fault{code: codeInvalidRequest, msg: "method must be the name of a method"}
		}
		return &fault{code: codeMethodNotFound, msg: msgMethodNotFound}
	}
	m.method = method
	if m.id == nil && !strings.HasPrefix(method, "notifications/") {
		return &fault{code: codeInvalidRequest, msg: "a request must have an id; only notifications/… go without"}
	}
	if m.params != nil && m.params[0] != '{' {
		return &fault{code: codeInvalidParams, msg: "params must be an object"}
	}
	return m.checkParams()
}

func (m *message) checkResponse() *fault {
	if m.id == nil || (m.result == nil) == (m.failure == nil) {
		return &fault{code: codeInvalidRequest, msg: "the message is neither a request nor a notification nor a response"}
	}
	return nil
}

// checkParams checks the parameters that an answer could otherwise repeat, so that no name or URI of
// odd bytes comes near one.
func (m *message) checkParams() *fault {
	if m.rawVersion != nil {
		v, ok := plainText(m.rawVersion)
		if !ok || !plainName([]byte(v), 32) {
			return &fault{code: codeInvalidParams, msg: "_meta." + mcp.MetaKeyProtocolVersion + " must be a date such as " + mcp.ProtocolVersion20260728}
		}
		m.version = v
	}
	if m.token != nil && !goodID(m.token) {
		return &fault{code: codeInvalidParams, msg: "_meta.progressToken must be a string of at most 256 bytes or a safe integer"}
	}
	switch m.method {
	case string(mcp.MethodToolsCall), string(mcp.MethodPromptsGet):
		name, ok := plainText(m.rawName)
		if !ok || !plainName([]byte(name), maxNameBytes) {
			return &fault{code: codeInvalidParams, msg: "params.name must be 1 to 128 characters of A-Z a-z 0-9 _ . -"}
		}
		m.name = name
	case string(mcp.MethodResourcesRead), string(mcp.MethodResourcesSubscribe), string(mcp.MethodResourcesUnsubscribe):
		if m.rawURI == nil {
			return nil // the server says what is missing, or that it has no such method
		}
		uri, ok := plainText(m.rawURI)
		if !ok || uri == "" || len(uri) > maxURIBytes || strings.ContainsAny(uri, " \"<>\\^`{|}") {
			return &fault{code: codeInvalidParams, msg: "params.uri must be a URI of at most 2048 characters"}
		}
		m.uri = uri
	}
	return nil
}

// plainText returns the value of a string literal of printable ASCII without escapes.
func plainText(raw json.RawMessage) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' {
			var v string
			if json.Unmarshal(raw, &v) != nil || !printable(v) {
				return "", false
			}
			return v, true
		}
	}
	return string(inner), printable(string(inner))
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// goodID reports whether raw is a string or an integer that every reader keeps exactly.
func goodID(raw json.RawMessage) bool {
	if len(raw) == 0 || len(raw) > maxIDBytes {
		return false
	}
	if raw[0] == '"' {
		return true
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil && -maxSafeInt <= n && n <= maxSafeInt
}
