//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who PostgreSQL runs as. It refuses to run as root, so root lends it another uid.
type account struct {
	uid, gid int
	switched bool // the uid is not this process's own
}

// accountFor returns the account for the cluster in data. An existing cluster stays with its
// owner, whatever accounts the machine has gained since.
func accountFor(data string) (account, error) {
	self := account{uid: os.Geteuid(), gid: os.Getegid()}
	info, err := os.Lstat(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return account{}, fmt.Errorf("cluster directory: %w", err)
	}
	if err == nil {
		stat := info.Sys().(*syscall.Stat_t)
		owner := account{uid: int(stat.Uid), gid: int(stat.Gid), switched: int(stat.Uid) != self.uid}
		switch {
		case owner.uid == 0:
			return account{}, fmt.Errorf("%s belongs to root, and PostgreSQL does not run as root: give it to another account (chown -R)", data)
		case owner.switched && self.uid != 0:
			return account{}, fmt.Errorf("%s belongs to uid %d, this process runs as uid %d: run it as that user or choose another data directory", data, owner.uid, self.uid)
		}
		return owner, nil
	}
	if self.uid != 0 {
		return self, nil
	}
	for _, name := range []string{"ordinaut", "postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, gid, ok := ids(u)
		if ok && uid != 0 {
			return account{uid: uid, gid: gid, switched: true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL does not run as root, and none of the users ordinaut, postgres, nobody exists: add one (useradd --system ordinaut)")
}

// ids parses the numbers of u, which are negative for nobody on macOS.
func ids(u *user.User) (uid, gid int, ok bool) {
	uid64, err1 := strconv.ParseInt(u.Uid, 10, 64)
	gid64, err2 := strconv.ParseInt(u.Gid, 10, 64)
	return int(uint32(uid64)), int(uint32(gid64)), err1 == nil && err2 == nil
}

// enter reports which directory on the way to dir, or dir itself, keeps the account out.
func (a account) enter(dir string) error {
	for ; a.switched; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		bit := fs.FileMode(0o001)
		if int(stat.Uid) == a.uid {
			bit = 0o100
		} else if int(stat.Gid) == a.gid {
			bit = 0o010
		}
		if info.Mode()&bit == 0 {
			return fmt.Errorf("PostgreSQL, which runs as uid %d because it refuses to run as root, may not enter %s (%s): chmod o+x it or choose another data directory", a.uid, dir, info.Mode())
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
	return nil
}

// own hands path to the account.
func (a account) own(path string) error {
	if !a.switched {
		return nil
	}
	if err := os.Lchown(path, a.uid, a.gid); err != nil {
		return fmt.Errorf("give %s to the account that runs PostgreSQL: %w", path, err)
	}
	return nil
}

func (a account) owns(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == a.uid
}

func (a account) othersMay(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// credential is nil when no switch is needed. The empty group list drops root's groups.
func (a account) credential() *syscall.Credential {
	if !a.switched {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

func shortTempDir() string { return "/tmp" }
