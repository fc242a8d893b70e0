package embedded

import (
	"io/fs"
	"os"
)

// account is who PostgreSQL runs as: on Windows always this process's user, and the access lists
// that directories inherit from the user's profile do what owners and modes do elsewhere.
type account struct{ uid int }

func accountFor(string) (account, error)   { return account{uid: os.Geteuid()}, nil }
func (account) enter(string) error         { return nil }
func (account) own(string) error           { return nil }
func (account) owns(fs.FileInfo) bool      { return true }
func (account) othersMay(fs.FileInfo) bool { return false }

func shortTempDir() string { return os.TempDir() }
