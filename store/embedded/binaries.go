package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldestMajor is the oldest PostgreSQL that new clusters are made with; the migrations rely on it.
const oldestMajor = 15

// ErrNoBinaries says that no PostgreSQL fit for the data directory was found or could be fetched.
// The message of the error that wraps it lists what was tried and what to do.
var ErrNoBinaries = errors.New("no usable PostgreSQL")

// Binaries is one installation of PostgreSQL's server programs.
type Binaries struct {
	Dir     string // holds postgres and initdb
	Version string // as the server tells it, e.g. "15.18"
	Major   int
}

func (b Binaries) postgres() string { return filepath.Join(b.Dir, executableName("postgres")) }
func (b Binaries) initdb() string   { return filepath.Join(b.Dir, executableName("initdb")) }

// installed are the places beside PATH where packages put the programs, one glob a packager.
func installed() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                                   // PGDG on Red Hat and SUSE
		"/usr/libexec/postgresql*",                           // Alpine
		"/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew on Linux
		"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
		"/Library/PostgreSQL/*/bin",                          // EDB on macOS
		"/opt/PostgreSQL/*/bin",                              // EDB on Linux
		`C:\Program Files\PostgreSQL\*\bin`,                  // EDB on Windows
	}
}

// locator finds programs for one data directory.
type locator struct {
	binDir     string   // the only place to look, if set
	path       []string // directories of PATH
	globs      []string // further places
	noDownload bool
	fetch      fetcher
	probeDir   string // where programs are tried: the data directory
}

func newLocator(c Config) locator {
	return locator{
		binDir:     c.BinDir,
		path:       filepath.SplitList(os.Getenv("PATH")),
		globs:      installed(),
		noDownload: c.NoDownload,
		fetch:      newFetcher(c),
		probeDir:   c.Dir,
	}
}

// find returns the programs of onMachine, or fetches some if the machine has none and that is
// allowed. Its errors wrap [ErrNoBinaries].
func (l locator) find(ctx context.Context, a account, major int) (Binaries, error) {
	b, rejected, ok := l.onMachine(ctx, a, major)
	if ok {
		return b, nil
	}
	b, err := l.fetched(ctx, a, major)
	if err == nil || ctx.Err() != nil {
		return b, err
	}
	return Binaries{}, fmt.Errorf("%w %s; %s", ErrNoBinaries, wanted(l.probeDir, major),
		strings.Join(append(rejected, err.Error()), "; "))
}

// onMachine returns the first programs that run under the account and whose major version is
// major, or, if major is 0, at least [oldestMajor]; and why it passed over others.
func (l locator) onMachine(ctx context.Context, a account, major int) (b Binaries, rejected []string, ok bool) {
	for _, dir := range l.candidates() {
		b, err := probe(ctx, dir, l.probeDir, a)
		if err == nil {
			err = fits(b, major)
		}
		if err == nil {
			return b, rejected, true
		}
		rejected = append(rejected, fmt.Sprintf("%s: %v", dir, err))
	}
	return Binaries{}, rejected, false
}

func wanted(dir string, major int) string {
	if major == 0 {
		return fmt.Sprintf("(%d or newer is needed)", oldestMajor)
	}
	return fmt.Sprintf("for the data directory %s: PostgreSQL %d made it and only that major version can open it", dir, major)
}

func fits(b Binaries, major int) error {
	switch {
	case major != 0 && b.Major != major:
		return fmt.Errorf("is PostgreSQL %s, not %d", b.Version, major)
	case major == 0 && b.Major < oldestMajor:
		return fmt.Errorf("is PostgreSQL %s, older than %d", b.Version, oldestMajor)
	}
	return nil
}

func (l locator) fetched(ctx context.Context, a account, major int) (Binaries, error) {
	p := l.fetch.pin
	pinned := p != pin{}
	switch {
	case l.binDir != "":
		return Binaries{}, errors.New("no other place was tried, because the directory of the programs is configured")
	case !pinned:
		return Binaries{}, fmt.Errorf("there is none to fetch for this platform; install it: %s", installCommand(major))
	case major != 0 && p.major() != major:
		return Binaries{}, fmt.Errorf("the one to fetch is PostgreSQL %d; install PostgreSQL %d: %s", p.major(), major, installCommand(major))
	case l.noDownload:
		return Binaries{}, fmt.Errorf("fetching it is switched off; install it: %s", installCommand(major))
	}
	dir, err := l.fetch.get(ctx, func(dir string) error {
		_, err := probe(ctx, dir, l.probeDir, a)
		return err
	})
	if err != nil {
		return Binaries{}, fmt.Errorf("%w; or install it: %s", err, installCommand(major))
	}
	return probe(ctx, dir, l.probeDir, a)
}

// candidates lists the directories that hold both programs, best first and each once. What was
// fetched before comes last, and counts also where fetching is forbidden.
func (l locator) candidates() []string {
	if l.binDir != "" {
		return []string{l.binDir}
	}
	var found []string
	add := func(dir string) {
		if !slices.Contains(found, dir) && hasPrograms(dir) {
			found = append(found, dir)
		}
	}
	for _, dir := range l.path {
		if !filepath.IsAbs(dir) {
			continue // the current directory must not decide what runs
		}
		// A link on PATH leads to the directory that holds the rest.
		program, err := filepath.EvalSymlinks(filepath.Join(dir, executableName("postgres")))
		if err == nil {
			add(filepath.Dir(program))
			add(dir)
		}
	}
	for _, glob := range l.globs {
		dirs, _ := filepath.Glob(glob) // the only error is a malformed pattern, and these are ours
		slices.SortFunc(dirs, newestFirst)
		for _, dir := range dirs {
			add(dir)
		}
	}
	add(l.fetch.bin())
	return found
}

func hasPrograms(dir string) bool {
	b := Binaries{Dir: dir}
	for _, program := range []string{b.postgres(), b.initdb()} {
		if info, err := os.Stat(program); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// newestFirst orders directory names by the first number in them, then by name.
func newestFirst(x, y string) int {
	number := func(s string) int {
		n, _ := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(s))
		return n
	}
	return cmp.Or(cmp.Compare(number(y), number(x)), cmp.Compare(y, x))
}

// probe runs postgres --version as the account, which shows that the programs run here at all: the
// right processor and C library, and readable to the account.
func probe(ctx context.Context, dir, workDir string, a account) (Binaries, error) {
	b := Binaries{Dir: dir}
	if !hasPrograms(dir) {
		return b, errors.New("lacks postgres or initdb")
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := runTool(ctx, tool{account: a, dir: workDir, path: b.postgres(), args: []string{"--version"}})
	if err != nil {
		return b, err
	}
	match := regexp.MustCompile(`PostgreSQL\) ((\d+)[\w.]*)`).FindStringSubmatch(out)
	if match == nil {
		return b, fmt.Errorf("postgres --version said %q", strings.TrimSpace(out))
	}
	b.Version = match[1]
	b.Major, err = strconv.Atoi(match[2])
	return b, err
}
