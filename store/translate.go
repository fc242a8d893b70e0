package store

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ordinaut/ordinaut"
)

// translate makes of a driver's error one of ours: connection trouble is unavailable, a time limit
// deadline_exceeded, a missing row not_found, a unique key conflict. Errors of ours and a canceled
// context pass as they are; the rest stays an internal error for the log.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var ours *ordinaut.Error
	if errors.As(err, &ours) || errors.Is(err, context.Canceled) {
		return err
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return translateState(pg, err)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return &ordinaut.Error{Code: ordinaut.CodeNotFound, Msg: "no such object", Err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &ordinaut.Error{Code: ordinaut.CodeDeadlineExceeded, Msg: "the database did not answer in time", Err: err}
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || isClosed(err) {
		return &ordinaut.Error{Code: ordinaut.CodeUnavailable, Msg: "the database is away; the same call may work in a moment", Err: err}
	}
	return err
}

// isClosed reports whether err is a connection's end in the middle of an answer.
func isClosed(err error) bool {
	// pgconn and io report a lost connection by unexported or general types, of which these are the roots.
	for ; err != nil; err = errors.Unwrap(err) {
		switch err.Error() {
		case "conn closed", "closed pool", "unexpected EOF", "EOF":
			return true
		}
	}
	return false
}

func translateState(pg *pgconn.PgError, err error) error {
	unavailable := &ordinaut.Error{Code: ordinaut.CodeUnavailable, Msg: "the database is busy or restarting; the same call may work in a moment", Err: err}
	switch pg.Code {
	case "23505": // unique_violation
		return &ordinaut.Error{Code: ordinaut.CodeConflict, Msg: "an object with this key exists already", Err: err}
	case "23503": // foreign_key_violation
		return &ordinaut.Error{Code: ordinaut.CodeNotFound, Msg: "the object it refers to does not exist", Err: err}
	case "23514", "22P05", "22021", "22P02", "22003": // check_violation, untranslatable or invalid text, number out of range
		return &ordinaut.Error{Code: ordinaut.CodeInvalidArgument, Msg: "a value cannot be stored", Err: err}
	case "57014": // query_canceled, by statement_timeout
		return &ordinaut.Error{Code: ordinaut.CodeDeadlineExceeded, Msg: "the database did not answer in time", Err: err}
	case "42P01", "42883", "42703": // undefined_table, undefined_function, undefined_column
		return &ordinaut.Error{Code: ordinaut.CodeFailedPrecondition, Msg: "the database is not migrated to this version: run ordinaut migrate", Err: err}
	case "40001", "40P01", "55P03", "25006", "25P03": // serialisation, deadlock, lock timeout, read-only standby, idle in transaction
		return unavailable
	}
	switch {
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "58"):
		return unavailable // connection, resources, operator intervention, system error
	}
	return err
}
