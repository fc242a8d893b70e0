package ordinaut_test

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// foreign are texts that tie the project to one machine or one provider. A registry is the choice of
// whoever builds; lock files, which tools write, may name theirs.
var foreign = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a package registry's host", regexp.MustCompile(
		`(?i)\b((proxy|sum)\.golang\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|deb\.debian\.org|(files\.)?pythonhosted\.org|pypi\.org|(registry-1|index|hub)\.docker\.(io|com))\b`,
	)},
	{"a path of somebody's machine", regexp.MustCompile(
		`(^|[^\w.}/-])(/work/[a-z]|/workspaces?/[a-z]|/root/[.\w]|/(home|Users)/[a-z])`,
	)},
}

// placeholders are directories that look like somebody's and are not: the reader's in a document,
// and the one where Homebrew lives on every Linux.
var placeholders = regexp.MustCompile(`/(home|Users)/(you|linuxbrew)/`)

// The project's text speaks of itself alone: no machine's paths, no registry.
func TestArchitectureTextSpeaksOfItself(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range treeFiles(t) {
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range textFaults(name, string(text), here) {
			t.Error(fault)
		}
	}
}

// The law sees the text that it is there for, and lets pass what only resembles it.
func TestArchitectureTextReportsPlantedFaults(t *testing.T) {
	t.Parallel()
	const here = "/srv/build/checkout"
	for _, tc := range []struct {
		name, text string
		want       int
	}{
		{"README.md", "fetched from https://proxy" + ".golang.org/x", 1},
		{"README.md", "fetched from registry" + ".npmjs.org", 1},
		{"go.sum", "proxy" + ".golang.org", 0},
		{"docs/a.md", "fine\nrun /wor" + "k/main/bin/ordinaut", 1},
		{"docs/a.md", "see /hom" + "e/ann/notes", 1},
		{"docs/a.md", "open /hom" + "e/you/.config", 0},
		{"docs/a.md", "cd " + here + "/docs", 1},
		{"docs/a.md", "GET https://example.com/work/items and ./work/a", 0},
		{"logo.png", "\x00/hom" + "e/ann", 0},
	} {
		if got := textFaults(tc.name, tc.text, here); len(got) != tc.want {
			t.Errorf("%s with %q: faults %q, want %d", tc.name, tc.text, got, tc.want)
		}
	}
}

// Every relative link of a document leads to a file, and every make target it names is there.
func TestDocumentsNameWhatExists(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	exists := func(name string) bool {
		_, err := os.Stat(filepath.FromSlash(name))
		return err == nil
	}
	for _, name := range treeFiles(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range documentFaults(name, string(text), string(makefile), exists) {
			t.Error(fault)
		}
	}
}

// The law sees a dead link and a target that is not there.
func TestDocumentsReportPlantedFaults(t *testing.T) {
	t.Parallel()
	exists := func(name string) bool {
		return slices.Contains([]string{"docs/a.md", "docs/b c.md", "README.md"}, name)
	}
	for text, want := range map[string]int{
		"[a](a.md#part), [b](b%20c.md \"title\"), [r](../README.md), [x](https://example.com/x), [p](#part)": 0,
		"[gone](gone.md) and ![picture](img/gone.svg)":                                                       2,
		"run `make demo`, then make sure":                                                                    0,
		"run `make demos`":                                                                                   1,
		"```sh\nmake demo\n$ make nothing\n```\nmake sense":                                                  1,
	} {
		if got := documentFaults("docs/a.md", text, "demo: build ## show", exists); len(got) != want {
			t.Errorf("%q: faults %q, want %d", text, got, want)
		}
	}
}

func textFaults(name, text, here string) []string {
	if binary([]byte(text)) || path.Ext(name) == ".sum" || path.Base(name) == "package-lock.json" {
		return nil
	}
	var found []string
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = placeholders.ReplaceAllString(line, "")
		for _, f := range foreign {
			if hit := f.pattern.FindString(line); hit != "" {
				found = append(found, fmt.Sprintf("%s:%d names %s: %q", name, number, f.what, hit))
			}
		}
		if strings.Contains(line, here) && len(here) > 1 {
			found = append(found, fmt.Sprintf("%s:%d names the directory of this checkout", name, number))
		}
	}
	return found
}

var (
	link         = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	inlineTarget = regexp.MustCompile("`make ([a-z][a-z-]*)")
	fencedTarget = regexp.MustCompile(`^\s*(?:\$ )?make ([a-z][a-z-]*)`)
)

func documentFaults(name, text, makefile string, exists func(string) bool) []string {
	var found []string
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		targets := inlineTarget
		if fenced {
			targets = fencedTarget
		}
		for _, m := range targets.FindAllStringSubmatch(line, -1) {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(m[1]) + `:`).MatchString(makefile) {
				found = append(found, fmt.Sprintf("%s names make %s, which the Makefile has not", name, m[1]))
			}
		}
		if fenced {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			u, err := url.Parse(m[1])
			if err == nil && (u.IsAbs() || u.Path == "") {
				continue
			}
			if err != nil || !exists(path.Join(path.Dir(name), u.Path)) {
				found = append(found, fmt.Sprintf("%s links to %s, which does not exist", name, m[1]))
			}
		}
	}
	return found
}
