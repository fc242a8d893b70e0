package mcp

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

// explainedApproval is the verdict on a run that waits for a person.
const explainedApproval = ordinaut.ReasonAwaitingApproval

// ask lets an attempt ask a person and wait, as a worker does, and returns the approval's id.
func (h *house) ask(t *testing.T, a ordinaut.Attempt) string {
	t.Helper()
	expires := a.ClaimedAt.Add(time.Hour)
	approval := ordinaut.Approval{
		NamespaceID: a.NamespaceID, ID: ordinaut.NewApprovalID(), RunID: a.RunID, TaskID: a.TaskID, StepID: "ok",
		Message: "Send this to ann@example.com?", Input: json.RawMessage(`{"text":"Lunch at noon","to":"ann@example.com"}`),
		OnTimeout: ordinaut.OnTimeoutDeny, RequestedAt: a.ClaimedAt, ExpiresAt: expires,
	}
	h.record(t, ordinaut.Record{
		Lease: a.Lease,
		Steps: []ordinaut.StepResult{{
			StepID: "ok", Uses: ordinaut.ApprovalRequest, State: ordinaut.StepWaiting, Reason: ordinaut.ReasonAwaitingApproval,
			Tries: 1, Epoch: a.Epoch, StartedAt: a.ClaimedAt, WakesAt: &expires, Seq: a.Seq + 1, Approval: &approval,
		}},
		Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Asked: true, StartedAt: a.ClaimedAt, Seq: a.Seq + 1},
	})
	return approval.ID.String()
}

// outbox takes what steps send, by its place in the path.
type outbox struct {
	url  string
	mu   sync.Mutex
	sent []string
}

func newOutbox(t *testing.T) *outbox {
	t.Helper()
	o := &outbox{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.sent = append(o.sent, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	t.Cleanup(srv.Close)
	o.url = srv.URL
	return o
}

func (o *outbox) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.sent)
}

// await waits until something was sent.
func (o *outbox) await(t *testing.T, what string) {
	t.Helper()
	deadline := time.After(testLimit)
	for !slices.Contains(o.all(), what) {
		select {
		case <-deadline:
			t.Fatalf("%s was not sent, only %v", what, o.all())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sendsAfter is a pipeline that asks, and sends what was approved.
func sendsAfter(o *outbox, more object) []object {
	ask := object{"id": "ok", "uses": "approval.request", "with": object{"message": "Send lunch?", "show": object{"path": "lunch"}, "editable": true}}
	maps.Copy(ask, more)
	return []object{ask, {"id": "send", "uses": "http.request", "if": "steps.ok.approved", "with": object{"url": o.url + "/${steps.ok.input.path}"}}}
}

// open waits until so many approvals are open and returns them.
func (v *visitor) open(t *testing.T, n int) reply {
	t.Helper()
	deadline := time.After(testLimit)
	for {
		r := v.must(t, "list_approvals", nil)
		if len(r.at(t, "approvals").([]any)) == n {
			return r
		}
		select {
		case <-deadline:
			t.Fatalf("not %d approvals: %s", n, r.text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A run asks, is explained, is decided by a person who edits what it does, and does that.
func TestApprovalIsAskedExplainedAndDecided(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	o := newOutbox(t)
	args := manual("Lunch")
	args["pipeline"] = sendsAfter(o, nil)
	task := v.newTask(t, args)
	run := v.newRun(t, task)
	list := v.open(t, 1)
	id := list.text1(t, "approvals", 0, "id")
	for _, part := range []string{id + " open", `"Lunch"`, "step ok of " + run, "asked by operator", "then deny", "Send lunch?", `may be edited: {"path":"lunch"}`} {
		if !strings.Contains(list.text, part) {
			t.Errorf("no %q in %s", part, list.text)
		}
	}
	if got := v.must(t, "get_run", object{"run_id": run}); !strings.Contains(got.text1(t, "next"), `awaiting approval: decide_approval {"approval_id":"`+id) ||
		got.text1(t, "run", "steps", 0, "reason") != string(explainedApproval) {
		t.Errorf("get_run: %s", got.text)
	}
	for _, question := range []object{{"task_id": task, "run_id": run}, {"task_id": task}} {
		r := v.must(t, "explain_task", question)
		if r.text1(t, "verdict") != string(explainedApproval) || r.text1(t, "fix", "tool") != "decide_approval" || r.text1(t, "fix", "arguments", "approval_id") != id {
			t.Errorf("explain_task %v: %s", question, r.text)
		}
	}
	if r := v.call(t, "decide_approval", object{"approval_id": id, "decision": "deny", "input": object{}}); !r.failed || !strings.Contains(r.text, "/input") {
		t.Errorf("denied with an input: %s", r.text)
	}
	decide := object{"approval_id": id, "decision": "approve", "note": "later", "input": object{"path": "dinner"}, "idempotency_key": "k"}
	for range 2 { // the second is a repetition
		if r := v.must(t, "decide_approval", decide); r.text1(t, "approval", "state") != "approved" || r.text1(t, "approval", "decided_by") != "operator" {
			t.Errorf("decided: %s", r.text)
		}
	}
	v.ended(t, run)
	if sent := o.all(); !slices.Equal(sent, []string{"dinner"}) {
		t.Errorf("sent %v, want dinner", sent)
	}
	r := v.call(t, "decide_approval", object{"approval_id": id, "decision": "deny"})
	if !r.failed || !strings.Contains(r.text, "conflict: already approved by operator at 20") {
		t.Errorf("decided twice: %s", r.text)
	}
	if r := v.must(t, "list_approvals", object{"state": "approved"}); !strings.Contains(r.text, `edited: {"path":"dinner"}`) || !strings.Contains(r.text, "later") {
		t.Errorf("approved: %s", r.text)
	}
	if got := h.count(t, `SELECT count(*) FROM audit WHERE action = 'decide_approval' AND outcome = 'ok' AND object = $1`, id); got != 1 {
		t.Errorf("%d audit rows, want 1", got)
	}
	if got := h.count(t, `SELECT count(*) FROM event WHERE topic IN ('approval.requested', 'approval.decided')`); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
}

// count reads one number.
func (h *house) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	if err := h.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What nobody decides expires, and on_timeout says what that means.
func TestApprovalExpiresAsItsStepSays(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	for _, tc := range []struct {
		onTimeout, state, reason string
		sent                     []string
	}{
		{"deny", "succeeded", "", nil},
		{"approve", "succeeded", "", []string{"lunch"}},
		{"fail", "failed", "step_timed_out", nil},
	} {
		t.Run(tc.onTimeout, func(t *testing.T) {
			o := newOutbox(t)
			args := manual("Lunch")
			args["pipeline"] = sendsAfter(o, object{"timeout_seconds": 0.3, "on_timeout": tc.onTimeout})
			task := v.newTask(t, args)
			run := v.ended(t, v.newRun(t, task))
			r := v.must(t, "get_run", object{"run_id": run})
			if reason, _ := r.at(t, "run", "reason").(string); r.text1(t, "run", "state") != tc.state || reason != tc.reason || !slices.Equal(o.all(), tc.sent) {
				t.Errorf("sent %v: %s", o.all(), r.text)
			}
			if tc.onTimeout == "fail" {
				r := v.must(t, "explain_task", object{"task_id": task, "run_id": run})
				if !strings.Contains(string(r.raw), `"timeout_seconds":0.6`) {
					t.Errorf("explain_task proposes %s", r.raw)
				}
			}
		})
	}
}

// Items of a flow ask each for itself and are decided in any order; what a page leaves out the next one has.
func TestItemsAreDecidedInAnyOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	o := newOutbox(t)
	inner := sendsAfter(o, object{"with": object{"message": "Write to ${item}?", "show": object{"path": "${item}"}}})
	args := manual("Letters")
	args["pipeline"] = []object{{"id": "each", "uses": "flow.foreach", "with": object{"items": []string{"ann", "bob", "cyd"}, "concurrency": 3}, "steps": inner}}
	run := v.newRun(t, v.newTask(t, args))
	v.open(t, 3)
	ids := map[string]string{}
	for cursor := ""; ; {
		args := object{"limit": 2}
		if cursor != "" {
			args["cursor"] = cursor
		}
		page := v.must(t, "list_approvals", args)
		for i := range page.at(t, "approvals").([]any) {
			ids[page.text1(t, "approvals", i, "message")] = page.text1(t, "approvals", i, "id")
		}
		if cursor, _ = page.at(t, "next_cursor").(string); cursor == "" {
			break
		}
	}
	for i, step := range []struct{ item, decision string }{{"cyd", "approve"}, {"ann", "deny"}, {"bob", "approve"}} {
		id := ids["Write to "+step.item+"?"]
		v.must(t, "decide_approval", object{"approval_id": id, "decision": step.decision})
		v.open(t, 2-i)
		if step.decision == "approve" {
			o.await(t, step.item)
		}
	}
	v.ended(t, run)
	if sent := o.all(); !slices.Equal(sent, []string{"cyd", "bob"}) {
		t.Errorf("sent %v, want cyd, then bob", sent)
	}
}

// A run that is canceled takes its question with it, and nothing is sent.
func TestCanceledRunCannotBeApproved(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	h.work(t)
	o := newOutbox(t)
	args := manual("Lunch")
	args["pipeline"] = sendsAfter(o, nil)
	run := v.newRun(t, v.newTask(t, args))
	id := v.open(t, 1).text1(t, "approvals", 0, "id")
	v.must(t, "cancel_run", object{"run_id": run})
	r := v.call(t, "decide_approval", object{"approval_id": id, "decision": "approve"})
	if !r.failed || !strings.Contains(r.text, "conflict: closed at ") || len(o.all()) > 0 {
		t.Errorf("approved after the cancel, sent %v: %s", o.all(), r.text)
	}
	if r := v.must(t, "list_approvals", object{"approval_id": id}); r.text1(t, "approvals", 0, "state") != "closed" {
		t.Errorf("listed: %s", r.text)
	}
}

// Another namespace's approval is no approval, and who may only read may not decide.
func TestApprovalsAreTheirNamespaces(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	run := v.newRun(t, v.newTask(t, manual("Ours")))
	id := h.ask(t, h.claimUntil(t, run))
	decide := object{"approval_id": id, "decision": "approve"}
	stranger := h.connect(t, h.guest(t, "theirs", ordinaut.Scopes()...))
	for tool, args := range map[string]object{"decide_approval": decide, "list_approvals": {"approval_id": id}} {
		if r := stranger.call(t, tool, args); !r.failed || !strings.Contains(r.text, fmt.Sprintf("not_found: no approval %s", id)) {
			t.Errorf("%s of a stranger: %s", tool, r.text)
		}
	}
	if r := stranger.must(t, "list_approvals", nil); r.text != "No approval." {
		t.Errorf("a stranger sees %s", r.text)
	}
	reader := h.connect(t, h.guest(t, "default", ordinaut.ScopeRunsRead))
	if r := reader.call(t, "decide_approval", decide); !r.failed || !strings.Contains(r.text, "approvals:decide") {
		t.Errorf("a reader decided: %s", r.text)
	}
	if r := reader.must(t, "list_approvals", nil); !strings.Contains(r.text, id) {
		t.Errorf("a reader sees %s", r.text)
	}
}

// A condition's probe asks nobody, and keys of an approval go with it alone.
func TestApprovalIsCheckedBeforeItRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	for pointer, step := range map[string]object{
		"/pipeline/0/with/message":    {"id": "a", "uses": "approval.request"},
		"/pipeline/0/with/show":       {"id": "a", "uses": "approval.request", "with": object{"message": "?", "show": "text", "editable": true}},
		"/pipeline/0/retry":           {"id": "a", "uses": "approval.request", "with": object{"message": "?"}, "retry": object{"max_attempts": 2}},
		"/pipeline/0/on_timeout":      {"id": "a", "uses": "wait.sleep", "with": object{"seconds": 1}, "on_timeout": "deny"},
		"/pipeline/0/timeout_seconds": {"id": "a", "uses": "approval.request", "with": object{"message": "?"}, "timeout_seconds": 700000},
	} {
		args := manual("Wrong")
		args["pipeline"] = []object{step}
		if r := v.call(t, "create_task", args); !r.failed || r.content["pointer"] != pointer {
			t.Errorf("want %s: %s", pointer, r.text)
		}
	}
	args := manual("Probing")
	args["schedule"] = object{"kind": "condition", "condition": object{
		"every": "1m", "probe": object{"uses": "approval.request", "with": object{"message": "?"}}, "when": "approved",
	}}
	if r := v.call(t, "create_task", args); !r.failed || !strings.Contains(r.text, "asks a person") {
		t.Errorf("a probe that asks: %s", r.text)
	}
}
