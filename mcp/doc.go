// Package mcp is Ordinaut's face: the tools that an assistant calls over the Model Context Protocol.
//
// Each tool is a file of this package named for it, a method of [Server] named alike, and a schema in
// schemas/tools. A call takes one way: the agent is found in the context, its scope is checked, the
// arguments are validated against the tool's schema with messages that a model can act on, decoded
// into the tool's own struct, and handled; the answer is structured content and a short text that
// stands on its own. Errors are answers too, with a stable code, and never hold what only the log may
// have.
//
// Package mcp/front carries the bytes. Together they are the only users of the protocol's server
// library.
package mcp
