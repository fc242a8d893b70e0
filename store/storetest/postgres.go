package storetest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// PostgresServer is a private server, reached by a socket in its own directory.
type PostgresServer struct {
	dir   string // holds the cluster, its socket and its log
	bin   string
	cred  *syscall.Credential
	guard *guard
}

// Postgres starts a server that t has for itself, to be stopped and started at will. It and its data
// are gone at t's end. Most tests want [DB], which is a hundred times cheaper.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	p, err := newPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Errorf("stop postgres: %v", err)
		}
	})
	return p
}

// DSN names a database of the server: "postgres" exists.
func (p *PostgresServer) DSN(database string) string {
	values := url.Values{"host": {p.dir}, "user": {"ordinaut"}}
	return "postgres:///" + database + "?" + values.Encode()
}

// Stop stops the server in one of the modes of pg_ctl: "immediate" as by a crash, "fast" in order.
func (p *PostgresServer) Stop(t testing.TB, mode string) {
	t.Helper()
	if err := p.ctl("stop", "-m", mode); err != nil {
		t.Fatal(err)
	}
}

// Start starts the server again after Stop.
func (p *PostgresServer) Start(t testing.TB) {
	t.Helper()
	if err := p.ctl("start", "-l", filepath.Join(p.dir, "log")); err != nil {
		t.Fatal(err)
	}
}

func (p *PostgresServer) ctl(verb string, args ...string) error {
	args = append([]string{"-D", filepath.Join(p.dir, "data"), "-w", "-s", "-t", "60", verb}, args...)
	return command(p.cred, p.dir, filepath.Join(p.bin, "pg_ctl"), args...)
}

func newPostgres() (_ *PostgresServer, err error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	cred, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// Not the test's own temporary directory: a socket's path has room for about 100 bytes.
	dir, err := os.MkdirTemp("/tmp", "ordinaut-pg-") //nolint:usetesting // see above
	if err != nil {
		return nil, err
	}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	p := &PostgresServer{dir: dir, bin: bin, cred: cred}
	p.guard, err = newGuard(cred, `"$1/pg_ctl" -D "$2/data" -m immediate -s stop >/dev/null 2>&1; rm -rf "$2"`, bin, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.init(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// settings trade durability, which no test needs beyond the end of a process, for speed.
const settings = `
listen_addresses = ''
unix_socket_directories = '%s'
unix_socket_permissions = 0700
max_connections = 200
fsync = off
full_page_writes = off
shared_buffers = 64MB
max_wal_size = 1GB
wal_level = minimal
max_wal_senders = 0
log_min_messages = warning
shared_preload_libraries = ''
`

func (p *PostgresServer) init() error {
	data := filepath.Join(p.dir, "data")
	err := command(p.cred, p.dir, filepath.Join(p.bin, "initdb"), "-D", data, "-U", "ordinaut",
		"-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	conf, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(conf, settings, p.dir)
	if err := errors.Join(err, conf.Close()); err != nil {
		return err
	}
	return p.ctl("start", "-l", filepath.Join(p.dir, "log"))
}

func (p *PostgresServer) close() error { return p.guard.end() }

// findPostgres returns the directory of postgres, initdb and pg_ctl: ORDINAUT_POSTGRES_BIN, that of
// the initdb in PATH, or where the packagers of the usual systems put it, the newest first.
func findPostgres() (string, error) {
	dirs := []string{os.Getenv("ORDINAUT_POSTGRES_BIN")}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		slices.Reverse(found)
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		if dir != "" && isProgram(filepath.Join(dir, "postgres")) && isProgram(filepath.Join(dir, "initdb")) && isProgram(filepath.Join(dir, "pg_ctl")) {
			return dir, nil
		}
	}
	return "", errors.New("the tests need the binaries of PostgreSQL: run .ci/need servers, or apt-get install postgresql, or set ORDINAUT_POSTGRES_BIN to their directory")
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// unprivileged returns the account that a server runs as: PostgreSQL refuses root. It is nil when
// this process is not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no switch is needed
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(found.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(found.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to lend it")
}
