package mcp

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

// cause brings something about and returns how explain_task is asked about it.
type cause func(t *testing.T, h *house, v *visitor) object

// explained is a case of explain_task: what was brought about, and what is said of it.
type explained struct {
	name    string
	cause   cause
	verdict ordinaut.VerdictCode
	// sentence is a pattern; AT stands for a time in the schedule's zone, SHORT for one without its zone.
	sentence string
	// evidence are pieces of the facts, in their order.
	evidence []string
	// fix is the tool that is proposed, "" for none.
	fix string
	// fixed is the verdict once the call was made and the same was brought about again; "" leaves it.
	fixed func(t *testing.T, h *house, v *visitor, task string)
}

const (
	shortPattern = `\w{3} (?:\d+ \w{3} \d{4} )?\d\d:\d\d(?::\d\d)?`
	atPattern    = shortPattern + " (?:UTC|Europe/Berlin)"
)

func (c explained) check(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	args := c.cause(t, h, v)
	r := v.must(t, "explain_task", args)
	if got := r.text1(t, "verdict"); got != string(c.verdict) {
		t.Errorf("verdict %q, want %q: %s", got, c.verdict, r.text)
	}
	pattern := "^" + strings.NewReplacer("AT", atPattern, "SHORT", shortPattern).Replace(c.sentence) + "$"
	if sentence := r.text1(t, "sentence"); !regexp.MustCompile(pattern).MatchString(sentence) {
		t.Errorf("sentence %q, want %s", sentence, pattern)
	}
	checkEvidence(t, r, c.evidence)
	fix, _ := r.at(t, "fix").(object)
	if c.fix == "" {
		if fix != nil {
			t.Errorf("fix %v, want none", fix)
		}
		return
	}
	if fix == nil || fix["tool"] != c.fix {
		t.Fatalf("fix %v, want a call of %s", fix, c.fix)
	}
	v.must(t, c.fix, fix["arguments"])
	if c.fixed != nil {
		c.fixed(t, h, v, args["task_id"].(string))
	}
}

// checkEvidence expects the pieces in this order, in facts that are in the order of time.
func checkEvidence(t *testing.T, r reply, pieces []string) {
	t.Helper()
	var last time.Time
	for _, fact := range r.at(t, "evidence").([]any) {
		fact := fact.(object)
		at, err := time.Parse(time.RFC3339, fact["at"].(string))
		if err != nil || at.Before(last) {
			t.Errorf("evidence is out of order: %s", r.raw)
		}
		last = at
		if len(pieces) > 0 && strings.Contains(fact["what"].(string), pieces[0]) {
			pieces = pieces[1:]
		}
	}
	if len(pieces) > 0 {
		t.Errorf("the evidence lacks %q at its place: %s", pieces, r.text)
	}
}

// ago moves a task, its times and all that was done to it into the past.
func (h *house) ago(t *testing.T, task string, d time.Duration) {
	t.Helper()
	id, err := ordinaut.ParseTaskID(task)
	if err != nil {
		t.Fatal(err)
	}
	for _, move := range []string{
		`UPDATE task SET created_at = created_at - $1::interval, updated_at = updated_at - $1::interval, next_at = next_at - $1::interval,
    due_at = due_at - $1::interval, starts_at = starts_at - $1::interval WHERE id = $2`,
		`UPDATE task_version SET created_at = created_at - $1::interval, spec = CASE WHEN spec -> 'schedule' -> 'starts_at' IS NULL THEN spec
    ELSE jsonb_set(spec, '{schedule,starts_at}', to_jsonb(((spec -> 'schedule' ->> 'starts_at')::timestamptz - $1::interval))) END WHERE task_id = $2`,
		`UPDATE run SET queued_at = queued_at - $1::interval, due_at = due_at - $1::interval, nominal_at = nominal_at - $1::interval,
    claimed_at = claimed_at - $1::interval, started_at = started_at - $1::interval, finished_at = finished_at - $1::interval WHERE task_id = $2`,
		`UPDATE lease SET claimed_at = claimed_at - $1::interval, started_at = started_at - $1::interval WHERE task_id = $2`,
		`UPDATE occurrence SET nominal_at = nominal_at - $1::interval, last_at = last_at - $1::interval, decided_at = decided_at - $1::interval WHERE task_id = $2`,
		`UPDATE audit SET at = at - $1::interval WHERE object = 'task_' || replace($2::uuid::text, '-', '')`,
	} {
		if _, err := h.pool.Exec(t.Context(), move, d, id); err != nil {
			t.Fatal(err)
		}
	}
}

func about(task string) object { return object{"task_id": task} }

// verdict expects a verdict.
func (v *visitor) verdict(t *testing.T, args object, want ordinaut.VerdictCode) {
	t.Helper()
	if r := v.must(t, "explain_task", args); r.text1(t, "verdict") != string(want) {
		t.Errorf("verdict %s, want %s: %s", r.text1(t, "verdict"), want, r.text)
	}
}

func (h *house) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := h.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// nextAt returns the first nominal time of a task that has no fate yet.
func (h *house) nextAt(t *testing.T, task string) (at time.Time) {
	t.Helper()
	const read = `SELECT next_at FROM task WHERE 'task_' || replace(id::text, '-', '') = $1`
	if err := h.pool.QueryRow(t.Context(), read, task).Scan(&at); err != nil {
		t.Fatal(err)
	}
	return at
}

// A stretch of many times is told by counts and by its latest problem; what does not fit is said to be left out.
func TestExplainTaskIsThrifty(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	task := v.newTask(t, hourly("Often", object{"expr": "1m", "overlap": "allow"}))
	h.ago(t, task, 30*time.Minute)
	id, _ := ordinaut.ParseTaskID(task)
	first := h.nextAt(t, task)
	for i := range 25 { // every other time was skipped
		h.exec(t, `INSERT INTO occurrence (namespace_id, task_id, nominal_at, kind, last_at, fate, reason, decided_at)
SELECT namespace_id, id, $2, 'schedule', $2, 'skipped', $3, $2 FROM task WHERE id = $1`, id, first.Add(time.Duration(i)*time.Minute), []string{"overlap", "paused"}[i%2])
	}
	h.exec(t, `UPDATE task SET next_at = $2, due_at = $2 WHERE id = $1`, id, first.Add(25*time.Minute))
	r := v.must(t, "explain_task", object{"task_id": task, "until": stamp(first.Add(24 * time.Minute))})
	if n := len(r.at(t, "times").([]any)); n > 12 || r.at(t, "cut") != true {
		t.Errorf("%d times, cut %v", n, r.at(t, "cut"))
	}
	if got := fmt.Sprint(r.at(t, "counts")); got != "map[overlap:13 paused:12]" {
		t.Errorf("counts %s", got)
	}
	if full := v.must(t, "explain_task", object{"task_id": task, "until": stamp(first.Add(24 * time.Minute)), "detail": "full"}); len(full.at(t, "times").([]any)) != 25 {
		t.Errorf("detail full tells %d times, want 25", len(full.at(t, "times").([]any)))
	}
}

// What cannot be answered is refused with what is wrong, and nobody explains the tasks of another namespace.
func TestExplainTaskRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	task, other := v.newTask(t, manual("One")), v.newTask(t, manual("Other"))
	run := v.newRun(t, other)
	for _, tc := range []struct {
		args          object
		code, pointer string
	}{
		{object{"task_id": task, "at": "2030-01-01T00:00:00Z", "since": "2030-01-01T00:00:00Z"}, "invalid_argument", "/at"},
		{object{"task_id": task, "until": "2030-01-01T00:00:00Z", "since": "2030-01-01T00:00:00Z"}, "invalid_argument", "/until"},
		{object{"task_id": task, "at": "1930-01-01T00:00:00Z"}, "invalid_argument", "/at"},
		{object{"task_id": task, "run_id": run, "at": "2030-01-01T00:00:00Z"}, "invalid_argument", "/run_id"},
		{object{"task_id": task, "run_id": run}, "not_found", ""},
		{object{"task_id": exampleTask}, "not_found", ""},
	} {
		r := v.call(t, "explain_task", tc.args)
		if pointer, _ := r.content["pointer"].(string); r.content["code"] != tc.code || pointer != tc.pointer {
			t.Errorf("%v: %s", tc.args, r.text)
		}
	}
	stranger := h.connect(t, h.guest(t, "elsewhere", ordinaut.Scopes()...))
	if r := stranger.call(t, "explain_task", about(task)); r.content["code"] != "not_found" {
		t.Errorf("a stranger was told: %s", r.text)
	}
}

// Who may not read runs is told that one failed and why, but not what the action answered.
func TestExplainTaskKeepsErrorsFromThoseWhoMayNotReadRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	task := due(t, h, v)
	h.finish(t, h.claim(t), ordinaut.RunFailed, `1`)
	guest := h.connect(t, h.guest(t, "default", ordinaut.ScopeTasksRead))
	for who, want := range map[*visitor]bool{v: true, guest: false} {
		r := who.must(t, "explain_task", about(task))
		if r.text1(t, "verdict") != "action_failed" || strings.Contains(r.text, "it broke") != want {
			t.Errorf("wants the error: %t; is told %s", want, r.text)
		}
	}
}
