package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

const (
	// roleName owns the database; it may make databases and read statistics, and is no superuser,
	// so that a statement gone astray cannot touch files or programs.
	roleName     = "ordinaut"
	databaseName = "ordinaut"
	// superuser is the role that initdb makes. It has the same password as ordinaut, for repairs.
	superuser = "postgres"
)

// tuning is appended to a new cluster's postgresql.conf, where its owner may change it. It suits a
// laptop: little memory, a bounded log, and a vacuum that keeps up with a queue.
const tuning = `
# Set by ordinaut when it made this cluster. Yours to change.
shared_buffers = 64MB
max_connections = 80
max_wal_size = 512MB
autovacuum_naptime = 15s
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
`

// initialise makes the cluster: all of it in a directory of another name, which is renamed when it
// is whole. A directory of that name can only be what an initialise before left unfinished, as the
// caller holds the lock; it never held a row, so it is replaced.
func initialise(ctx context.Context, l layout, b Binaries, a account) error {
	password, err := ensurePassword(l)
	if err != nil {
		return err
	}
	if err := removeHalf(ctx, l); err != nil {
		return fmt.Errorf("remove what an unfinished initdb left: %w", err)
	}
	if err := os.Mkdir(l.half(), 0o700); err != nil {
		return fmt.Errorf("make the cluster's directory: %w", err)
	}
	if err := a.own(l.half()); err != nil {
		return err
	}
	if err := runInitdb(ctx, l, b, a, password); err != nil {
		return err
	}
	conf, err := os.OpenFile(l.half()+"/postgresql.conf", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = conf.WriteString(tuning)
	if err := errors.Join(err, conf.Sync(), conf.Close()); err != nil {
		return fmt.Errorf("write postgresql.conf: %w", err)
	}
	err = runSingle(ctx, l, l.half(), b, a,
		"CREATE ROLE "+roleName+" LOGIN CREATEDB PASSWORD '"+password+"'",
		"GRANT pg_monitor TO "+roleName,
		"CREATE DATABASE "+databaseName+" OWNER "+roleName)
	if err != nil {
		return fmt.Errorf("make role and database: %w", err)
	}
	if err := os.Rename(l.half(), l.data()); err != nil {
		return err
	}
	return syncDir(l.dir)
}

// removeHalf tries for a moment: a killed initdb's last child may still be writing.
func removeHalf(ctx context.Context, l layout) error {
	for tries := 20; ; tries-- {
		err := os.RemoveAll(l.half())
		if err == nil || tries == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func runInitdb(ctx context.Context, l layout, b Binaries, a account, password string) error {
	// initdb reads the password under its own uid; this copy is its own and gone afterwards.
	file, err := os.CreateTemp(l.dir, "initdb-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(password + "\n")
	if err := errors.Join(err, file.Close(), a.own(file.Name())); err != nil {
		return fmt.Errorf("write initdb's password file: %w", err)
	}
	_, err = runTool(ctx, tool{account: a, dir: l.dir, path: b.initdb(), args: []string{
		"-D", l.half(), "-U", superuser, "-A", "scram-sha-256", "--pwfile", file.Name(),
		"-E", "UTF8", "--locale=C", "--data-checksums", "--no-instructions",
	}})
	return err
}

// runSingle executes statements in the cluster at data, which no server may be using, and stops at
// the first that fails.
func runSingle(ctx context.Context, l layout, data string, b Binaries, a account, statements ...string) error {
	_, err := runTool(ctx, tool{
		account: a, dir: l.dir, path: b.postgres(),
		args:  []string{"--single", "-D", data, "-c", "exit_on_error=on", "postgres"},
		stdin: strings.Join(statements, ";\n") + ";\n",
	})
	return err
}

// ensurePassword returns the password in its file, making file and password if there is none.
func ensurePassword(l layout) (string, error) {
	password, err := readPassword(l)
	if !errors.Is(err, fs.ErrNotExist) {
		return password, err
	}
	password = rand.Text()
	return password, writePassword(l, password)
}

func readPassword(l layout) (string, error) {
	text, err := os.ReadFile(l.password())
	if err != nil {
		return "", fmt.Errorf("read the cluster's password: %w", err)
	}
	password := strings.TrimSpace(string(text))
	if password == "" || strings.ContainsAny(password, "'\\\n;") {
		return "", fmt.Errorf("%s does not hold one password; remove the file and the next start makes a new one", l.password())
	}
	return password, nil
}

// writePassword makes the whole file appear at once: another process may be waiting to read it.
func writePassword(l layout, password string) error {
	file, err := os.CreateTemp(l.dir, "password-") // mode 0600
	if err != nil {
		return fmt.Errorf("write the cluster's password: %w", err)
	}
	_, err = file.WriteString(password + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), l.password())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the cluster's password: %w", err), os.Remove(file.Name()))
	}
	return syncDir(l.dir)
}

// repairPassword gives a cluster whose password file was lost a new password, which whoever may
// write the data directory could do by hand.
func repairPassword(ctx context.Context, l layout, b Binaries, a account) error {
	password := rand.Text()
	err := runSingle(ctx, l, l.data(), b, a,
		"ALTER ROLE "+roleName+" PASSWORD '"+password+"'",
		"ALTER ROLE "+superuser+" PASSWORD '"+password+"'")
	if err != nil {
		return fmt.Errorf("set a new password in place of the lost one: %w", err)
	}
	return writePassword(l, password)
}
