package downstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"
)

const (
	// stopGrace is how long a child may take after its input was closed, and again after SIGTERM.
	stopGrace = 2 * time.Second
	// writeTimeout bounds a write to a child that does not read.
	writeTimeout = 10 * time.Second
	// maxLogLine and maxLogLines bound what a child's standard error puts into our log.
	maxLogLine       = 500
	logLinesPerBurst = 100
)

// process is a child in a group of its own, with the pipes by which it speaks MCP.
type process struct {
	cmd    *exec.Cmd
	stdin  *os.File
	stdout *os.File
	// gone is closed when the child has ended and its group was killed.
	gone     chan struct{}
	stopOnce sync.Once
}

// startProcess starts the server's command. The child inherits nothing of our environment: what may
// hold a database's password is no business of a server's.
func startProcess(cfg *ServerConfig, log *slog.Logger) (*process, error) {
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		inRead.Close()
		inWrite.Close()
		return nil, err
	}
	cmd := exec.Command(cfg.Command[0], cfg.Command[1:]...) //nolint:noctx // stopped by its group, with grace; a context would kill the leader alone
	cmd.Env = environment(cfg)
	cmd.Dir = cfg.Dir
	if cmd.Dir == "" {
		cmd.Dir = string(os.PathSeparator)
	}
	cmd.Stdin, cmd.Stdout = inRead, outWrite
	cmd.Stderr = &lineLogger{log: log}
	cmd.WaitDelay = stopGrace // a grandchild that keeps standard error open must not keep us waiting
	ownGroup(cmd)
	err = cmd.Start()
	inRead.Close()
	outWrite.Close()
	if err != nil {
		inWrite.Close()
		outRead.Close()
		return nil, fmt.Errorf("start %s: %w", cfg.Command[0], err)
	}
	p := &process{cmd: cmd, stdin: inWrite, stdout: outRead, gone: make(chan struct{})}
	go p.wait(log)
	return p, nil
}

func (p *process) wait(log *slog.Logger) {
	err := p.cmd.Wait()
	killGroup(p.cmd.Process)
	p.stdin.Close()
	p.stdout.Close()                              // ends the transport's reading, even if a grandchild still holds the other end
	log.Debug("server process ended", "err", err) //nolint:sloglint // no context lives as long as the child
	close(p.gone)
}

// stop ends the child: its input is closed, then its group is asked, then killed.
func (p *process) stop() {
	p.stopOnce.Do(func() {
		p.stdin.Close()
		if p.goneWithin(stopGrace) {
			return
		}
		terminateGroup(p.cmd.Process)
		if p.goneWithin(stopGrace) {
			return
		}
		killGroup(p.cmd.Process)
	})
	<-p.gone
}

func (p *process) goneWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.gone:
		return true
	case <-t.C:
		return false
	}
}

// transport returns a transport that speaks over the child's pipes.
func (p *process) transport() *transport.Stdio {
	out := &messageLimit{from: p.stdout, limit: maxMessage, tooLong: func() { killGroup(p.cmd.Process) }}
	return transport.NewIO(endOnError{out}, &timedWriter{p.stdin, func() { killGroup(p.cmd.Process) }}, nil)
}

// endOnError makes every end of a child's output look like the plain one: the transport has no other
// use of an error than to write it to the global log.
type endOnError struct{ io.Reader }

func (r endOnError) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// timedWriter gives up a child that does not read its input. The transport's own writes would wait
// for it forever, whatever their context says.
type timedWriter struct {
	to     *os.File
	giveUp func()
}

func (w *timedWriter) Write(b []byte) (int, error) {
	w.to.SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:errcheck // pipes have deadlines; without one the write still works
	n, err := w.to.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.giveUp()
	}
	return n, err
}

func (w *timedWriter) Close() error { return w.to.Close() }

// environment is all that a child gets to know: where programs are, where its home is, and what the
// operator gave it.
func environment(cfg *ServerConfig) []string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	vars := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": home,
		"LANG": "C.UTF-8",
	}
	maps.Copy(vars, cfg.Env)
	maps.Copy(vars, systemVariables())
	env := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}

// lineLogger puts a child's standard error into the log, line by line, shortened, and not without end.
type lineLogger struct {
	log    *slog.Logger
	line   []byte
	since  time.Time
	logged int
}

func (l *lineLogger) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.line = append(l.line, rest[:min(len(rest), maxLogLine-min(len(l.line), maxLogLine))]...)
			break
		}
		l.line = append(l.line, rest[:min(i, maxLogLine-min(len(l.line), maxLogLine))]...)
		l.flush()
		rest = rest[i+1:]
	}
	return len(b), nil
}

func (l *lineLogger) flush() {
	if time.Since(l.since) > time.Minute {
		l.since, l.logged = time.Now(), 0
	}
	if l.logged++; l.logged <= logLinesPerBurst && len(l.line) > 0 {
		l.log.Info("server wrote to standard error", "line", string(bytes.ToValidUTF8(l.line, []byte("?")))) //nolint:sloglint // no context here
	}
	l.line = l.line[:0]
}
