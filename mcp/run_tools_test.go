package mcp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
)

// progressSeen collects the messages of progress notifications.
func (v *visitor) progressSeen() <-chan mcp.JSONRPCNotification {
	seen := make(chan mcp.JSONRPCNotification, 100)
	v.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == string(mcp.MethodNotificationProgress) {
			seen <- n
		}
	})
	return seen
}

// next returns the next notification's message and how far it says the run is.
func next(t *testing.T, seen <-chan mcp.JSONRPCNotification) (message string, progress float64) {
	t.Helper()
	select {
	case n := <-seen:
		return n.Params.AdditionalFields["message"].(string), n.Params.AdditionalFields["progress"].(float64)
	case <-time.After(testLimit):
		t.Fatal("no progress came through")
		return "", 0
	}
}

func (v *visitor) runNow(t *testing.T, args object) reply {
	t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = "run_now", args
	req.Params.Meta = &mcp.Meta{ProgressToken: "token"}
	return v.send(t, req)
}

// A call that waits reports the run's progress, in order and rising, and answers with the end.
func TestRunNowWaitsAndReports(t *testing.T) {
	t.Parallel()
	for name, watched := range map[string]bool{"store": false, "watch": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h *house
			h = newHouse(t, func(c *Config) {
				if watched {
					c.Watch = func(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID, after int64) <-chan ordinaut.Progress {
						return h.poll(ctx, ordinaut.Run{NamespaceID: ns, ID: run}, after)
					}
				}
			})
			v := h.connect(t, h.key)
			seen := v.progressSeen()
			id := v.newTask(t, manual("Awaited"))
			worked := make(chan struct{})
			go func() {
				defer close(worked)
				a := h.claim(t)
				half := 50.0
				h.record(t, ordinaut.Record{Lease: a.Lease, Progress: []ordinaut.Progress{
					{Seq: a.Seq + 1, Type: ordinaut.ProgressReport, At: a.ClaimedAt, Step: "say", Percent: &half, Message: "halfway"},
				}})
				a.Seq++
				h.finish(t, a, ordinaut.RunSucceeded, `{"said":"hello"}`)
			}()
			r := v.runNow(t, object{"task_id": id, "wait_seconds": 20})
			<-worked
			if r.failed || r.at(t, "ended") != true || r.at(t, "run", "state") != "succeeded" || r.at(t, "run", "output", "said") != "hello" ||
				r.at(t, "run", "steps", 0, "output", "said") != "hello" {
				t.Errorf("answer: %s", r.raw)
			}
			var messages []string
			last := -1.0
			for len(messages) < 4 {
				message, now := next(t, seen)
				messages = append(messages, message)
				if now <= last || now > 100 {
					t.Errorf("progress went from %v to %v", last, now)
				}
				last = now
			}
			want := []string{"queued", "started", "say 50%: halfway", "say succeeded"}
			if diff := cmp.Diff(want, messages); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

// A watch that breaks off is made good by the store, without a gap and without a repetition.
func TestRunNowOutlivesItsWatch(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Watch = func(context.Context, ordinaut.NamespaceID, ordinaut.RunID, int64) <-chan ordinaut.Progress {
			entries := make(chan ordinaut.Progress, 1)
			entries <- ordinaut.Progress{Seq: 1, Type: ordinaut.ProgressQueued}
			close(entries)
			return entries
		}
	})
	v := h.connect(t, h.key)
	seen := v.progressSeen()
	id := v.newTask(t, manual("Awaited"))
	go func() { h.finish(t, h.claim(t), ordinaut.RunFailed, "") }()
	r := v.runNow(t, object{"task_id": id, "wait_seconds": 20})
	if r.failed || r.at(t, "run", "state") != "failed" || r.at(t, "run", "reason") != "action_failed" || r.at(t, "run", "steps", 0, "error") != "it broke" {
		t.Errorf("answer: %s", r.raw)
	}
	var messages []string
	for range 3 {
		message, _ := next(t, seen)
		messages = append(messages, message)
	}
	if diff := cmp.Diff([]string{"queued", "started", "say failed: it broke"}, messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// A call that ends before its run, because the time is over or the caller hangs up, leaves the run alone.
func TestRunNowEndsWithoutItsRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	id := v.newTask(t, manual("Slow"))
	r := v.runNow(t, object{"task_id": id, "wait_seconds": 0.3, "params": object{"city": "Balti"}})
	if r.failed || r.at(t, "ended") != false || r.at(t, "run", "state") != "queued" || !strings.Contains(r.text, "get_run") {
		t.Errorf("answer: %s", r.raw)
	}
	run := r.text1(t, "run", "id")
	full := v.must(t, "get_run", object{"run_id": run, "detail": "full"})
	if full.at(t, "run", "params", "city") != "Balti" {
		t.Errorf("params did not arrive: %s", full.raw)
	}
	seen := v.progressSeen()
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		req := mcp.CallToolRequest{}
		req.Params.Name, req.Params.Arguments = "run_now", object{"task_id": id, "wait_seconds": 20}
		req.Params.Meta = &mcp.Meta{ProgressToken: "token"}
		_, err := v.CallTool(ctx, req)
		gone <- err
	}()
	next(t, seen) // the call waits for its run by now
	hangUp()
	if err := <-gone; err == nil {
		t.Error("the call ended well after the caller hung up")
	}
	list := v.must(t, "list_runs", object{"task_id": id})
	for i := range 2 {
		if list.at(t, "runs", i, "state") != "queued" {
			t.Errorf("run %d is %s", i, list.raw)
		}
	}
}

// Brief tells states and times, full adds what went in and out, cut to what was asked for.
func TestGetRunDetail(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	run := v.newRun(t, v.newTask(t, manual("Wordy")))
	output, err := json.Marshal(object{"text": strings.Repeat("ж", 10_000)})
	if err != nil {
		t.Fatal(err)
	}
	h.finish(t, h.claim(t), ordinaut.RunSucceeded, string(output))
	brief := v.must(t, "get_run", object{"run_id": run})
	step := brief.at(t, "run", "steps", 0).(object)
	if step["took_ms"] != 40.0 || step["tries"] != 1.0 || step["output"] != nil || brief.content["progress"] != nil {
		t.Errorf("brief: %s", brief.raw)
	}
	full := v.must(t, "get_run", object{"run_id": run, "detail": "full"})
	step = full.at(t, "run", "steps", 0).(object)
	if cmp.Diff(object{"value": "hello"}, step["input"]) != "" {
		t.Errorf("a small input was cut: %v", step["input"])
	}
	kept := len(step["output"].(string)) + int(step["cut_bytes"].(float64))
	if kept < len(output) || kept > len(output)+10 || len(full.raw) > 8_000 {
		t.Errorf("kept and cut make %d bytes of %d, the answer has %d", kept, len(output), len(full.raw))
	}
	var types []string
	for _, p := range full.content["progress"].([]any) {
		types = append(types, p.(object)["type"].(string))
	}
	if want := []string{"run.queued", "run.started", "step.finished", "run.finished"}; !slices.Equal(types, want) {
		t.Errorf("progress %v, want %v", types, want)
	}
	whole := v.must(t, "get_run", object{"run_id": run, "detail": "full", "max_output_chars": 200_000})
	if whole.at(t, "run", "steps", 0, "output", "text") != strings.Repeat("ж", 10_000) {
		t.Error("the whole output was asked for and not given")
	}
}

// Runs are listed newest first, by task, state and time, page by page.
func TestListRunsFilters(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	began := time.Now()
	one, two := v.newTask(t, manual("One")), v.newTask(t, manual("Two"))
	failed := v.newRun(t, one)
	h.finish(t, h.claim(t), ordinaut.RunFailed, "")
	queued, other := v.newRun(t, one), v.newRun(t, two)
	for _, tc := range []struct {
		name string
		args object
		want []string
	}{
		{"all", nil, []string{other, queued, failed}},
		{"task", object{"task_id": one}, []string{queued, failed}},
		{"state", object{"states": []string{"failed", "timed_out"}}, []string{failed}},
		{"live and ended", object{"states": []string{"queued", "failed"}, "task_id": one}, []string{queued, failed}},
		{"since", object{"since": began.Add(-time.Hour).Format(time.RFC3339)}, []string{other, queued, failed}},
		{"until", object{"until": began.Add(-time.Hour).Format(time.RFC3339)}, nil},
	} {
		r := v.must(t, "list_runs", tc.args)
		var got []string
		for i := range r.content["runs"].([]any) {
			got = append(got, r.text1(t, "runs", i, "id"))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	first := v.must(t, "list_runs", object{"limit": 2})
	second := v.must(t, "list_runs", object{"limit": 2, "cursor": first.text1(t, "next_cursor")})
	if second.text1(t, "runs", 0, "id") != failed || second.content["next_cursor"] != nil {
		t.Errorf("second page: %s", second.raw)
	}
	row := second.at(t, "runs", 0).(object)
	if row["task_title"] != "One" || row["kind"] != "manual" || row["reason"] != "action_failed" || row["duration_ms"] == nil {
		t.Errorf("row: %v", row)
	}
}

// A queued run ends at once, a running one is told, an ended one is a conflict.
func TestCancelRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	id := v.newTask(t, manual("Cancelled"))
	run := v.newRun(t, id)
	if r := v.must(t, "cancel_run", object{"run_id": run}); r.at(t, "run", "state") != "canceled" || r.at(t, "run", "reason") != "canceled" {
		t.Errorf("a queued run: %s", r.raw)
	}
	if r := v.call(t, "cancel_run", object{"run_id": run}); r.content["code"] != "conflict" {
		t.Errorf("an ended run: %s", r.text)
	}
	held := v.newRun(t, id)
	h.claim(t)
	if r := v.must(t, "cancel_run", object{"run_id": held}); r.at(t, "run", "state") != "running" || !strings.Contains(r.text, "within seconds") {
		t.Errorf("a running run: %s", r.raw)
	}
	_, canceled, err := h.store.RenewLeases(t.Context(), "worker-1", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(canceled) > 0 && canceled[0].String() != held {
		t.Errorf("told to stop: %v, want %s", canceled, held)
	}
}
