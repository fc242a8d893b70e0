// Package front stands between the wire and an MCP server: it decides which bytes become a call, who
// makes it, and what leaves again.
//
// One [Front] serves streamable HTTP ([Front.Handler]) and line-delimited JSON ([Front.ServeStdio]),
// each in both eras of the protocol: the stateless one (2026-07-28) and the one with a handshake and
// sessions (2025-11-25, 2025-06-18). Every message takes the same way: a strict scan, then the call,
// then an answer of which no byte was chosen by a stranger or by a Go error.
//
// Whatever a handler reports by [Progress] is written before the handler goes on, so no report is lost
// and none comes after the result it belongs to.
package front
