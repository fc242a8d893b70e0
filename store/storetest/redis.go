package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// redisPatience is how long a server may take to answer or to go.
const redisPatience = 20 * time.Second

// RedisServer is a private Redis on a loopback port, which it keeps over Stop and Start. It stores
// nothing: after a start it is empty.
type RedisServer struct {
	// Addr is its host:port.
	Addr string
	dir  string
	bin  string
}

// Redis starts a server for t and returns its host:port. It is gone at t's end.
func Redis(t testing.TB) string {
	t.Helper()
	return StartRedis(t).Addr
}

// StartRedis starts a server for t, to be stopped and started at will. It is gone at t's end.
func StartRedis(t testing.TB) *RedisServer {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("the tests need redis-server: run .ci/need servers, or apt-get install redis-server")
	}
	dir, err := os.MkdirTemp("/tmp", "ordinaut-redis-") //nolint:usetesting // outlives a killed test, until the guard removes it
	if err != nil {
		t.Fatal(err)
	}
	guard, err := newGuard(nil, `[ -f "$1/pid" ] && kill -9 "$(cat "$1/pid")" 2>/dev/null; rm -rf "$1"`, dir)
	if err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(dir)))
	}
	t.Cleanup(func() {
		if err := guard.end(); err != nil {
			t.Errorf("stop redis: %v", err)
		}
	})
	r := &RedisServer{dir: dir, bin: bin}
	// The port found free may be taken by another before the server has it.
	for range 10 {
		r.Addr, err = freeAddr()
		if err != nil {
			t.Fatal(err)
		}
		if err = r.start(); err == nil {
			return r
		}
	}
	t.Fatalf("start redis: %v", err)
	return nil
}

// Start starts the server again after Stop, empty, at the same address.
func (r *RedisServer) Start(t testing.TB) {
	t.Helper()
	if err := r.start(); err != nil {
		t.Fatalf("start redis: %v", err)
	}
}

// Stop ends the server at once and with all it held.
func (r *RedisServer) Stop(t testing.TB) {
	t.Helper()
	// It closes the connection instead of an answer.
	if answer, err := r.do("SHUTDOWN NOSAVE"); err == nil {
		t.Fatalf("stop redis: it answered %q", answer)
	}
	if err := await(func() error {
		if _, err := os.Stat(filepath.Join(r.dir, "pid")); err == nil {
			return errors.New("its pid file is still there")
		}
		return nil
	}); err != nil {
		t.Fatalf("stop redis: %v", err)
	}
}

// FlushAll deletes everything.
func (r *RedisServer) FlushAll(t testing.TB) {
	t.Helper()
	if answer, err := r.do("FLUSHALL"); err != nil || answer != "+OK" {
		t.Fatalf("flush redis: answer %q, error %v", answer, err)
	}
}

func (r *RedisServer) start() error {
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		return err
	}
	err = command(nil, r.dir, r.bin, "--bind", host, "--port", port, "--daemonize", "yes", "--dir", r.dir,
		"--pidfile", filepath.Join(r.dir, "pid"), "--logfile", filepath.Join(r.dir, "log"), "--save", "", "--appendonly", "no")
	if err != nil {
		return err
	}
	return await(func() error {
		answer, err := r.do("PING")
		if err == nil && answer != "+PONG" {
			err = fmt.Errorf("it answered %q", answer)
		}
		return err
	})
}

// do sends one inline command and returns the first line of the answer.
func (r *RedisServer) do(command string) (string, error) {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(context.Background(), "tcp", r.Addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(redisPatience)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

// await asks until is gives no error, for as long as redisPatience.
func await(is func() error) error {
	deadline := time.Now().Add(redisPatience)
	for {
		err := is()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(5 * time.Millisecond)
	}
}

func freeAddr() (string, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port)), nil
}
