package front

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
)

// Codes of JSON-RPC and of the protocol.
const (
	codeParse              = mcp.PARSE_ERROR
	codeInvalidRequest     = mcp.INVALID_REQUEST
	codeMethodNotFound     = mcp.METHOD_NOT_FOUND
	codeInvalidParams      = mcp.INVALID_PARAMS
	codeInternal           = mcp.INTERNAL_ERROR
	codeHeaderMismatch     = mcp.HEADER_MISMATCH
	codeMissingCapability  = mcp.MISSING_REQUIRED_CLIENT_CAPABILITY
	codeUnsupportedVersion = mcp.UNSUPPORTED_PROTOCOL_VERSION
	codeRefused            = -32000 // refused before it was read as a call; data.code says why
)

const (
	msgMethodNotFound = "method not found"
	msgBadParams      = "params do not have the shape that the method takes"
	msgHeaders        = "the request's headers and its body disagree: " + mcp.HeaderProtocolVersion + ", " + mcp.HeaderMethod +
		" and, where the method names something, " + mcp.HeaderName + " must repeat what the body says"
	maxErrorText = 400
)

// fault is an error answer. Its text is ours: nothing that a client sent is in it.
type fault struct {
	code   int
	msg    string
	id     json.RawMessage // null in the answer if nil
	data   any
	status int      // HTTP status; 0 derives it from code
	need   []string // scopes to name in a challenge
}

// wireError is a JSON-RPC error answer.
type wireError struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   wireFailure     `json:"error"`
}

type wireFailure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// wireResult is a JSON-RPC result answer.
type wireResult struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
}

// refusalData is the data of an error that is about the caller and not about the message.
type refusalData struct {
	Code      ordinaut.Code `json:"code"`
	RequestID string        `json:"request_id"`
}

// encode returns the answer's bytes.
func (f *fault) encode() []byte {
	id := f.id
	if id == nil {
		id = json.RawMessage("null")
	}
	b, err := json.Marshal(wireError{JSONRPC: mcp.JSONRPC_VERSION, ID: id, Error: wireFailure{f.code, f.msg, f.data}})
	if err != nil { // data that does not marshal: only ours could, and the code still tells the client
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"internal error"}}`)
	}
	return b
}

// httpStatus returns the status that the stateless era prescribes for the code. An answer to a
// well-formed request of the older era is 200 whatever it says.
func (f *fault) httpStatus() int {
	if f.status != 0 {
		return f.status
	}
	switch f.code {
	case codeMethodNotFound:
		return http.StatusNotFound
	case codeInternal:
		return http.StatusOK
	}
	return http.StatusBadRequest
}

// internalFault is the answer to an error that is none of the client's business.
func internalFault(id json.RawMessage, requestID string) *fault {
	return &fault{
		code: codeInternal, id: id,
		msg:  "internal error; the server's log has the details under request id " + requestID,
		data: refusalData{ordinaut.CodeInternal, requestID},
	}
}

// cleanError makes an error of the protocol library fit to leave. The text of an internal error is a
// handler's raw Go error, which only the log may have; other texts can repeat names and header values
// of the request.
func cleanError(e mcp.JSONRPCErrorDetails, m *message, requestID string) *fault {
	f := &fault{code: e.Code, id: m.id, data: e.Data}
	switch e.Code {
	case codeInternal:
		return internalFault(m.id, requestID)
	case codeMethodNotFound:
		f.msg = msgMethodNotFound
	case codeInvalidRequest, codeParse: // the scan accepted it, so what did not decode was params
		f.code, f.msg = codeInvalidParams, msgBadParams
	case codeHeaderMismatch:
		f.msg = msgHeaders
	case codeInvalidParams, mcp.RESOURCE_NOT_FOUND:
		f.msg = cleanText(e.Message)
		if f.data == nil && m.uri != "" {
			f.data = errorData{Code: ordinaut.CodeNotFound, RequestID: requestID, URI: m.uri}
		}
	default:
		f.msg = cleanText(e.Message)
	}
	return f
}

// cleanText returns s cut to a sentence's length, with everything but printable ASCII replaced.
func cleanText(s string) string {
	if len(s) > maxErrorText {
		s = s[:maxErrorText]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
}
