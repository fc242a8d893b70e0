// Package ordinaut holds the words of the domain: what a task, a schedule, an occurrence, a run and
// a step are, which states they pass through, and which codes say why.
//
// It uses the standard library alone and does nothing by itself. Package scheduler decides when,
// package executor does, package store remembers, package mcp speaks with assistants.
package ordinaut
