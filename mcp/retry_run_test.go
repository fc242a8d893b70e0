package mcp

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// failing makes a task of the steps, runs it and returns it with its run, which has failed.
func (v *visitor) failing(t *testing.T, more object) (task, run string) {
	t.Helper()
	args := manual("Retried")
	args["params"] = object{"word": "hello"}
	maps.Copy(args, more)
	task = v.newTask(t, args)
	run = v.newRun(t, task)
	if r := v.must(t, "get_run", object{"run_id": v.ended(t, run)}); r.at(t, "run", "state") != "failed" {
		t.Fatalf("it did not fail: %s", r.raw)
	}
	return task, run
}

func (h *house) upheld(t *testing.T) {
	t.Helper()
	storetest.Upheld(t, h.store, scheduler.NewAuditor("").Audit)
}

// A retry goes on from the failed step: what succeeded is reached and not done again, by the version of the old
// run, and both runs stay what they are.
func TestRetryRunGoesOnFromTheFailedStep(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	m := newMill(t, "/b")
	task, old := v.failing(t, object{"pipeline": m.three()})
	v.must(t, "update_task", object{"task_id": task, "pipeline": []object{m.step("other", "bye")}})
	m.mend()
	r := v.must(t, "retry_run", object{"run_id": old, "wait_seconds": 20})
	if r.at(t, "ended") != true || r.at(t, "run", "state") != "succeeded" || r.at(t, "run", "kind") != "retry" ||
		r.at(t, "run", "retry_of") != old || r.at(t, "run", "task_version") != 1.0 || r.at(t, "run", "attempt") != 1.0 {
		t.Fatalf("answer: %s", r.raw)
	}
	if diff := cmp.Diff([]string{"/b?hello", "/c?hello-hello"}, m.paths()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	kept := func(step int) any { return r.at(t, "run", "steps", step).(object)["kept"] }
	if kept(0) != true || kept(1) != nil || kept(2) != nil || !strings.Contains(r.text, "a (http.request): succeeded, kept") {
		t.Errorf("steps: %s", r.text)
	}
	again := r.text1(t, "run", "id")
	if key := m.asked[0].Header.Get("Idempotency-Key"); key != again+"/b" {
		t.Errorf("the key of the new effect is %q", key)
	}
	full := v.must(t, "get_run", object{"run_id": again, "detail": "full"})
	var seqs []float64
	for _, p := range full.content["progress"].([]any) {
		seqs = append(seqs, p.(object)["seq"].(float64))
	}
	if !slices.Equal(seqs, []float64{1, 2, 3, 4, 5}) {
		t.Errorf("progress %v: %s", seqs, full.raw)
	}
	if r := v.must(t, "list_runs", object{"task_id": task, "kinds": []string{"retry"}}); r.at(t, "runs", 0, "retry_of") != old {
		t.Errorf("list: %s", r.raw)
	}
	if r := v.must(t, "get_run", object{"run_id": old}); r.at(t, "run", "state") != "failed" {
		t.Errorf("the old run became %s", r.raw)
	}
	told := v.must(t, "explain_task", object{"task_id": task, "run_id": again})
	if !strings.HasPrefix(told.text1(t, "sentence"), "It was retried at ") || !strings.Contains(told.text, "it retries an earlier run, "+old) {
		t.Errorf("explained: %s", told.text)
	}
	told = v.must(t, "explain_task", object{"task_id": task, "run_id": old})
	if told.content["fix"] != nil || !strings.Contains(told.text, "it was retried, "+again) {
		t.Errorf("explained: %s", told.text)
	}
	h.upheld(t)
}

// A retry that failed is retried as any run, and what the first run did counts still.
func TestRetryRunOfARetry(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	m := newMill(t, "/b", "/c")
	_, run := v.failing(t, object{"pipeline": m.three()})
	m.mend("/c")
	run = v.must(t, "retry_run", object{"run_id": run, "wait_seconds": 20}).text1(t, "run", "id")
	m.mend()
	r := v.must(t, "retry_run", object{"run_id": run, "wait_seconds": 20})
	if diff := cmp.Diff([]string{"/c?hello-hello"}, m.paths()); diff != "" || r.at(t, "run", "state") != "succeeded" || r.at(t, "run", "retry_of") != run {
		t.Errorf("%s\nasked (-want +got):\n%s", r.text, diff)
	}
	h.upheld(t)
}

// From the start all is done again, if wanted with other params and by the latest version; so it is for a run
// that succeeded.
func TestRetryRunFromTheStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	m := newMill(t, "/b")
	task, old := v.failing(t, object{"pipeline": m.three(), "params": object{"word": "hello", "other": "x"}})
	m.mend()
	r := v.must(t, "retry_run", object{"run_id": old, "from": "start", "params": object{"word": "bye"}, "wait_seconds": 20})
	if diff := cmp.Diff([]string{"/a?bye", "/b?bye", "/c?bye-bye"}, m.paths()); diff != "" || r.at(t, "run", "state") != "succeeded" {
		t.Errorf("%s\nasked (-want +got):\n%s", r.text, diff)
	}
	v.must(t, "update_task", object{"task_id": task, "pipeline": []object{m.step("other", "${params.word}")}})
	m.mend()
	r = v.must(t, "retry_run", object{"run_id": r.text1(t, "run", "id"), "from": "start", "version": "latest", "wait_seconds": 20})
	if diff := cmp.Diff([]string{"/other?bye"}, m.paths()); diff != "" || r.at(t, "run", "task_version") != 2.0 {
		t.Errorf("%s\nasked (-want +got):\n%s", r.text, diff)
	}
	h.upheld(t)
}

// What cannot be retried is refused with what to do instead, and makes no run.
func TestRetryRunRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	m := newMill(t)
	task := v.newTask(t, manual("Live"))
	live := v.newRun(t, task)
	done, failed, probe, broken := v.newRun(t, task), v.newRun(t, task), v.newRun(t, task), v.newRun(t, v.newTask(t, manual("Broken")))
	gone := v.newTask(t, manual("Gone"))
	lost := v.newRun(t, gone)
	h.claimUntil(t, live)
	h.finish(t, h.claimUntil(t, done), ordinaut.RunSucceeded, `{}`)
	for _, run := range []string{failed, probe, broken, lost} {
		h.finish(t, h.claimUntil(t, run), ordinaut.RunFailed, "")
	}
	h.exec(t, `UPDATE run SET kind = 'probe' WHERE 'run_' || replace(id::text, '-', '') = $1`, probe)
	h.exec(t, `UPDATE task_version SET spec = jsonb_set(spec, '{pipeline,0,if}', '"status =="')
WHERE task_id = (SELECT task_id FROM run WHERE 'run_' || replace(id::text, '-', '') = $1)`, broken)
	v.must(t, "delete_task", object{"task_id": gone})
	for name, tc := range map[string]struct {
		args                   object
		code, pointer, message string
		example                string
	}{
		"unknown":             {object{"run_id": "run_0199e0c2b6d27cc19a5f0b7c5b1f3a52"}, "not_found", "", "no run", ""},
		"no id":               {object{"run_id": "task_1"}, "invalid_argument", "/run_id", "run_", ""},
		"live":                {object{"run_id": live}, "conflict", "", "has not ended: it is running", ""},
		"live, from start":    {object{"run_id": live, "from": "start"}, "conflict", "", "has not ended", ""},
		"succeeded":           {object{"run_id": done}, "conflict", "/from", "from start does all of them again", "start"},
		"probe":               {object{"run_id": probe}, "conflict", "", "is a look at a condition", ""},
		"task deleted":        {object{"run_id": lost}, "not_found", "", "no task " + gone, ""},
		"does not compile":    {object{"run_id": broken}, "conflict", "", "can't be run any more", ""},
		"params":              {object{"run_id": failed, "params": object{"a": 1}}, "invalid_argument", "/params", "or retry from the start", `{"from":"start","params":{"a":1},"run_id":"` + failed + `"}`},
		"latest":              {object{"run_id": failed, "version": "latest"}, "invalid_argument", "/version", "or retry from the start", `{"from":"start","run_id":"` + failed + `","version":"latest"}`},
		"another word":        {object{"run_id": failed, "from": "middle"}, "invalid_argument", "/from", "failed_step", ""},
		"params are a string": {object{"run_id": failed, "from": "start", "params": "x"}, "invalid_argument", "/params", "object", ""},
	} {
		r := v.call(t, "retry_run", tc.args)
		example := ""
		if r.content["example"] != nil {
			example = strings.Trim(compact(r.content["example"]), `"`)
		}
		if !r.failed || r.content["code"] != tc.code || tc.pointer != "" && r.content["pointer"] != tc.pointer || !strings.Contains(r.text, tc.message) || tc.example != "" && example != tc.example {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	if r := v.must(t, "list_runs", object{"kinds": []string{"retry"}}); r.text != "No run." || len(m.paths()) > 0 {
		t.Errorf("a refused call made %s", r.text)
	}
	stranger := h.connect(t, h.guest(t, "default", ordinaut.ScopeRunsRead))
	if r := stranger.call(t, "retry_run", object{"run_id": failed}); r.content["code"] != "permission_denied" {
		t.Errorf("without the scope: %s", r.raw)
	}
	foreign := h.connect(t, h.guest(t, "elsewhere", ordinaut.Scopes()...))
	if r := foreign.call(t, "retry_run", object{"run_id": failed}); r.content["code"] != "not_found" {
		t.Errorf("from another namespace: %s", r.raw)
	}
}

// A worker that dies in a retry costs neither what the old run has done nor what the retry has.
func TestRetryRunOutlivesItsWorker(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	m := newMill(t, "/b")
	task := v.newTask(t, object{"title": "Retried", "schedule": object{"kind": "manual"}, "params": object{"word": "hello"}, "pipeline": m.three()})
	run := v.newRun(t, task)
	a := h.claimUntil(t, run)
	done := a.ClaimedAt
	said := []byte(`{"status":200,"body":{"said":"hello"}}`)
	h.record(t, ordinaut.Record{Lease: a.Lease, Steps: []ordinaut.StepResult{
		{StepID: "a", Uses: "http.request", State: ordinaut.StepSucceeded, Tries: 1, Epoch: 1, Output: said, OutputBytes: len(said), StartedAt: done, FinishedAt: &done, Seq: a.Seq + 1},
	}, Outcome: &ordinaut.Outcome{State: ordinaut.RunFailed, Reason: ordinaut.ReasonWorkerCrashed, StartedAt: done, Seq: a.Seq + 2}})
	again := v.must(t, "retry_run", object{"run_id": run}).text1(t, "run", "id")
	a = h.claimUntil(t, again)
	done = a.ClaimedAt
	h.record(t, ordinaut.Record{Lease: a.Lease, Steps: []ordinaut.StepResult{
		{StepID: "b", Uses: "http.request", State: ordinaut.StepSucceeded, Tries: 1, Epoch: 1, Output: said, OutputBytes: len(said), StartedAt: done, FinishedAt: &done, Seq: a.Seq + 1},
	}})
	h.exec(t, `UPDATE lease SET until = clock_timestamp() - interval '1 second'`)
	m.mend()
	h.work(t)
	r := v.must(t, "get_run", object{"run_id": v.ended(t, again)})
	if r.at(t, "run", "state") != "succeeded" || r.at(t, "run", "attempt") != 2.0 {
		t.Errorf("ended %s", r.text)
	}
	if diff := cmp.Diff([]string{"/c?hello-hello"}, m.paths()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	h.upheld(t)
}

// A flow that failed goes on about the same items with those that have no success, and ends as one that never
// failed does.
func TestRetryRunGoesOnWithItems(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	m := newMill(t, "/c")
	each := func(say string) []object {
		return []object{
			m.step("first", "now"),
			{"id": "each", "uses": "flow.foreach", "with": object{"items": []any{"${now}", "${now}", "${now}"}, "max_failures": 1, "concurrency": 1}, "steps": []object{
				m.step("a", "${index}"),
				{"id": "pick", "uses": "flow.switch", "cases": []object{{"if": "index > `0`", "steps": []object{m.step("c", say)}}}, "default": []object{m.step("d", say)}},
			}},
			m.step("last", "${steps.each.succeeded}"),
		}
	}
	_, old := v.failing(t, object{"pipeline": each("${item}")})
	first := m.paths()
	if len(first) != 7 { // first, a d, a c, a c; the third item's failure is one too many
		t.Fatalf("asked %v", first)
	}
	item := strings.TrimPrefix(first[2], "/d?")
	m.mend()
	r := v.must(t, "retry_run", object{"run_id": old, "wait_seconds": 20})
	if r.at(t, "run", "state") != "succeeded" {
		t.Fatalf("ended %s", r.text)
	}
	if diff := cmp.Diff([]string{"/c?" + item, "/c?" + item, "/last?3"}, m.paths()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	h.upheld(t)
}

// The example of the page asks for what the page says.
func TestPageTellsWhatARetryAsksFor(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/pipelines.md")
	if err != nil {
		t.Fatal(err)
	}
	fenced := func(kind string, to any) {
		_, rest, _ := strings.Cut(string(raw), "```json "+kind+"\n")
		text, _, _ := strings.Cut(rest, "```")
		if err := json.Unmarshal([]byte(text), to); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	m := newMill(t, "/mail/A-2")
	raw = []byte(strings.ReplaceAll(string(raw), "https://shop.example", m.url))
	var example object
	var want []string
	fenced("retried", &example)
	fenced("asked", &want)
	_, old := v.failing(t, example)
	m.mend()
	r := v.must(t, "retry_run", object{"run_id": old, "wait_seconds": 20})
	got := m.paths()
	for i := range got {
		got[i] = strings.TrimSuffix(got[i], "?")
	}
	if diff := cmp.Diff(want, got); diff != "" || r.at(t, "run", "output", "result") != "3 billed" {
		t.Errorf("%s\nasked (-want +got):\n%s", r.text, diff)
	}
}

// Retries with the same key, at once or later, are one.
func TestRetryRunIsDoneOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	task := v.newTask(t, manual("Once"))
	run := v.newRun(t, task)
	h.finish(t, h.claimUntil(t, run), ordinaut.RunFailed, "")
	ids := make([]string, 4)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			ids[i] = h.connect(t, h.key).must(t, "retry_run", object{"run_id": run, "idempotency_key": "k"}).text1(t, "run", "id")
		})
	}
	all.Wait()
	if ids = slices.Compact(ids); ids[0] == run || len(ids) != 1 {
		t.Errorf("retries %v", ids)
	}
	if r := v.must(t, "list_runs", object{"kinds": []string{"retry"}}); len(r.content["runs"].([]any)) != 1 {
		t.Errorf("runs: %s", r.text)
	}
	var action string
	if err := h.pool.QueryRow(t.Context(), `SELECT action || ' ' || (detail->>'retry_of') FROM audit WHERE object = $1`, ids[0]).Scan(&action); err != nil || action != "retry_run "+run {
		t.Errorf("audit %q, %v", action, err)
	}
}

// A retry is about the same event and the same nominal time.
func TestRetryRunKeepsItsEvent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	m := newMill(t, "/b")
	task := v.newTask(t, object{
		"title": "Told", "schedule": object{"kind": "event", "expr": "door.opened"},
		"pipeline": []object{m.step("b", "${event.payload.who} ${run.nominal_at}")},
	})
	v.must(t, "publish_event", object{"topic": "door.opened", "payload": object{"who": "Ann"}})
	h.events(t, task, 1)
	old := v.ended(t, v.must(t, "list_runs", object{"task_id": task}).text1(t, "runs", 0, "id"))
	before := m.paths()
	m.mend()
	r := v.must(t, "retry_run", object{"run_id": old, "wait_seconds": 20})
	if diff := cmp.Diff(before, m.paths()); diff != "" || !strings.HasPrefix(before[0], "/b?Ann 2") || r.at(t, "run", "event_id") == nil {
		t.Errorf("%s\nasked (-want +got):\n%s", r.raw, diff)
	}
	h.upheld(t)
}
