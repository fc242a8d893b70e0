//go:build unix

package embedded

import (
	"errors"
	"os/exec"
	"syscall"
)

// Signals by which a postmaster is asked to stop.
const (
	stopFast      = syscall.SIGINT  // end sessions, roll back, write a checkpoint
	stopImmediate = syscall.SIGQUIT // end at once; the next start recovers
	dieNow        = syscall.SIGKILL
)

// signalPostmaster sends sig to the postmaster pid. A process that is gone already is no error.
func signalPostmaster(_ Binaries, _ layout, pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// alive reports whether pid exists, a zombie included.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func executableName(name string) string { return name }

// quiet has nothing to hide outside Windows.
func quiet(*exec.Cmd) {}
