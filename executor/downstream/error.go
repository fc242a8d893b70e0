package downstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
)

// Error says why a tool could not be called or did not succeed. Msg is meant for the task's owner.
type Error struct {
	Reason ordinaut.Reason
	Msg    string
	// RetryAfter is how long the server asked to wait; zero if it did not say.
	RetryAfter time.Duration
	Err        error
}

// Error returns the message, and the wrapped error if there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Msg + ": " + e.Err.Error()
	}
	return e.Msg
}

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

func unavailable(server string, err error) *Error {
	return &Error{Reason: ordinaut.ReasonServerUnavailable, Msg: fmt.Sprintf("the server %q could not be reached", server), Err: withoutURL(err)}
}

// hiddenURLError is an error whose text had a URL in it.
type hiddenURLError struct {
	text string
	err  error
}

func (e *hiddenURLError) Error() string { return e.text }
func (e *hiddenURLError) Unwrap() error { return e.err }

// withoutURL returns err without the URL that an HTTP client's error repeats: agents read it, and what
// stands in a server's URL may be its credential.
func withoutURL(err error) error {
	request, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err
	}
	text := strings.ReplaceAll(err.Error(), request.Error(), request.Err.Error())
	return &hiddenURLError{strings.ReplaceAll(text, request.URL, "its url"), err}
}

// busyError is an HTTP answer that asks to come later.
type busyError struct {
	status int
	after  time.Duration
}

func (e *busyError) Error() string { return fmt.Sprintf("the server answered %d", e.status) }

// translate makes of a call's error one of ours; broken reports whether the connection is to blame.
func translate(ctx context.Context, name string, err error) (e error, broken bool) { //nolint:revive // the error is the result here
	var busy *busyError
	var rpc *transport.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx), false
	case errors.As(err, &busy) && busy.status == http.StatusTooManyRequests:
		return &Error{Reason: ordinaut.ReasonRateLimited, Msg: name + ": " + busy.Error(), RetryAfter: busy.after}, false
	case errors.As(err, &busy):
		return &Error{Reason: ordinaut.ReasonServerUnavailable, Msg: name + ": " + busy.Error(), RetryAfter: busy.after}, false
	case errors.Is(err, transport.ErrAuthorizationRequired), errors.Is(err, transport.ErrOAuthAuthorizationRequired):
		return &Error{Reason: ordinaut.ReasonPermissionDenied, Msg: name + ": the server refused the credential"}, false
	case errors.As(err, &rpc):
		server, _, _ := strings.Cut(name, ".")
		return unavailable(server, rpc.Err), true
	case errors.Is(err, mcp.ErrInvalidParams):
		return &Error{Reason: ordinaut.ReasonInputInvalid, Msg: fmt.Sprintf("%s refused its input: %s", name, withoutURL(err))}, false
	default:
		return &Error{Reason: ordinaut.ReasonActionFailed, Msg: fmt.Sprintf("%s failed: %s", name, withoutURL(err))}, false
	}
}
