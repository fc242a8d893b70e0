package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// tool is one short run of a program of PostgreSQL's.
type tool struct {
	account account
	dir     string // working directory, one that the account may enter
	path    string
	args    []string
	stdin   string
}

// runTool runs t to its end, or until ctx ends, and returns what it printed.
func runTool(ctx context.Context, t tool) (string, error) {
	cmd := exec.CommandContext(ctx, t.path, t.args...)
	cmd.Dir = t.dir
	cmd.Env = environment()
	cmd.Stdin = strings.NewReader(t.stdin)
	cmd.SysProcAttr = sysProcAttr(t.account, dieNow)
	cmd.WaitDelay = 5 * time.Second
	// The signal on our death is tied to this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w%s", filepath.Base(t.path), err, lastLines(string(out)))
	}
	return string(out), nil
}

// environment is of ours what programs of PostgreSQL need to run at all. The rest may hold secrets, and
// what runs under another account shows its environment to it.
func environment() []string {
	var env []string
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); inherited(name) {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C")
}

// inherited reports whether the variable says where programs, libraries and temporary files are, or is
// one of those without which nothing starts on Windows.
func inherited(name string) bool {
	switch strings.ToUpper(name) {
	case "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TMP", "TEMP",
		"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "PROGRAMDATA", "APPDATA", "LOCALAPPDATA", "USERPROFILE":
		return true
	default:
		return strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "DYLD_")
	}
}

// maxLines is how much of a program's output an error message may quote.
const maxLines = 6

// lastLines renders the end of a program's output for an error message.
func lastLines(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return quoteLines(lines[max(0, len(lines)-maxLines):])
}

// firstLines renders its beginning, where npm says what matters.
func firstLines(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return quoteLines(lines[:min(len(lines), maxLines)])
}

func quoteLines(lines []string) string {
	text := strings.Join(lines, " | ")
	if text == "" {
		return ""
	}
	return ": " + text
}
