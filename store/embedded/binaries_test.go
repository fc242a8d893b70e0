package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakePrograms makes a directory whose postgres claims to be version.
func fakePrograms(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		script := "#!/bin/sh\necho \"" + name + " (PostgreSQL) " + version + " (Some Linux)\"\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func testAccount(t *testing.T) account {
	t.Helper()
	a, err := accountFor(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The programs of this machine are found, by a link on PATH too.
func TestFindOnPath(t *testing.T) {
	t.Parallel()
	base := filepath.Dir(dataDir(t))
	bin := fakePrograms(t, filepath.Join(base, "lib", "bin"), "16.3")
	linked := filepath.Join(base, "linked")
	if err := os.Mkdir(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(bin, "postgres"), filepath.Join(linked, "postgres")); err != nil {
		t.Fatal(err)
	}
	l := locator{path: []string{".", "", linked}, probeDir: base}
	got, err := l.find(t.Context(), testAccount(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Binaries{Dir: bin, Version: "16.3", Major: 16}, got); diff != "" {
		t.Error(diff)
	}
}

// An existing cluster decides the major version; a new one takes the newest of a packager's.
func TestFindChoosesMajor(t *testing.T) {
	t.Parallel()
	base := filepath.Dir(dataDir(t))
	for _, v := range []string{"9", "14", "15", "17"} {
		fakePrograms(t, filepath.Join(base, v, "bin"), v+".2")
	}
	l := locator{globs: []string{filepath.Join(base, "*", "bin")}, probeDir: base}
	for major, want := range map[int]int{0: 17, 14: 14, 15: 15} {
		got, err := l.find(t.Context(), testAccount(t), major)
		if err != nil || got.Major != want {
			t.Errorf("for %d got %+v, %v", major, got, err)
		}
	}
	l.globs = []string{filepath.Join(base, "1[45]", "bin")}
	l.binDir = filepath.Join(base, "14", "bin")
	_, err := l.find(t.Context(), testAccount(t), 0)
	if !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), "is PostgreSQL 14.2, older than 15") {
		t.Errorf("too old: %v", err)
	}
}

// Programs that do not run are passed over with the reason.
func TestFindPassesOverBrokenPrograms(t *testing.T) {
	t.Parallel()
	base := filepath.Dir(dataDir(t))
	broken := fakePrograms(t, filepath.Join(base, "broken"), "17.1")
	write(t, filepath.Join(broken, "postgres"), "#!/bin/sh\necho no such library >&2\nexit 127\n")
	odd := fakePrograms(t, filepath.Join(base, "odd"), "none")
	l := locator{path: []string{broken, odd}, probeDir: base, noDownload: true, fetch: fetcher{pin: pinFor("linux", "amd64")}}
	_, err := l.find(t.Context(), testAccount(t), 0)
	if err == nil {
		t.Fatal("broken programs were taken")
	}
	for _, part := range []string{broken + ": postgres: exit status 127: no such library", odd + ": postgres --version said", "switched off", installCommand(0)} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

// Every platform that is released for has a pin with a whole sum.
func TestPins(t *testing.T) {
	t.Parallel()
	var sums []string
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"} {
		goos, goarch, _ := strings.Cut(platform, "/")
		p := pinFor(goos, goarch)
		if len(p.integrity) != len(integrityOf(nil)) || p.major() != 17 || p.release() != "17.10" || slices.Contains(sums, p.integrity) {
			t.Errorf("%s: %+v", platform, p)
		}
		sums = append(sums, p.integrity)
	}
	if p := pinFor("plan9", "386"); p != (pin{}) {
		t.Errorf("plan9: %+v", p)
	}
	if p := pinFor(runtime.GOOS, "amd64"); p.file() != "embedded-postgres-"+p.platform+"-"+pinnedVersion+".tgz" {
		t.Error(p.file())
	}
}
