// Package downstream keeps the connections to the MCP servers whose tools steps can use, over stdio
// and streamable HTTP, and calls those tools.
//
// Each server has one connection, shared by all runs of the process. It is made when the pool starts,
// so that the server's tools are known before a task names one, and made again after it died, waiting
// longer after each failure. A child process gets a minimal environment and its own process group,
// which dies with it.
package downstream
