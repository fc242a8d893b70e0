package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"testing"
)

// A desktop client that dies takes stdin, stdout and stderr with it. The process behind them ends by
// itself all the same, and leaves no run to be rescued.
func TestStdioOutlivesItsClientsPipes(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	cmd := p.command("stdio")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]io.ReadCloser
	for i, open := range []func() (io.ReadCloser, error){cmd.StdoutPipe, cmd.StderrPipe} {
		if ends[i], err = open(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended if all is well
	go io.Copy(io.Discard, ends[1])              //nolint:errcheck // until it is closed below

	send := func(id int, tool, args string) {
		fmt.Fprintf(stdin, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{`+
			`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`+"\n", id, tool, args)
	}
	send(1, "create_task", `{"title":"t","schedule":{"kind":"manual"},"pipeline":[{"id":"a","uses":"http.request","with":{"url":"`+p.web.URL+`/held"}}]}`)
	line, err := bufio.NewReader(ends[0]).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Result struct {
			StructuredContent struct {
				Task struct{ ID string } `json:"task"`
			} `json:"structuredContent"`
		} `json:"result"`
	}
	if err := json.Unmarshal(line, &made); err != nil || made.Result.StructuredContent.Task.ID == "" {
		t.Fatalf("create_task answered %s (%v)", line, err)
	}
	send(2, "run_now", `{"task_id":"`+made.Result.StructuredContent.Task.ID+`","wait_seconds":1}`)
	eventually(t, "the step is under way", func() bool { return len(p.web.calls()) == 1 })
	for _, end := range ends {
		_ = end.Close()
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process ended by %v, want by itself", err)
	}

	p.web.release()
	s := p.dial(p.serve("api,worker"), "")
	var all struct {
		Runs []struct{ State string } `json:"runs"`
	}
	eventually(t, "the run that was given back succeeds", func() bool {
		s.must(t, "list_runs", map[string]any{}, &all)
		return len(all.Runs) == 1 && all.Runs[0].State == "succeeded"
	})
}
