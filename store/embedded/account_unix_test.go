//go:build unix

package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An account that may not pass a directory is told which, before PostgreSQL fails for it.
func TestAccountKeptOutIsToldWhere(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(filepath.Dir(dataDir(t)), "closed")
	dir := filepath.Join(closed, "data")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := account{uid: os.Geteuid() + 4321, gid: os.Getegid() + 4321, switched: true}
	err := stranger.enter(dir)
	if err == nil || !strings.Contains(err.Error(), "may not enter "+closed+" ") {
		t.Errorf("got %v", err)
	}
	if err := os.Chmod(closed, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := stranger.enter(dir); err != nil {
		t.Error(err)
	}
}

// A socket directory in /tmp that is not the account's alone is refused.
func TestForeignSocketDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	l := layout{filepath.Join(dataDir(t), strings.Repeat("deep/", 25))}
	if err := os.Mkdir(l.socketDir(), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(l.socketDir()) })
	if err := os.Chmod(l.socketDir(), 0o777); err != nil {
		t.Fatal(err)
	}
	self := account{uid: os.Geteuid(), gid: os.Getegid()}
	if err := l.makeSocketDir(self); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("open to all: %v", err)
	}
	if err := os.Chmod(l.socketDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.makeSocketDir(self); err != nil {
		t.Errorf("own: %v", err)
	}
	stranger := account{uid: self.uid + 4321, gid: self.gid}
	if err := l.makeSocketDir(stranger); err == nil {
		t.Error("a stranger's socket directory was taken")
	}
}
