package embedded

import "syscall"

// diesWithOwner reports whether the kernel stops PostgreSQL when its owner is killed.
const diesWithOwner = true

// sysProcAttr gives the program a session of its own, so that Ctrl-C in the terminal reaches only
// us, and asks the kernel to send it onDeath when the thread that starts it ends.
func sysProcAttr(a account, onDeath syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: onDeath, Credential: a.credential()}
}
