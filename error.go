package ordinaut

import (
	"errors"
	"fmt"
)

// Code classifies an [Error] for a caller. The list is closed and each value is stable: clients,
// metrics and documentation use the same word.
type Code string

// Codes of errors meant for a caller.
const (
	CodeInvalidArgument    Code = "invalid_argument"    // the request is wrong; correct and send again
	CodeUnauthenticated    Code = "unauthenticated"     // no credential, or one that is not valid
	CodePermissionDenied   Code = "permission_denied"   // the credential lacks a scope
	CodeNotFound           Code = "not_found"           // no such object in the caller's namespace
	CodeConflict           Code = "conflict"            // the object's state or version forbids it
	CodeResourceExhausted  Code = "resource_exhausted"  // a quota or rate limit; the message says when to come back
	CodeFailedPrecondition Code = "failed_precondition" // something must be set up first
	CodeUnavailable        Code = "unavailable"         // a dependency is away; the same call may work later
	CodeDeadlineExceeded   Code = "deadline_exceeded"   // a time limit passed
	CodeInternal           Code = "internal"            // our fault; the log has the details under the request id
)

// Error is an error meant for the caller. Msg is shown as is and says what was wrong, where and what
// is allowed; Pointer, if set, is the JSON pointer of the offending argument; Example, if set, is a
// corrected value. Err, if any, goes to the log only.
type Error struct {
	Code    Code
	Msg     string
	Pointer string
	Example string
	Err     error
}

// Error returns the code and the message, and the wrapped error if there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Msg, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Msg)
}

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an [Error] with a formatted message. It does not wrap: use the struct for that.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// Invalid returns an invalid_argument [Error] about the argument at pointer.
func Invalid(pointer, format string, args ...any) *Error {
	return &Error{Code: CodeInvalidArgument, Pointer: pointer, Msg: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the first [Error] in err's chain, or [CodeInternal].
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// ErrLeaseLost says that an attempt's epoch is no longer current: another attempt owns the run, or the
// run has ended. The attempt must stop at once and write nothing more.
var ErrLeaseLost = errors.New("lease lost")
