package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// fastStop and immediateStop are how long each way of stopping may take before the next.
	fastStop      = 30 * time.Second
	immediateStop = 10 * time.Second
	// maxLog is the size from which a start begins a new log file, keeping one old one.
	maxLog = 8 << 20
	// adoptedPoll is how often a postmaster that is not our child is looked at.
	adoptedPoll = 200 * time.Millisecond
)

// postmaster is a running server process: our child, or one that an owner before us left.
type postmaster struct {
	pid     int
	log     logFile
	done    chan struct{} // closed when the process is gone
	state   string        // how it ended; read after done
	abandon chan struct{} // closed to stop watching an adopted process; nil for a child
}

// launch starts postgres on the cluster. It outlives ctx.
func launch(ctx context.Context, l layout, b Binaries, a account) (*postmaster, error) {
	log, err := openLog(l.log())
	if err != nil {
		return nil, fmt.Errorf("open postgres' log: %w", err)
	}
	defer log.file.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), b.postgres(),
		"-D", l.data(),
		"-p", strconv.Itoa(port),
		"-c", "listen_addresses=",
		"-c", `unix_socket_directories="`+l.socketDir()+`"`,
		"-c", "logging_collector=off",
	)
	cmd.Dir = l.dir
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = log.file, log.file
	cmd.SysProcAttr = sysProcAttr(a, stopFast)
	p := &postmaster{log: logFile{path: log.path, from: log.from}, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel stops postgres when the thread that started it ends, so this goroutine keeps
		// the thread for as long as postgres runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // an exit code is not our error: state says how it ended
		p.state = cmd.ProcessState.String()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// adopt watches a postmaster that this process did not start.
func adopt(pid int) *postmaster {
	p := &postmaster{pid: pid, done: make(chan struct{}), abandon: make(chan struct{}), state: "ended"}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(adoptedPoll)
		defer tick.Stop()
		for alive(pid) {
			select {
			case <-tick.C:
			case <-p.abandon:
				return
			}
		}
	}()
	return p
}

// errEnded says that postgres ended while it was starting.
var errEnded = errors.New("postgres ended while it was starting")

// awaitReady waits until the server accepts sessions.
func (p *postmaster) awaitReady(ctx context.Context, socket string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if accepts(ctx, socket) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres: %w%s", context.Cause(ctx), p.log.tail())
		case <-p.done:
			return fmt.Errorf("%w (%s)%s", errEnded, p.state, p.log.tail())
		case <-tick.C:
		}
	}
}

// stop ends the postmaster in the gentlest way that works and waits until it is gone.
func (p *postmaster) stop(l layout, b Binaries, log *slog.Logger) error {
	var err error
	for _, way := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{stopFast, fastStop}, {stopImmediate, immediateStop}, {dieNow, immediateStop}} {
		// Only a process that still says it serves this cluster: the pid may be another's by now.
		if p.abandon != nil && pidOf(l) != p.pid {
			err = nil
			break
		}
		if err = signalPostmaster(b, l, p.pid, way.signal); err != nil {
			err = fmt.Errorf("stop postgres (pid %d): %w", p.pid, err)
			break
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(way.wait):
			log.Warn("postgres did not stop in time", "pid", p.pid, "signal", way.signal.String(), "waited", way.wait)
			err = fmt.Errorf("postgres (pid %d) did not stop", p.pid)
		}
	}
	if p.abandon != nil {
		close(p.abandon)
		<-p.done
	}
	return err
}

// pidOf returns the pid that the cluster's pid file names, or 0 if there is none.
func pidOf(l layout) int {
	text, err := os.ReadFile(l.pidFile())
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}

// logFile is the server's log, and where in it this start begins.
type logFile struct {
	path string
	from int64
	file *os.File
}

func openLog(path string) (logFile, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return logFile{}, err
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return logFile{}, err
	}
	info, err := file.Stat()
	if err != nil {
		return logFile{}, errors.Join(err, file.Close())
	}
	return logFile{path: path, from: info.Size(), file: file}, nil
}

// tail renders what the server wrote since this start, for an error message.
func (f logFile) tail() string {
	file, err := os.Open(f.path)
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.NewSectionReader(file, f.from, 64<<10)) // part of it is better than none
	return lastLines(string(text))
}
