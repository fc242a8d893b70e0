package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
)

// failure is the structured content of a call that went wrong.
type failure struct {
	Code    ordinaut.Code `json:"code"`
	Message string        `json:"message"`
	// Pointer is the JSON pointer of the argument at fault.
	Pointer string `json:"pointer,omitempty"`
	// Allowed lists the values that would have been accepted, if they are few.
	Allowed []string `json:"allowed,omitempty"`
	// Example is a value that works: JSON, or text.
	Example any `json:"example,omitempty"`
	// RequestID is what the log knows the call by.
	RequestID string `json:"request_id"`
}

// argumentError is an invalid argument with what a schema knows about it.
type argumentError struct {
	public  *ordinaut.Error
	allowed []string
}

func (e *argumentError) Error() string { return e.public.Error() }
func (e *argumentError) Unwrap() error { return e.public }

// codeOf returns the code under which err is told, counted and logged.
func codeOf(err error) ordinaut.Code {
	var public *ordinaut.Error
	switch {
	case errors.As(err, &public):
		return public.Code
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ordinaut.CodeDeadlineExceeded
	default:
		return ordinaut.CodeInternal
	}
}

// failure makes err the answer of a call. Only what an [ordinaut.Error] says is told; anything else is
// for the log, and the answer names the request id under which it is there.
func (s *Server) failure(d *definition, c *call, err error) *mcp.CallToolResult {
	f := failure{Code: codeOf(err), RequestID: c.requestID}
	var public *ordinaut.Error
	switch {
	case errors.As(err, &public) && f.Code != ordinaut.CodeInternal:
		// A message may quote a name or an expression of the caller's.
		f.Message, f.Pointer = printable(public.Msg), tidy(public.Pointer, maxPointerChars)
		f.Example = exampleValue(public.Example)
	case f.Code == ordinaut.CodeDeadlineExceeded:
		f.Message = "the call was cancelled or took too long"
	default:
		f.Message = "internal error; nothing is wrong with the call, and the server's log has the details"
	}
	if argument, ok := errors.AsType[*argumentError](err); ok {
		f.Allowed = argument.allowed
	}
	if f.Code == ordinaut.CodeInvalidArgument && f.Example == nil {
		f.Example = d.exampleFor(f.Pointer)
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{mcp.NewTextContent(f.text())},
		StructuredContent: f,
		IsError:           true,
	}
}

// text returns the failure as one paragraph.
func (f failure) text() string {
	var b strings.Builder
	b.WriteString(string(f.Code))
	if f.Pointer != "" {
		b.WriteString(" at " + f.Pointer)
	}
	b.WriteString(": " + f.Message)
	if !strings.HasSuffix(f.Message, "?") {
		b.WriteByte('.')
	}
	if n := len(f.Allowed); n > 0 && !strings.Contains(f.Message, f.Allowed[n-1]) { // many messages list them
		b.WriteString(" Allowed: " + strings.Join(f.Allowed, ", ") + ".")
	}
	switch example := f.Example.(type) {
	case json.RawMessage:
		b.WriteString(" Example: " + string(example))
	case string:
		b.WriteString(" Example: " + example)
	}
	fmt.Fprintf(&b, " (%s)", f.RequestID)
	return b.String()
}

// exampleValue returns an error's example as JSON if it is an object or an array, else as text.
func exampleValue(text string) any {
	if text == "" {
		return nil
	}
	if (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

// exampleFor returns the part of the tool's example that a model needs to correct the argument at
// pointer: the top-level argument that holds it, else the whole example.
func (d *definition) exampleFor(pointer string) any {
	top, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	all, err := members(d.example)
	if err != nil || len(all) == 0 {
		return nil
	}
	for _, m := range all {
		if m.key == top {
			return json.RawMessage(fmt.Sprintf("{%q:%s}", m.key, m.value))
		}
	}
	return d.example
}
