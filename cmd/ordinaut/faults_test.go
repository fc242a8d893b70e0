package main

import (
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut/store/storetest"
)

// createWebTask makes a task whose steps call the test's endpoint, and returns its id.
func (p *plant) createWebTask(s *session, title string, schedule map[string]any, paths ...string) string {
	p.t.Helper()
	var steps []map[string]any
	for i, path := range paths {
		steps = append(steps, map[string]any{"id": fmt.Sprintf("s%d", i+1), "uses": "http.request", "with": map[string]any{"url": p.web.URL + path}})
	}
	var made struct{ Task struct{ ID string } }
	s.must(p.t, "create_task", map[string]any{"title": title, "schedule": schedule, "pipeline": steps}, &made)
	return made.Task.ID
}

func manual() map[string]any { return map[string]any{"kind": "manual"} }

// runNow starts a run without waiting and returns its id.
func runNow(t *testing.T, s *session, task string) string {
	t.Helper()
	var started struct{ Run demoRun }
	s.must(t, "run_now", map[string]any{"task_id": task}, &started)
	return started.Run.ID
}

func getRun(t *testing.T, s *session, id string) demoRun {
	t.Helper()
	var got struct{ Run demoRun }
	s.must(t, "get_run", map[string]any{"run_id": id}, &got)
	return got.Run
}

// A worker killed in mid-step loses nothing: another goes on after the last recorded step, and the
// recorded one is not done again.
func TestAKilledWorkersRunGoesOnAfterItsLastRecordedStep(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	s := p.dial(p.serve("api,scheduler"), "")
	first := p.serve("worker")
	run := runNow(t, s, p.createWebTask(s, "haul", manual(), "/fast", "/held", "/fast"))
	eventually(t, "the second step is under way", func() bool { return p.web.count(run+"/s2") == 1 })
	first.kill()
	p.web.release()
	p.serve("worker")
	eventually(t, "the run ends", func() bool { return getRun(t, s, run).State == "succeeded" })
	if got := getRun(t, s, run); got.Attempt != 2 {
		t.Errorf("ended at attempt %d, want 2", got.Attempt)
	}
	want := map[string]int{run + "/s1": 1, run + "/s2": 2, run + "/s3": 1}
	if got := p.web.calls(); !maps.Equal(got, want) {
		t.Errorf("calls by key: %v, want %v", got, want)
	}
	p.upheld()
}

// A frozen worker that wakes after its lease writes nothing; the run has one outcome.
func TestAFrozenWorkerWritesNothingWhenItWakes(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	s := p.dial(p.serve("api,scheduler"), "")
	frozen := p.serve("worker")
	run := runNow(t, s, p.createWebTask(s, "freeze", manual(), "/held", "/fast"))
	eventually(t, "the first step is under way", func() bool { return p.web.count(run+"/s1") == 1 })
	send(t, frozen, syscall.SIGSTOP)
	p.web.release()
	p.serve("worker")
	eventually(t, "the run ends", func() bool { return getRun(t, s, run).State == "succeeded" })
	before := p.web.calls()
	send(t, frozen, syscall.SIGCONT)
	eventually(t, "the woken worker knows that it lost", func() bool { return strings.Contains(frozen.text(), "lease") })
	if got := p.web.calls(); !maps.Equal(got, before) {
		t.Errorf("calls after it woke: %v, want %v", got, before)
	}
	if got := getRun(t, s, run); got.State != "succeeded" || got.Attempt != 2 {
		t.Errorf("after it woke the run is %s at attempt %d", got.State, got.Attempt)
	}
	p.upheld()
}

func send(t *testing.T, pr *proc, sig syscall.Signal) {
	t.Helper()
	if err := pr.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Two schedulers and three workers on one database: every second of every task becomes one
// occurrence and one run, and each run's step is called once.
func TestNoTickIsDoubledOrLost(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	api := p.serve("api,scheduler")
	p.serve("scheduler")
	for range 3 {
		p.serve("worker")
	}
	s := p.dial(api, "")
	var tasks []string
	for i := range 5 {
		tasks = append(tasks, p.createWebTask(s, fmt.Sprintf("tick %d", i), map[string]any{"kind": "cron", "expr": "* * * * * *", "overlap": "allow"}, "/fast"))
	}
	eventually(t, "each task has run eight times", func() bool {
		for _, id := range tasks {
			if len(runs(t, s, map[string]any{"task_id": id, "states": []string{"succeeded"}})) < 8 {
				return false
			}
		}
		return true
	})
	for _, id := range tasks {
		s.must(t, "pause_task", map[string]any{"task_id": id}, &struct{}{})
	}
	eventually(t, "all runs end", func() bool {
		return len(runs(t, s, map[string]any{"states": []string{"queued", "running", "waiting"}})) == 0
	})
	for key, n := range p.web.calls() {
		if n != 1 {
			t.Errorf("step %s was called %d times", key, n)
		}
	}
	for _, id := range tasks {
		all := runs(t, s, map[string]any{"task_id": id})
		seen := map[time.Time]bool{}
		oldest, newest := *all[0].NominalAt, *all[0].NominalAt
		for _, r := range all {
			if seen[*r.NominalAt] {
				t.Errorf("task %s ran twice for %s", id, r.NominalAt)
			}
			seen[*r.NominalAt] = true
			oldest, newest = earlier(oldest, *r.NominalAt), later(newest, *r.NominalAt)
		}
		if want := int(newest.Sub(oldest)/time.Second) + 1; len(seen) != want {
			t.Errorf("task %s ran for %d of %d seconds", id, len(seen), want)
		}
	}
	p.upheld()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// A database that crashes under load costs nothing that was acknowledged.
func TestPostgresRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	server := storetest.Postgres(t)
	p := newPlantOn(t, server.DSN("postgres"), "")
	api := p.serve("api,scheduler,worker")
	p.serve("worker")
	s := p.dial(api, "")
	task := p.createWebTask(s, "load", manual(), "/fast", "/fast", "/fast")
	acknowledged := map[string]bool{}
	start := func() {
		var started struct{ Run demoRun }
		if err := s.into(t.Context(), "run_now", map[string]any{"task_id": task}, &started); err == nil {
			acknowledged[started.Run.ID] = true
		}
	}
	for i := range 90 {
		start()
		if i%30 == 20 {
			server.Stop(t, "immediate")
			start() // refused or lost, but never acknowledged and lost
			server.Start(t)
		}
	}
	if len(acknowledged) < 60 {
		t.Fatalf("only %d of 90 runs were acknowledged", len(acknowledged))
	}
	eventually(t, "each acknowledged run succeeds", func() bool {
		for id := range acknowledged {
			var got struct{ Run demoRun }
			if err := s.into(t.Context(), "get_run", map[string]any{"run_id": id}, &got); err != nil {
				return false
			}
			switch got.Run.State {
			case "succeeded":
				delete(acknowledged, id)
			case "failed", "timed_out", "canceled":
				t.Fatalf("run %s %s: %s %s", id, got.Run.State, got.Run.Reason, got.Run.Error)
			default:
				return false
			}
		}
		return true
	})
	p.upheld()
}

// Redis that goes, and comes back empty, delays no run, and readers of progress see no gap.
func TestRedisGoesAndComesBack(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t)
	p := newPlant(t, "redis://"+redis.Addr)
	s := p.dial(p.serve("api,scheduler,worker"), "")
	task := p.createWebTask(s, "indifferent", manual(), "/fast", "/fast")
	ends := func(when string) string {
		t.Helper()
		var ended struct {
			Ended bool
			Run   demoRun
		}
		s.must(t, "run_now", map[string]any{"task_id": task, "wait_seconds": 15}, &ended)
		if !ended.Ended || ended.Run.State != "succeeded" {
			t.Errorf("%s: ended %v, %s", when, ended.Ended, ended.Run.State)
		}
		return ended.Run.ID
	}
	whole := func(run string) {
		t.Helper()
		// queued, started, two steps, finished
		eventually(t, "the stream of "+run+" is whole", func() bool { return len(p.streamed(run)) == 5 })
	}
	whole(ends("with redis"))
	redis.Stop(t)
	missed := ends("without redis")
	redis.Start(t)
	whole(ends("with an empty redis"))
	whole(missed)
	redis.FlushAll(t)
	whole(ends("after a flush"))
}

// A worker that is asked to stop finishes or gives back what it holds, and spends no attempt.
func TestStoppingAWorkerHandsItsRunsBack(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	s := p.dial(p.serve("api,scheduler"), "")
	leaving := p.serve("worker")
	run := runNow(t, s, p.createWebTask(s, "handed over", manual(), "/fast", "/held"))
	eventually(t, "the second step is under way", func() bool { return p.web.count(run+"/s2") == 1 })
	leaving.stop()
	if got := getRun(t, s, run); got.State != "queued" {
		t.Errorf("after the worker left the run is %s, want queued", got.State)
	}
	p.web.release()
	p.serve("worker")
	eventually(t, "the run ends", func() bool { return getRun(t, s, run).State == "succeeded" })
	p.upheld()
}

// cancel_run reaches the HTTP request in flight.
func TestCancelReachesTheCallInFlight(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	s := p.dial(p.serve("api,scheduler"), "")
	p.serve("worker")
	run := runNow(t, s, p.createWebTask(s, "canceled", manual(), "/held", "/fast"))
	eventually(t, "the step is under way", func() bool { return p.web.count(run+"/s1") == 1 })
	s.must(t, "cancel_run", map[string]any{"run_id": run}, &struct{}{})
	select {
	case key := <-p.web.gone:
		if key != run+"/s1" {
			t.Errorf("the call of %s was dropped", key)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the request in flight was not dropped")
	}
	eventually(t, "the run is canceled", func() bool { return getRun(t, s, run).State == "canceled" })
	if n := p.web.count(run + "/s2"); n != 0 {
		t.Errorf("the next step was called %d times", n)
	}
	p.upheld()
}

// Keys are kept as hashes: the key itself stands nowhere in the database.
func TestTheKeyIsNotInTheDatabase(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	conn, err := pgx.Connect(t.Context(), p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var row string
	if err := conn.QueryRow(t.Context(), "SELECT to_jsonb(k)::text || encode(k.hash, 'escape') FROM api_key k").Scan(&row); err != nil {
		t.Fatal(err)
	}
	if secret := p.key[strings.LastIndex(p.key, "_")+1:]; strings.Contains(row, secret) {
		t.Errorf("the key stands in %s", row)
	}
}
