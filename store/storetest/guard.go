package storetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// guard is a shell that outlives this process by a moment: when its input ends, because we closed it
// or because we are gone, however that happened, it runs its script. So a panic, a time limit, a
// Ctrl-C or a SIGKILL leaves neither a server nor a directory behind.
type guard struct {
	input *os.File
	shell *exec.Cmd
}

// newGuard starts a guard as cred that runs script, with args as $1…, at the end.
func newGuard(cred *syscall.Credential, script string, args ...string) (*guard, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	shell := exec.CommandContext(context.Background(), "/bin/sh", append([]string{"-c", "while read -r _; do :; done\n" + script, "guard"}, args...)...)
	shell.Dir = "/"
	shell.Stdin = read
	// A session of its own keeps the terminal's Ctrl-C from it.
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: cred}
	if err := shell.Start(); err != nil {
		write.Close()
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	return &guard{input: write, shell: shell}, nil
}

// end runs the script and waits for it.
func (g *guard) end() error {
	g.input.Close()
	return g.shell.Wait()
}

// command runs a program to its end as cred and returns an error that holds its output.
func command(cred *syscall.Credential, dir, program string, args ...string) error {
	cmd := exec.CommandContext(context.Background(), program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGOPTIONS=", "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: cred}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
