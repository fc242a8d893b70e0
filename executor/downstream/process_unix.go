//go:build unix

package downstream

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes cmd the leader of a new process group, so that signals reach what it starts too.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func terminateGroup(p *os.Process) { signalGroup(p, syscall.SIGTERM) }

func killGroup(p *os.Process) { signalGroup(p, syscall.SIGKILL) }

func signalGroup(p *os.Process, sig syscall.Signal) {
	syscall.Kill(-p.Pid, sig) //nolint:errcheck // the group may be gone, which is what was wanted
}

// systemVariables are what the system itself needs; none here.
func systemVariables() map[string]string { return nil }
