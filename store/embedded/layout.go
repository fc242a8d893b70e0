package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// port only names the socket file; no TCP port is opened.
	port = 5432
	// maxSocketPath is what fits sun_path on Linux (108 with the final NUL). The BSDs and macOS
	// have 104, and no path between the two is worth a second constant.
	maxSocketPath = 103
)

// layout names what lies in a data directory. All of it follows from the directory alone, so that
// every process computes the same paths.
type layout struct{ dir string }

func (l layout) lock() string     { return filepath.Join(l.dir, "postgres.lock") }
func (l layout) data() string     { return filepath.Join(l.dir, "pgdata") }
func (l layout) half() string     { return filepath.Join(l.dir, "pgdata.init") }
func (l layout) password() string { return filepath.Join(l.dir, "postgres.password") }
func (l layout) log() string      { return filepath.Join(l.dir, "postgres.log") }
func (l layout) pidFile() string  { return filepath.Join(l.data(), "postmaster.pid") }

// socketDir is in the data directory if the socket's path fits the kernel's limit and neither
// PostgreSQL nor a client would read it as a list. Otherwise it is in /tmp, not in $TMPDIR, in
// which processes may differ.
func (l layout) socketDir() string {
	in := filepath.Join(l.dir, "run")
	if len(socketIn(in)) <= maxSocketPath && !strings.ContainsAny(in, `,"`) {
		return in
	}
	sum := sha256.Sum256([]byte(l.dir))
	return filepath.Join(shortTempDir(), "ordinaut-"+hex.EncodeToString(sum[:8]))
}

func (l layout) socket() string { return socketIn(l.socketDir()) }

func socketIn(dir string) string {
	return filepath.Join(dir, ".s.PGSQL."+strconv.Itoa(port))
}

// dsn is a keyword/value connection string for the role and database ordinaut.
func (l layout) dsn(password string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	return fmt.Sprintf("host='%s' port=%d user=%s password='%s' dbname=%s sslmode=disable",
		quote.Replace(l.socketDir()), port, roleName, quote.Replace(password), databaseName)
}

// major returns the major version that made the cluster, or 0 if there is no cluster yet.
func (l layout) major() (int, error) {
	text, err := os.ReadFile(filepath.Join(l.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(l.data()); errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		return 0, fmt.Errorf("%s exists but holds no PG_VERSION, so it is no PostgreSQL cluster; it was left as it is: move it away or choose another data directory", l.data())
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the cluster: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION holds %q, expected a major version such as 17", l.data(), text)
	}
	return major, nil
}

// makeDir makes the data directory and lets the account that runs PostgreSQL pass through it: pass,
// not look.
func (l layout) makeDir() error {
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := makeDirs(filepath.Dir(l.dir)); err != nil {
		return fmt.Errorf("make the parent of the data directory: %w", err)
	}
	if err := os.Mkdir(l.dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the data directory: %w", err)
	}
	info, err := os.Stat(l.dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("data directory: %s is not a directory", l.dir)
	}
	if missing := mode &^ info.Mode().Perm(); os.Geteuid() == 0 && missing&0o011 != 0 {
		if err := os.Chmod(l.dir, info.Mode().Perm()|0o011); err != nil {
			return fmt.Errorf("let PostgreSQL's account pass through the data directory: %w", err)
		}
	}
	return nil
}

// makeDirs makes dir and its parents like [os.MkdirAll]. Those that root makes can be entered by
// all, whatever the umask, for the account that runs PostgreSQL; a user's are the user's own.
func makeDirs(dir string) error {
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o755
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return os.Chmod(dir, mode)
}

// makeSocketDir makes the socket's directory, open to the account alone. One in /tmp that somebody
// else made, as anybody may, is refused.
func (l layout) makeSocketDir(a account) error {
	dir := l.socketDir()
	if err := os.Mkdir(dir, 0o700); err == nil {
		return a.own(dir)
	} else if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the socket directory: %w", err)
	}
	if filepath.Dir(dir) == l.dir {
		return a.own(dir) // the account may have changed before there was a cluster
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("socket directory: %w", err)
	}
	if !info.IsDir() || !a.owns(info) || a.othersMay(info) {
		return fmt.Errorf("socket directory %s (%s) is not a directory of uid %d with mode 0700: remove it", dir, info.Mode(), a.uid)
	}
	return nil
}
