package front_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"

	"github.com/ordinaut/ordinaut/mcp/front"
)

// initialize is the handshake, to be given the client's capabilities.
const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{%s},"clientInfo":{"name":"t","version":"1"}}}`

// pipe is the client's end of a stdio connection.
type pipe struct {
	in    *io.PipeWriter
	out   *io.PipeReader
	lines *bufio.Scanner
	ended chan error // what ServeStdio returned
}

// pipe serves one stdio connection for the named caller. The test ends when the connection has.
func (fx *fixture) pipe(ctx context.Context, t *testing.T, name string) *pipe {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	p := &pipe{in: inW, out: outR, lines: bufio.NewScanner(outR), ended: make(chan error, 1)}
	p.lines.Buffer(nil, 4<<20)
	go func() {
		err := fx.ServeStdio(context.WithValue(ctx, callerKey{}, name), inR, outW)
		outW.Close()
		p.ended <- err
	}()
	t.Cleanup(func() {
		inW.Close()
		io.Copy(io.Discard, outR) //nolint:errcheck // until the server closes it
	})
	return p
}

func (p *pipe) send(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// next returns the next message.
func (p *pipe) next(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatal("the connection ended")
	}
	if !json.Valid(p.lines.Bytes()) {
		t.Fatalf("not JSON: %s", p.lines.Text())
	}
	return p.lines.Text()
}

func call(id, name, extra string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q%s}}`, id, name, extra)
}

// A client of every era works over stdio, several connections at once.
func TestStdioServesEras(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			p := fx.pipe(t.Context(), t, era.name)
			c := client.NewClient(transport.NewIO(p.out, p.in, io.NopCloser(strings.NewReader(""))),
				client.WithProtocolVersion(era.version), client.WithElicitationHandler(acceptAll{}))
			start(t, c)
			if got := tool(t, c, "echo", map[string]any{"text": "hi"}); got != era.name+":hi" {
				t.Errorf("echo = %q", got)
			}
			if got := tool(t, c, "ask", nil); got != "answer: accept" {
				t.Errorf("ask = %q", got)
			}
		})
	}
}

// Over stdio too, each report is written before the result of its call, and none is lost.
func TestStdioProgressArrivesBeforeResult(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	for name, meta := range map[string]string{"legacy": "{", "modern": modernMeta[:len(modernMeta)-1] + ","} {
		for _, tool := range []string{"progress", "notify"} {
			t.Run(name+"/"+tool, func(t *testing.T) {
				t.Parallel()
				p := fx.pipe(t.Context(), t, "ann")
				if name == "legacy" {
					p.send(t, fmt.Sprintf(initialize, ""))
					p.next(t)
				}
				const calls = 300
				go func() {
					for i := range calls {
						fmt.Fprintln(p.in, call(fmt.Sprint(i), tool, fmt.Sprintf(`,"_meta":%s"progressToken":%d}`, meta, i)))
					}
				}()
				reports := map[int64]int{}
				total := 0
				for results := 0; results < calls; {
					var m struct {
						ID     *int64
						Method string
						Params struct{ ProgressToken int64 }
						Result json.RawMessage
					}
					if err := json.Unmarshal([]byte(p.next(t)), &m); err != nil {
						t.Fatal(err)
					}
					switch {
					case m.Method != "":
						total++
						reports[m.Params.ProgressToken]++
					case m.Result == nil || tool == "progress" && reports[*m.ID] != 3:
						t.Fatalf("call %d: %d reports before the result", *m.ID, reports[*m.ID])
					default:
						results++
					}
				}
				if total != 3*calls {
					t.Errorf("%d notifications in all, want %d", total, 3*calls)
				}
			})
		}
	}
}

// A hostile line gets an error and harms neither the connection nor the next call.
func TestStdioHostileLines(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	p := fx.pipe(t.Context(), t, "ann")
	for name, tc := range map[string]struct {
		line string
		code int
	}{
		"two MiB":       {call("1", "echo", `,"arguments":{"text":"`+strings.Repeat("EVIL", 1<<19)+`"}`), -32600},
		"no JSON":       {"EVIL", -32700},
		"batch":         {"[" + call("1", "echo", "") + "]", -32600},
		"deep":          {call("1", "echo", `,"arguments":`+strings.Repeat("[", 99)+strings.Repeat("]", 99)), -32600},
		"duplicate":     {call("1", "echo", `,"name":"EVIL"`), -32600},
		"unknown":       {`{"jsonrpc":"2.0","id":1,"method":"no/such"}`, -32601},
		"raw error":     {call("1", "raw_error", ""), -32603},
		"panic":         {call("1", "panic", ""), -32603},
		"prompt panics": {`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"panic"}}`, -32603},
	} {
		go fmt.Fprintln(p.in, tc.line) // beside the reader: the pipe holds nothing
		var m struct{ Error struct{ Code int } }
		got := p.next(t)
		if err := json.Unmarshal([]byte(got), &m); err != nil || m.Error.Code != tc.code || strings.Contains(got, "EVIL") || strings.Contains(got, secretText) {
			t.Errorf("%s: %.300s", name, got)
		}
		p.send(t, call(`"next"`, "echo", ""))
		if got := p.next(t); !strings.Contains(got, `"id":"next"`) || !strings.Contains(got, "ann:") {
			t.Errorf("after %s: %.300s", name, got)
		}
	}
}

// A cancelled call is cancelled and not answered; a cancellation of another connection does nothing.
func TestStdioCancellation(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	ann, bob := fx.pipe(t.Context(), t, "ann"), fx.pipe(t.Context(), t, "bob")
	for _, meta := range []string{"", `,"_meta":` + modernMeta} {
		ann.send(t, call("7", "slow", meta))
		<-fx.entered
		const cancelled = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`
		bob.send(t, cancelled)
		bob.send(t, call("7", "echo", meta))
		if got := bob.next(t); !strings.Contains(got, "bob:") {
			t.Errorf("bob got %s", got)
		}
		select {
		case <-fx.gone:
			t.Fatal("bob cancelled ann's call")
		default:
		}
		ann.send(t, cancelled)
		<-fx.gone
		ann.send(t, call("8", "echo", meta))
		if got := ann.next(t); !strings.Contains(got, `"id":8`) {
			t.Errorf("the cancelled call was answered: %s", got)
		}
	}
}

// Connections share nothing: each has its own session, caller and broadcasts.
func TestStdioSessionsAreIsolated(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	ann, bob := fx.pipe(t.Context(), t, "ann"), fx.pipe(t.Context(), t, "bob")
	ann.send(t, fmt.Sprintf(initialize, `"elicitation":{}`))
	ann.next(t)
	bob.send(t, fmt.Sprintf(initialize, ""))
	bob.next(t)
	ann.send(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	ann.send(t, call("1", "ask", ""))
	if got := ann.next(t); !strings.Contains(got, "elicitation/create") {
		t.Errorf("ann was not asked: %s", got)
	}
	bob.send(t, call("1", "ask", "")) // bob's client cannot be asked
	if got := bob.next(t); !strings.Contains(got, "-32603") {
		t.Errorf("bob got %s", got)
	}
	bob.send(t, `{"jsonrpc":"2.0","id":1,"result":{"action":"decline"}}`) // no answer to ann's question
	bob.send(t, call("2", "echo", ""))
	if got := bob.next(t); !strings.Contains(got, "bob:") {
		t.Errorf("bob got %s", got)
	}
	fx.addTool()
	if got := ann.next(t); !strings.Contains(got, "tools/list_changed") {
		t.Errorf("ann got %s", got)
	}
	ann.send(t, `{"jsonrpc":"2.0","id":1,"result":{"action":"accept","content":{}}}`)
	if got := ann.next(t); !strings.Contains(got, "answer: accept") {
		t.Errorf("ann got %s", got)
	}
}

// At the end of the input calls in flight finish and a subscription ends with its result; then nil is returned.
func TestStdioFinishesAtEOF(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	p := fx.pipe(t.Context(), t, "ann")
	p.send(t, listenCall)
	if got := p.next(t); !strings.Contains(got, "subscriptions/acknowledged") {
		t.Errorf("first message %s", got)
	}
	p.send(t, call("1", "slow", ""))
	<-fx.entered
	p.in.Close()
	if got := p.next(t); !strings.Contains(got, `"id":"sub"`) || !strings.Contains(got, `"result"`) {
		t.Errorf("end of the subscription: %s", got)
	}
	fx.release <- struct{}{}
	if got := p.next(t); !strings.Contains(got, "slept") {
		t.Errorf("answer %s", got)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("ServeStdio = %v", err)
	}
}

// When the grace is over, a call that still runs is cancelled and the connection ends without error.
func TestStdioGraceEnds(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.Grace = time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	p := fx.pipe(ctx, t, "ann")
	p.send(t, call("1", "slow", ""))
	<-fx.entered
	cancel()
	<-fx.gone
	go io.Copy(io.Discard, p.out) //nolint:errcheck // ends with the connection
	if err := <-p.ended; err != nil {
		t.Errorf("ServeStdio = %v", err)
	}
}

// A shutdown ends idle connections.
func TestShutdownEndsStdio(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, nil)
	p := fx.pipe(t.Context(), t, "ann")
	p.send(t, call("1", "echo", ""))
	p.next(t)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testLimit)
	defer cancel()
	if err := fx.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("ServeStdio = %v", err)
	}
}

// Calls beyond the cap wait their turn, and too many waiting are refused.
func TestStdioBackpressure(t *testing.T) {
	t.Parallel()
	fx := newFixture(t, func(c *front.Config) { c.MaxConcurrent = 1 })
	p := fx.pipe(t.Context(), t, "ann")
	for i := range 10 {
		p.send(t, call(fmt.Sprint(i), "slow", ""))
	}
	<-fx.entered
	p.send(t, call("10", "echo", ""))
	if got := p.next(t); !strings.Contains(got, `"id":10`) || !strings.Contains(got, "resource_exhausted") {
		t.Errorf("refusal %s", got)
	}
	for range 9 {
		fx.release <- struct{}{}
		if got := p.next(t); !strings.Contains(got, "slept") {
			t.Errorf("answer %s", got)
		}
		<-fx.entered
	}
	fx.release <- struct{}{}
	p.next(t)
}
