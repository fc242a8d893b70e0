package downstream

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup keeps console signals that are meant for us from the child.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// terminateGroup does nothing: there is no gentle signal that reaches a child without a console.
func terminateGroup(*os.Process) {}

func killGroup(p *os.Process) {
	p.Kill() //nolint:errcheck // it may be gone, which is what was wanted
}

// systemVariables are what no program starts without.
func systemVariables() map[string]string {
	return map[string]string{"SystemRoot": `C:\Windows`}
}
