package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ordinaut/ordinaut/examples/desk"
)

// stage is what the demo plays on: a temporary data directory, processes of this same binary, and a
// local HTTP endpoint. Nothing of it outlives Close.
type stage struct {
	dir  string
	addr string
	self string

	server *http.Server
	// weather is the endpoint's base URL.
	weather string
	// refusals counts how often /tides has refused.
	refusals atomic.Int32

	mu    sync.Mutex // guards procs
	procs []*process
}

// process is one running ordinaut.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	killed atomic.Bool
}

func newStage(ctx context.Context) (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own binary: %w", err)
	}
	dir, err := os.MkdirTemp("", "ordinaut-demo-")
	if err != nil {
		return nil, err
	}
	// Postgres, which refuses root, runs as another user below here.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	st := &stage{dir: dir, self: self}
	if err := st.open(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// open starts the endpoint and writes the operator's file.
func (st *stage) open(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open the local endpoint: %w", err)
	}
	st.weather = "http://" + l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /weather", st.serveWeather)
	mux.HandleFunc("GET /tides", st.serveTides)
	st.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = st.server.Serve(l) }() // ends with Close

	// The port is free now and, this being a demo on loopback, will most likely be in a moment.
	free, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	st.addr = free.Addr().String()
	if err := free.Close(); err != nil {
		return err
	}
	file := fmt.Sprintf(`servers:
  - name: desk
    transport: stdio
    command: [%q, "example-server", "--journal", %q]
allow_networks: ["127.0.0.0/8"]
`, st.self, st.journal())
	return os.WriteFile(st.config(), []byte(file), 0o600)
}

func (st *stage) journal() string { return filepath.Join(st.dir, "desk.jsonl") }
func (st *stage) config() string  { return filepath.Join(st.dir, "ordinaut.yaml") }
func (st *stage) logFile() string { return filepath.Join(st.dir, "ordinaut.log") }

func (st *stage) serveWeather(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"city": r.URL.Query().Get("city"), "sky": "clear", "celsius": 21})
}

// serveTides is out of order twice before it works.
func (st *stage) serveTides(w http.ResponseWriter, _ *http.Request) {
	if st.refusals.Load() < 2 {
		st.refusals.Add(1)
		http.Error(w, "the tide gauge is being cleaned", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"high": "16:42", "low": "22:57"})
}

// start runs `ordinaut serve` with the given roles at addr.
func (st *stage) start(roles, addr string) (*process, error) {
	log, err := os.OpenFile(st.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(st.self, "serve", "--roles", roles, "--leash") //nolint:noctx // ended by Close, gently
	cmd.Env = append(cleanEnv(),
		"ORDINAUT_DATA_DIR="+filepath.Join(st.dir, "data"), "ORDINAUT_CONFIG="+st.config(), "ORDINAUT_ADDR="+addr,
		"ORDINAUT_LEASE_TTL=3s", "ORDINAUT_GRACE=2s", "ORDINAUT_LOG_FORMAT=json")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = detached()
	// Nobody writes there. It ends with this process, however that ends, and the server with it.
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start ordinaut serve --roles %s: %w", roles, err)
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.exited) }()
	st.mu.Lock()
	defer st.mu.Unlock()
	st.procs = append(st.procs, p)
	return p, nil
}

// cleanEnv is this process's environment without Ordinaut's own settings, save those that say how to
// come by Postgres: the demo must not touch anybody's database.
func cleanEnv() []string {
	var clean []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "ORDINAUT_") || strings.HasPrefix(kv, "ORDINAUT_POSTGRES_") || strings.HasPrefix(kv, "ORDINAUT_NO_DOWNLOAD") {
			clean = append(clean, kv)
		}
	}
	return clean
}

// ready waits until the server answers that it is, or a process has died. It tells of a download.
func (st *stage) ready(ctx context.Context, tell func(line string)) error {
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	told := false
	for {
		if line := st.fetching(); line != "" && !told {
			told = true
			tell(line)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+st.addr+"/health/ready", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := st.died(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("ordinaut serve was not ready in time:\n%s", st.logTail())
		case <-poll.C:
		}
	}
}

// died returns an error if a process has ended that nobody ended.
func (st *stage) died() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, p := range st.procs {
		select {
		case <-p.exited:
			if !p.killed.Load() {
				return fmt.Errorf("process %d ended: %s\n%s", p.cmd.Process.Pid, p.cmd.ProcessState, st.logTail())
			}
		default:
		}
	}
	return nil
}

// fetching returns the server's line that says that it fetches Postgres, or "" if there is none.
func (st *stage) fetching() string {
	text, err := os.ReadFile(st.logFile())
	if err != nil {
		return ""
	}
	_, line, found := strings.Cut(string(text), "ordinaut: fetching ")
	line, _, complete := strings.Cut(line, "\n")
	if !found || !complete {
		return ""
	}
	return "fetching " + line
}

// logTail returns the last lines of the processes' log.
func (st *stage) logTail() string {
	text, err := os.ReadFile(st.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// effects returns what the desk has really done.
func (st *stage) effects() ([]desk.Entry, error) {
	text, err := os.ReadFile(st.journal())
	if err != nil {
		return nil, fmt.Errorf("read the desk's journal: %w", err)
	}
	var entries []desk.Entry
	for line := range strings.Lines(string(text)) {
		var e desk.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("read the desk's journal: %w", err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// kill ends a process as a crash does.
func (p *process) kill() error {
	p.killed.Store(true)
	err := p.cmd.Process.Kill()
	<-p.exited
	return err
}

// stop asks a process to end and waits; one that does not within ten seconds is killed.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
		return nil
	case <-time.After(10 * time.Second):
		return errors.Join(fmt.Errorf("process %d had to be killed", p.cmd.Process.Pid), p.kill())
	}
}

// Close ends everything, the owner of the database last, and removes the directory.
func (st *stage) Close() error {
	var errs []error
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, v := range slices.Backward(st.procs) {
		errs = append(errs, v.stop())
	}
	if st.server != nil {
		errs = append(errs, st.server.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(st.dir))...)
}
