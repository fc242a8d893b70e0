package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ordinaut/ordinaut/store/storetest"
	"github.com/ordinaut/ordinaut/store/stream"
)

// The main job through every door: both transports, both eras of the protocol, real Redis and none.
func TestTheMainJobThroughEveryDoor(t *testing.T) {
	t.Parallel()
	for _, door := range []struct{ transport, version, redis string }{
		{"http", "", "real"},
		{"http", "2025-11-25", "in process"},
		{"http", "2025-06-18", "real"},
		{"stdio", "", "in process"},
		{"stdio", "2025-06-18", "real"},
	} {
		t.Run(fmt.Sprintf("%s %s redis %s", door.transport, door.version, door.redis), func(t *testing.T) {
			t.Parallel()
			url := ""
			if door.redis == "real" {
				url = "redis://" + storetest.Redis(t)
			}
			p := newPlant(t, url)
			var s *session
			if door.transport == "http" {
				s = p.dial(p.serve("api,scheduler,worker"), door.version)
			} else {
				s = p.stdio(door.version)
			}
			if door.version != "" && s.Protocol != door.version {
				t.Errorf("negotiated %s, want %s", s.Protocol, door.version)
			}
			theMainJob(t, p, s)
		})
	}
}

// theMainJob creates a task that fires each second over another MCP server and HTTP, waits for two
// runs of it, starts one by hand with live progress, and looks at what is told of them.
func theMainJob(t *testing.T, p *plant, s *session) {
	t.Helper()
	eventually(t, "the desk is known", func() bool {
		var listed struct{ Actions []struct{ Name string } }
		s.must(t, "list_actions", map[string]any{"query": "desk"}, &listed)
		return len(listed.Actions) == 3
	})
	var made struct{ Task struct{ ID string } }
	s.must(t, "create_task", map[string]any{
		"title":    "each second",
		"schedule": map[string]any{"kind": "cron", "expr": "* * * * * *", "timezone": "Europe/Berlin"},
		"params":   map[string]any{"who": "Ada"},
		"pipeline": []map[string]any{
			{"id": "web", "uses": "http.request", "with": map[string]any{"url": p.web.URL + "/fast?who=${params.who}"}},
			{"id": "note", "uses": "desk.send_note", "with": map[string]any{"text": "${params.who}: ${steps.web.status}"}, "expect": "message_id > `0`"},
		},
	}, &made)
	eventually(t, "two scheduled runs succeed", func() bool {
		return len(runs(t, s, map[string]any{"task_id": made.Task.ID, "states": []string{"succeeded"}})) >= 2
	})
	s.must(t, "pause_task", map[string]any{"task_id": made.Task.ID, "note": "enough"}, &struct{}{})

	var report struct{ Task struct{ ID string } }
	s.must(t, "create_task", map[string]any{
		"title": "report", "schedule": map[string]any{"kind": "manual"},
		"pipeline": []map[string]any{{"id": "report", "uses": "desk.write_report", "with": map[string]any{"pages": 8, "seconds": 2}}},
	}, &report)
	var mu sync.Mutex
	var told []float64
	a, err := s.call(t.Context(), "run_now", map[string]any{"task_id": report.Task.ID, "wait_seconds": 20}, func(r progressReport) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, r.Progress)
	})
	if err != nil || a.IsError {
		t.Fatalf("run_now: %v %s", err, a.Text)
	}
	var ended struct {
		Ended bool
		Run   demoRun
	}
	if err := json.Unmarshal(a.Result, &ended); err != nil {
		t.Fatal(err)
	}
	if !ended.Ended || ended.Run.State != "succeeded" {
		t.Errorf("run_now with wait: ended %v, state %s", ended.Ended, ended.Run.State)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) < 2 {
		t.Errorf("told of %d progress reports, want some", len(told))
	}
	if p.redisURL != "" {
		eventually(t, "the run's stream is whole", func() bool { return len(p.streamed(ended.Run.ID)) >= 4 })
	}
	p.upheld()
}

// streamed returns the numbers of a run's entries in Redis once the run's end is among them, and fails
// the test for a gap or a double.
func (p *plant) streamed(run string) []string {
	p.t.Helper()
	c, err := stream.Open(p.redisURL)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	entries, err := c.XRange(p.t.Context(), "ordinaut:default:run:"+run, "-", "+").Result()
	if err != nil || len(entries) == 0 || entries[len(entries)-1].Values["type"] != "run.finished" {
		return nil // not all of it has arrived
	}
	var numbers []string
	for i, e := range entries {
		if want := fmt.Sprint(i + 1); e.Values["seq"] != want || e.ID != want+"-0" {
			p.t.Errorf("entry %d of %s has id %s and seq %v", i+1, run, e.ID, e.Values["seq"])
		}
		numbers = append(numbers, e.ID)
	}
	return numbers
}

// What a pipeline publishes is read by whoever listens to the namespace's stream in Redis.
func TestAPublishedEventReachesListeners(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	s := p.dial(p.serve("api,scheduler,worker"), "")
	var made struct{ Task struct{ ID string } }
	s.must(t, "create_task", map[string]any{
		"title": "announce", "schedule": manual(), "params": map[string]any{"city": "Chur"},
		"pipeline": []map[string]any{{
			"id": "tell", "uses": "event.publish",
			"with": map[string]any{"topic": "weather.hot", "payload": map[string]any{"city": "${params.city}", "degrees": 35}},
		}},
	}, &made)
	run := runNow(t, s, made.Task.ID)
	c, err := stream.Open(p.redisURL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var published []map[string]any
	var kinds []any
	eventually(t, "the run's end is told", func() bool {
		entries, err := c.XRange(t.Context(), "ordinaut:default:events", "-", "+").Result()
		published, kinds = nil, nil
		for _, e := range entries {
			kinds = append(kinds, e.Values["type"])
			if e.Values["type"] == "event" {
				published = append(published, e.Values)
			}
		}
		return err == nil && len(kinds) > 0 && kinds[len(kinds)-1] == "run.succeeded"
	})
	if len(published) != 1 {
		t.Fatalf("%d events among %v, want 1", len(published), kinds)
	}
	told := published[0]
	var payload struct {
		City    string
		Degrees int
	}
	text, _ := told["payload"].(string)
	if err := json.Unmarshal([]byte(text), &payload); err != nil || payload.City != "Chur" || payload.Degrees != 35 {
		t.Errorf("payload is %q (%v)", text, err)
	}
	if told["topic"] != "weather.hot" || told["run_id"] != run || told["at"] == nil {
		t.Errorf("told %v, want topic weather.hot of run %s", told, run)
	}
	var got struct {
		Run struct {
			Steps []struct {
				Output struct {
					EventID string `json:"event_id"`
				}
			}
		}
	}
	s.must(t, "get_run", map[string]any{"run_id": run, "detail": "full"}, &got)
	if steps := got.Run.Steps; len(steps) != 1 || steps[0].Output.EventID == "" || steps[0].Output.EventID != told["event_id"] {
		t.Errorf("event_id is %v, the steps gave %+v", told["event_id"], steps)
	}
}

// runs lists runs through the tool.
func runs(t *testing.T, s *session, args map[string]any) []demoRun {
	t.Helper()
	args["limit"] = 100
	var listed struct{ Runs []demoRun }
	s.must(t, "list_runs", args, &listed)
	return listed.Runs
}

// The command line is an MCP client too, and its exit status tells a tool's error.
func TestCallIsAClient(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	server := p.serve("api")
	ok := p.command("call", "--url", endpoint(server.addr), "get_status")
	out, err := ok.Output()
	if err != nil {
		t.Fatal(describe(err))
	}
	var status struct{ Versions map[string]any }
	if err := json.Unmarshal(out, &status); err != nil || len(status.Versions) == 0 {
		t.Errorf("call get_status printed %s (%v)", out, err)
	}
	bad := p.command("call", "--url", endpoint(server.addr), "get_run", `{"run_id": "task_1"}`)
	out, err = bad.Output()
	if bad.ProcessState.ExitCode() != 5 || !bytes.Contains(out, []byte("run_")) {
		t.Errorf("call with a wrong id: %v, exit %d, printed %s", err, bad.ProcessState.ExitCode(), out)
	}
}

// Beyond loopback nobody is served before somebody can authenticate; with a key, only with it.
func TestNobodyIsServedWithoutAKey(t *testing.T) {
	t.Parallel()
	p := &plant{t: t, dsn: storetest.DB(t), dir: t.TempDir()}
	out, err := p.command("serve", "--config", "", "--addr", "0.0.0.0:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "agent bootstrap") {
		t.Errorf("serve beyond loopback without a key: %v\n%s", err, out)
	}
	p = newPlant(t, "")
	server := p.serve("api")
	p.key = "ord_00000000_" + strings.Repeat("A", 43)
	out, err = p.command("call", "--url", endpoint(server.addr), "get_status").CombinedOutput()
	if err == nil {
		t.Errorf("a made-up key was served:\n%s", out)
	}
	if again, err := p.command("agent", "bootstrap").CombinedOutput(); err == nil {
		t.Errorf("a second bootstrap was granted:\n%s", again)
	}
}

// doctor is content with a working plant, and says what to do about one that is not there.
func TestDoctorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	server := p.serve("api,scheduler,worker")
	well := p.command("doctor")
	well.Env = append(well.Env, "ORDINAUT_ADDR="+server.addr)
	if out, err := well.CombinedOutput(); err != nil || strings.Count(string(out), "✓") != 4 {
		t.Errorf("doctor of a working plant: %v\n%s", err, out)
	}
	server.stop()
	if out, err := p.command("doctor", "--redis-url", "redis://127.0.0.1:1").CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "start `ordinaut serve`") || !strings.Contains(string(out), "✗ redis") {
		t.Errorf("doctor without a server: %v\n%s", err, out)
	}
	if out, err := p.command("doctor", "--health-url", "http://"+server.addr+"/health/live").CombinedOutput(); err == nil {
		t.Errorf("a server that is gone counts as healthy:\n%s", out)
	}
}
