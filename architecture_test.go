package ordinaut_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// arrows says which of our own packages each part may import; a part may always import what lies
// within it. Tests are free: they wire parts together as cmd does. A directory belongs to the
// longest part that contains it, and one that belongs to none is a fault: the table is the drawing.
var arrows = map[string][]string{
	domain:           {},
	"schemas":        {},
	"migrations":     {},
	"pipeline":       {domain, "schemas"},
	"scheduler":      {domain},
	"explain":        {domain, "scheduler"},
	"store":          {domain, "migrations"},
	"store/stream":   {domain},
	"store/embedded": {domain},
	"executor":       {domain, "pipeline", "schemas"},
	"mcp":            {domain, "mcp/front", "store", "store/stream", "scheduler", "explain", "pipeline", "schemas"},
	"mcp/front":      {domain},
	"examples":       {},
	"cmd": {
		domain, "schemas", "migrations", "pipeline", "scheduler", "explain", "store", "store/stream",
		"store/embedded", "executor", "mcp", "mcp/front", "examples",
	},
}

// drivers says which parts may import a module that stands for a technology. The rest of the code
// knows the technology by the importer's methods alone.
var drivers = []struct {
	prefix    string
	importers []string
	tests     bool // tests of any part may import it too, to look behind the part or to play its peer
}{
	{"github.com/jackc/pgx", []string{"store", "migrations", "cmd"}, true},
	{"database/sql", []string{domain, "store", "migrations", "cmd"}, true},
	{"github.com/redis/go-redis", []string{"store/stream"}, true},
	{"github.com/alicebob/miniredis", []string{"store/embedded"}, true},
	{"github.com/gofrs/flock", []string{"store/embedded", "cmd"}, true},
	{"github.com/adhocore/gronx", []string{"scheduler"}, false},
	{"github.com/jmespath-community/go-jmespath", []string{"pipeline"}, false},
	{"github.com/golang-jwt/jwt", []string{"mcp"}, false},
	{"github.com/mark3labs/mcp-go/server", []string{"mcp", "examples"}, true},
	{"github.com/mark3labs/mcp-go/client", []string{"executor", "cmd"}, true},
	{"github.com/mark3labs/mcp-go", []string{"mcp", "executor", "cmd", "examples"}, true},
	{"github.com/spf13/cobra", []string{"cmd"}, false},
	{"github.com/caarlos0/env", []string{"cmd"}, false},
	{"github.com/goccy/go-yaml", []string{"cmd"}, true},
	{"github.com/lmittmann/tint", []string{"cmd"}, false},
	{"flag", []string{"cmd", "examples"}, true},
}

// Settings are read in cmd alone. A part that starts other processes may also look at what the
// platform says about itself and hand its own environment down.
var (
	startsProcesses  = []string{"store/embedded", "executor"}
	platformReadings = []string{
		`Getenv("PATH")`, `Getenv("XDG_DATA_HOME")`, `Getenv("XDG_CACHE_HOME")`, "Environ",
	}
)

// vague are package names that say nothing of what is inside.
var vague = []string{"util", "utils", "common", "helpers", "models", "types", "base", "core", "pkg"}

// The code is as the tables above draw it.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		for _, fault := range faults(f) {
			t.Errorf("%s %s", f.path, fault)
		}
	}
}

// Each law sees the fault that it is there for, and lets pass what is allowed.
func TestArchitectureReportsPlantedFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ path, source, want string }{
		{"executor/a.go", `package executor; import "github.com/ordinaut/ordinaut/store"`, "executor may not import store"},
		{"executor/a_test.go", `package executor_test; import "github.com/ordinaut/ordinaut/store"`, ""},
		{"executor/a.go", `package executor; import "github.com/ordinaut/ordinaut/pipeline"`, ""},
		{"scheduler/a.go", `package scheduler; import "github.com/ordinaut/ordinaut/cmd/ordinaut"`, "scheduler may not import cmd"},
		{"mcp/front/a.go", `package front; import "github.com/ordinaut/ordinaut/executor"`, "mcp/front may not import executor"},
		{"mcp/a.go", `package mcp; import "github.com/ordinaut/ordinaut/store/embedded"`, "mcp may not import store/embedded"},
		{"store/a.go", `package store; import "github.com/ordinaut/ordinaut/store/storetest"`, "which is for tests"},
		{"store/storetest/a.go", `package storetest; import "github.com/ordinaut/ordinaut/store/embedded"`, ""},
		{"task.go", `package ordinaut; import "github.com/ordinaut/ordinaut/schemas"`, "the domain may not import schemas"},
		{"task.go", `package ordinaut; import "github.com/google/uuid"`, "the domain uses the standard library alone"},
		{"task_test.go", `package ordinaut; import "pgregory.net/rapid"`, ""},
		{"cron/a.go", `package cron`, "belongs to no part"},
		{"mcp/a.go", `package mcp; import "github.com/jackc/pgx/v5"`, "github.com/jackc/pgx is for store, migrations, cmd"},
		{"mcp/a_test.go", `package mcp; import "github.com/jackc/pgx/v5"`, ""},
		{"store/a.go", `package store; import "github.com/redis/go-redis/v9"`, "github.com/redis/go-redis is for store/stream"},
		{"mcp/a_test.go", `package mcp; import "github.com/adhocore/gronx"`, "github.com/adhocore/gronx is for scheduler"},
		{"executor/a.go", `package executor; import "github.com/mark3labs/mcp-go/server"`, "mcp-go/server is for mcp, examples"},
		{"executor/a.go", `package executor; import "github.com/mark3labs/mcp-go/client/transport"`, ""},
		{"mcp/a.go", `package mcp; import "flag"`, "flag is for cmd"},
		{"mcp/util/a.go", `package util`, "says nothing of what is inside"},
		{"mcp/wire/a.go", `package types`, "says nothing of what is inside"},
		{"store/a.go", `package store; import "os"; var x = os.Getenv("HOME")`, "reads the environment by os.Getenv"},
		{"store/a.go", `package store; import sys "os"; var x = sys.Environ()`, "reads the environment by os.Environ"},
		{"store/embedded/a.go", `package embedded; import "os"; var x = os.Getenv("ORDINAUT_ROLES")`, "reads the environment by os.Getenv"},
		{"store/embedded/a.go", `package embedded; import "os"; var x, y = os.Getenv("PATH"), os.Environ()`, ""},
		{"store/a.go", `package store; import "os"; var read = os.Getenv`, "reads the environment by os.Getenv"},
		{"store/a.go", `package store; import "os/exec"; var x, _ = exec.LookPath("initdb")`, ""},
		{"cmd/ordinaut/a.go", `package main; import "os"; var x = os.Getenv("HOME")`, ""},
		{"store/a_test.go", `package store; import "os"; var x = os.Getenv("HOME")`, ""},
	} {
		f, err := parseGo(tc.path, []byte(tc.source))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(faults(f), "; ")
		if !strings.Contains(got, tc.want) || tc.want == "" && got != "" {
			t.Errorf("%s with %q: faults %q, want %q", tc.path, tc.source, got, tc.want)
		}
	}
}

// faults returns what is wrong with a file of the main module, one sentence without subject each.
func faults(f goFile) []string {
	var found []string
	part, ok := partOf(f.dir())
	if !ok {
		found = append(found, "belongs to no part of the table of arrows")
	}
	for _, name := range []string{path.Base(f.dir()), f.name} {
		if slices.Contains(vague, name) {
			found = append(found, fmt.Sprintf("has the package name %s, which says nothing of what is inside", name))
		}
	}
	for _, imported := range f.imports {
		found = append(found, importFaults(f, part, imported)...)
	}
	if part != "cmd" && part != "examples" && !f.forTests() {
		for _, reading := range f.environment {
			if slices.Contains(startsProcesses, part) && slices.Contains(platformReadings, reading) {
				continue
			}
			found = append(found, fmt.Sprintf("reads the environment by os.%s, which cmd alone does", reading))
		}
	}
	return found
}

func importFaults(f goFile, part, imported string) []string {
	if own, ok := ownPackage(imported); ok {
		return arrowFaults(f, part, own)
	}
	var found []string
	if part == domain && !f.test && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
		found = append(found, fmt.Sprintf("imports %s, but the domain uses the standard library alone", imported))
	}
	for _, d := range drivers {
		if !within(imported, d.prefix) {
			continue
		}
		allowed := d.tests && f.forTests() || slices.ContainsFunc(d.importers, func(importer string) bool {
			return importer == domain && part == domain || importer != domain && within(f.dir(), importer)
		})
		if !allowed {
			found = append(found, fmt.Sprintf("imports %s, but %s is for %s", imported, d.prefix, strings.Join(d.importers, ", ")))
		}
		break // the rows go from the narrower prefix to the wider
	}
	return found
}

func arrowFaults(f goFile, part, imported string) []string {
	if f.forTests() {
		return nil
	}
	if supportsTests(imported) {
		return []string{fmt.Sprintf("imports %s, which is for tests", imported)}
	}
	target, _ := partOf(imported)
	if target == part || slices.Contains(arrows[part], target) {
		return nil
	}
	return []string{fmt.Sprintf("imports %s, but %s may not import %s", imported, called(part), called(target))}
}

// partOf returns the longest part of the table that contains a directory of the module.
func partOf(dir string) (string, bool) {
	if dir == domain {
		return domain, true
	}
	for part := dir; part != domain; part = path.Dir(part) {
		if _, ok := arrows[part]; ok {
			return part, true
		}
	}
	return dir, false
}

func called(part string) string {
	if part == domain {
		return "the domain"
	}
	return part
}
