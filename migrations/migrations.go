// Package migrations holds the database schema as numbered SQL files: four digits, contiguous,
// forward only. Package store applies them.
package migrations

import "embed"

// Files holds the migrations, by name, for example 0001_agents.sql.
//
//go:embed *.sql
var Files embed.FS
