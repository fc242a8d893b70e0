package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// diesWithOwner reports whether the kernel stops PostgreSQL when its owner is killed.
const diesWithOwner = false

// Windows has no such signals; the numbers choose pg_ctl's shutdown mode.
const (
	stopFast      = syscall.SIGINT
	stopImmediate = syscall.SIGQUIT
	dieNow        = syscall.SIGKILL
)

const createNoWindow = 0x08000000

// sysProcAttr keeps the console's Ctrl-C away from the program and opens no window for it.
func sysProcAttr(account, syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | createNoWindow, HideWindow: true}
}

// signalPostmaster stops the postmaster by pg_ctl, which knows how to speak to it on Windows.
func signalPostmaster(b Binaries, l layout, pid int, sig syscall.Signal) error {
	if sig == dieNow || b.Dir == "" {
		p, err := os.FindProcess(pid)
		if err != nil {
			return nil
		}
		return p.Kill()
	}
	mode := "fast"
	if sig == stopImmediate {
		mode = "immediate"
	}
	cmd := exec.CommandContext(context.Background(), filepath.Join(b.Dir, "pg_ctl.exe"), "stop", "-W", "-D", l.data(), "-m", mode)
	quiet(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_ctl stop: %w: %s", err, out)
	}
	return nil
}

// alive reports whether pid exists and has not ended.
func alive(pid int) bool {
	h, err := syscall.OpenProcess(syscall.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer syscall.CloseHandle(h)
	event, err := syscall.WaitForSingleObject(h, 0)
	return err == nil && event == syscall.WAIT_TIMEOUT
}

func executableName(name string) string { return name + ".exe" }

func quiet(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: createNoWindow, HideWindow: true}
}
