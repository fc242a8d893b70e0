package embedded

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// XDG_DATA_HOME decides, if it is absolute as its specification demands.
func TestXDGDataDir(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for value, want := range map[string]string{
		"":         filepath.Join(home, ".local", "share"),
		"relative": filepath.Join(home, ".local", "share"),
		"/data":    "/data",
	} {
		t.Setenv("XDG_DATA_HOME", value)
		if got, err := xdgDataDir(); err != nil || got != want {
			t.Errorf("for %q got %q, %v, want %q", value, got, err, want)
		}
	}
}

// The driver reads back from the connection string what went in.
func TestDSNQuotes(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"/plain", "/with space", `/it's\odd`, "/" + strings.Repeat("long", 30), "/a,b"} {
		l := layout{dir}
		got, err := pgx.ParseConfig(l.dsn("secret"))
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		if got.Host != l.socketDir() || got.Password != "secret" || got.User != "ordinaut" || got.Database != "ordinaut" || got.Port != port || len(got.Fallbacks) != 0 {
			t.Errorf("%s: host %q user %q database %q port %d fallbacks %d", dir, got.Host, got.User, got.Database, got.Port, len(got.Fallbacks))
		}
		if len(l.socket()) > maxSocketPath {
			t.Errorf("%s: socket path of %d bytes", dir, len(l.socket()))
		}
	}
}

// Two long directories never share a socket.
func TestLongDirectoriesHaveOwnSockets(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("x", 120)
	if (layout{long + "1"}).socketDir() == (layout{long + "2"}).socketDir() {
		t.Error("same socket directory")
	}
}
