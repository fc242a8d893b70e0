//go:build unix && !linux

package embedded

import "syscall"

// diesWithOwner reports whether the kernel stops PostgreSQL when its owner is killed.
const diesWithOwner = false

// sysProcAttr gives the program a session of its own, so that Ctrl-C in the terminal reaches only
// us.
func sysProcAttr(a account, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: a.credential()}
}
