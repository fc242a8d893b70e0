package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"

	"github.com/ordinaut/ordinaut/store/storetest"
)

// asBinary makes a re-executed test binary behave as ordinaut itself, so that tests can start, stop
// and kill real processes of the code under test.
const asBinary = "ORDINAUT_TEST_AS_BINARY"

func TestMain(m *testing.M) {
	if os.Getenv(asBinary) != "" {
		main()
	}
	storetest.Main(m)
}

// plant is a set of ordinaut processes over one database and one Redis, and what their steps call.
type plant struct {
	t        *testing.T
	dsn      string
	redisURL string
	dir      string
	key      string
	// web counts and answers the calls of http.request.
	web *webDouble
}

// newPlant makes a plant on the test's own database. redisURL may be empty: every process has its own.
func newPlant(t *testing.T, redisURL string) *plant {
	t.Helper()
	return newPlantOn(t, storetest.DB(t), redisURL)
}

func newPlantOn(t *testing.T, dsn, redisURL string) *plant {
	t.Helper()
	p := &plant{t: t, dsn: dsn, redisURL: redisURL, dir: t.TempDir(), web: newWebDouble(t)}
	file := fmt.Sprintf("servers:\n  - name: desk\n    transport: stdio\n    command: [%q, example-server, --journal, %q]\n    env: {%s: \"1\"}\nallow_networks: [127.0.0.0/8]\n",
		testBinary(t), p.journal(), asBinary)
	if err := os.WriteFile(p.config(), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := p.command("agent", "bootstrap").Output()
	if err != nil {
		t.Fatalf("agent bootstrap: %v", describe(err))
	}
	p.key = strings.TrimSpace(string(out))
	return p
}

func (p *plant) journal() string { return filepath.Join(p.dir, "desk.jsonl") }
func (p *plant) config() string  { return filepath.Join(p.dir, "ordinaut.yaml") }

func testBinary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// command is an ordinaut command line over the plant's database.
func (p *plant) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), testBinary(p.t), args...)
	cmd.Env = append(cleanEnv(), asBinary+"=1",
		"ORDINAUT_DATABASE_URL="+p.dsn, "ORDINAUT_REDIS_URL="+p.redisURL, "ORDINAUT_DATA_DIR="+p.dir,
		"ORDINAUT_CONFIG="+p.config(), "ORDINAUT_API_KEY="+p.key, "ORDINAUT_LOG_FORMAT=json",
		"ORDINAUT_LEASE_TTL=3s", "ORDINAUT_GRACE=2s", "ORDINAUT_RATE=1000")
	return cmd
}

// proc is a running `ordinaut serve`.
type proc struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string

	mu     sync.Mutex // guards log
	log    []string
	exited chan struct{}
	err    error
}

// serve starts a process with the given roles and waits until it listens.
func (p *plant) serve(roles string, flags ...string) *proc {
	p.t.Helper()
	cmd := p.command(append([]string{"serve", "--roles", roles, "--addr", "127.0.0.1:0"}, flags...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	pr := &proc{t: p.t, cmd: cmd, exited: make(chan struct{})}
	listening := make(chan string, 1)
	go pr.follow(stderr, listening)
	p.t.Cleanup(pr.cleanup)
	select {
	case pr.addr = <-listening:
	case <-pr.exited:
		p.t.Fatalf("serve --roles %s ended: %v\n%s", roles, pr.err, pr.text())
	case <-time.After(30 * time.Second):
		p.t.Fatalf("serve --roles %s does not listen:\n%s", roles, pr.text())
	}
	return pr
}

var listeningLine = regexp.MustCompile(`"msg":"listening","addr":"([^"]+)"`)

// follow keeps the process's log and announces the address that it listens on.
func (pr *proc) follow(stderr io.Reader, listening chan<- string) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		pr.mu.Lock()
		pr.log = append(pr.log, lines.Text())
		pr.mu.Unlock()
		if found := listeningLine.FindStringSubmatch(lines.Text()); found != nil {
			listening <- found[1]
		}
	}
	pr.err = pr.cmd.Wait()
	close(pr.exited)
}

func (pr *proc) text() string {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return strings.Join(pr.log, "\n")
}

func (pr *proc) cleanup() {
	select {
	case <-pr.exited:
	default:
		_ = pr.cmd.Process.Kill()
		<-pr.exited
	}
	if strings.Contains(pr.text(), "panic:") || strings.Contains(pr.text(), "DATA RACE") {
		pr.t.Errorf("process panicked or raced:\n%s", pr.text())
	}
	if pr.t.Failed() {
		pr.t.Logf("log of %v:\n%s", pr.cmd.Args[1:], pr.text())
	}
}

// kill is a crash.
func (pr *proc) kill() {
	pr.t.Helper()
	if err := pr.cmd.Process.Kill(); err != nil {
		pr.t.Fatal(err)
	}
	<-pr.exited
}

// stop asks the process to end and requires that it does, with status 0.
func (pr *proc) stop() {
	pr.t.Helper()
	if err := pr.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		pr.t.Fatal(err)
	}
	select {
	case <-pr.exited:
	case <-time.After(20 * time.Second):
		pr.t.Fatalf("does not stop:\n%s", pr.text())
	}
	if pr.err != nil {
		pr.t.Errorf("stopped with %v:\n%s", pr.err, pr.text())
	}
}

// dial connects over HTTP; version pins the protocol revision, empty means the newest.
func (p *plant) dial(pr *proc, version string) *session {
	p.t.Helper()
	var options []client.ClientOption
	if version != "" {
		options = append(options, client.WithProtocolVersion(version))
	}
	tr, err := transport.NewStreamableHTTP(endpoint(pr.addr), transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + p.key}))
	if err != nil {
		p.t.Fatal(err)
	}
	return p.shake(client.NewClient(tr, options...))
}

// stdio launches `ordinaut stdio` as a desktop client does.
func (p *plant) stdio(version string) *session {
	p.t.Helper()
	var options []client.ClientOption
	if version != "" {
		options = append(options, client.WithProtocolVersion(version))
	}
	tr := transport.NewStdioWithOptions(testBinary(p.t), nil, []string{"stdio"},
		transport.WithCommandFunc(func(context.Context, string, []string, []string) (*exec.Cmd, error) {
			return p.command("stdio"), nil
		}))
	return p.shake(client.NewClient(tr, options...))
}

func (p *plant) shake(c *client.Client) *session {
	p.t.Helper()
	s, err := newSession(p.t.Context(), c, "the test's server")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(s.Close)
	return s
}

// must calls a tool, decodes its result and fails the test on an error.
func (s *session) must(t *testing.T, tool string, args, out any) {
	t.Helper()
	if err := s.into(t.Context(), tool, args, out); err != nil {
		t.Fatal(err)
	}
}

// eventually polls is until it holds; the test fails when a minute has passed.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("never came true: %s", what)
		case <-poll.C:
		}
	}
}

func describe(err error) string {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it bare
		return fmt.Sprintf("%v: %s", err, exit.Stderr)
	}
	return err.Error()
}

// webDouble is an HTTP endpoint in the test's process. It remembers every call's idempotency key and,
// while a call is open, lets the test hold it.
type webDouble struct {
	URL string

	mu    sync.Mutex // guards keys and open
	keys  map[string]int
	open  map[string]int
	hold  chan struct{}
	gone  chan string
	peaks map[string]int
}

func newWebDouble(t *testing.T) *webDouble {
	t.Helper()
	w := &webDouble{keys: map[string]int{}, open: map[string]int{}, peaks: map[string]int{}, hold: make(chan struct{}), gone: make(chan string, 1000)}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.URL = "http://" + l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("/fast", func(rw http.ResponseWriter, r *http.Request) { defer w.enter(r)(); fmt.Fprint(rw, `{"ok": true}`) })
	mux.HandleFunc("/held", w.held)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return w
}

// held answers when the test says so, and tells when its caller has hung up.
func (w *webDouble) held(rw http.ResponseWriter, r *http.Request) {
	defer w.enter(r)()
	select {
	case <-w.hold:
		fmt.Fprint(rw, `{"ok": true}`)
	case <-r.Context().Done():
		w.gone <- r.Header.Get("Idempotency-Key")
	}
}

func (w *webDouble) enter(r *http.Request) (leave func()) {
	key := r.Header.Get("Idempotency-Key")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[key]++
	w.open[key]++
	w.peaks[key] = max(w.peaks[key], w.open[key])
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.open[key]--
	}
}

// calls returns how often each key was called.
func (w *webDouble) calls() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make(map[string]int, len(w.keys))
	maps.Copy(all, w.keys)
	return all
}

// count returns the calls made with key.
func (w *webDouble) count(key string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys[key]
}

// release lets every held call, now and later, be answered.
func (w *webDouble) release() { close(w.hold) }
