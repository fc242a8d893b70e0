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

// overdue makes a task that was due each hour for four hours, without anybody looking.
func overdue(t *testing.T, h *house, v *visitor, more object) string {
	t.Helper()
	task := v.newTask(t, hourly("Hourly", more))
	h.ago(t, task, 4*time.Hour+30*time.Minute)
	return task
}

// due makes a task that is due once, and ticks.
func due(t *testing.T, h *house, v *visitor) string {
	t.Helper()
	task := v.newTask(t, hourly("Hourly", nil))
	h.ago(t, task, 90*time.Minute)
	h.tick(t)
	return task
}

func about(task string) object { return object{"task_id": task} }

// Each verdict that a schedule can bring about is told with its sentence, its evidence in order and a call
// that works.
func TestExplainTaskTellsOfTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []explained{
		{
			name: "ran", verdict: ordinaut.VerdictRan,
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := due(t, h, v)
				h.finish(t, h.claim(t), ordinaut.RunSucceeded, `{"ok":true}`)
				return about(task)
			},
			sentence: `It was due at AT and ran: it succeeded after \d+ ms, having started 30 minutes late\.`,
			evidence: []string{"create_task by operator", "started", "succeeded"},
		},
		{
			name: "running", verdict: ordinaut.VerdictRunning,
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := due(t, h, v)
				h.claim(t)
				return about(task)
			},
			sentence: `It was due at AT and is running, for \d+ ms so far\.`,
			evidence: []string{"the ledger", "is running"},
		},
		{
			name: "queued", verdict: ordinaut.VerdictQueued,
			cause:    func(t *testing.T, h *house, v *visitor) object { return about(due(t, h, v)) },
			sentence: `It was due at AT, and its run has been ready for \d+ ms: it is for the next free worker\.`,
			evidence: []string{"queued", "is queued"},
		},
		{
			name: "no_worker", verdict: ordinaut.VerdictNoWorker, fix: "get_status",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := due(t, h, v)
				h.exec(t, `UPDATE run SET queued_at = queued_at - interval '5 minutes'`)
				return about(task)
			},
			sentence: `It was due at AT, but its run has been ready for 5 minutes and no worker is there to take it\.`,
			evidence: []string{"queued", "no worker has claimed"},
			fixed: func(t *testing.T, h *house, v *visitor, task string) {
				h.finish(t, h.claim(t), ordinaut.RunSucceeded, `1`)
				v.verdict(t, about(task), ordinaut.VerdictRan)
			},
		},
		{
			name: "waiting", verdict: ordinaut.VerdictWaiting,
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := due(t, h, v)
				h.record(t, ordinaut.Record{Lease: h.claim(t).Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour, Seq: 3}})
				return about(task)
			},
			sentence: `It was due at AT, and its run waits until AT\.`,
			evidence: []string{"is waiting"},
		},
		{
			name: "overlap", verdict: ordinaut.ReasonOverlap.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := due(t, h, v)
				h.claim(t)
				h.ago(t, task, time.Hour)
				h.tick(t)
				return about(task)
			},
			sentence: `It was due at AT but skipped, because the run of SHORT was still going \(it has not ended yet\)\.`,
			evidence: []string{"started", "skipped (overlap)", "is running"},
		},
		{
			name: "caught_up", verdict: ordinaut.ReasonCaughtUp.Verdict(),
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := overdue(t, h, v, nil)
				first := h.nextAt(t, task)
				h.tick(t)
				return object{"task_id": task, "at": stamp(first.Add(time.Hour))}
			},
			sentence: `It was due 3 times from SHORT to AT but was passed over: several times were due at once, and the latest stood in for them, that of AT\.`,
			evidence: []string{"3 times coalesced (caught_up)", "started"},
		},
		{
			name: "too_late", verdict: ordinaut.ReasonTooLate.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := overdue(t, h, v, object{"max_lateness_seconds": 60})
				h.tick(t)
				return about(task)
			},
			sentence: `It was due 4 times from SHORT to AT but missed, because a scheduler came to it only 30 minutes later and max_lateness_seconds is 60\.`,
			evidence: []string{"4 times missed (too_late)"},
			fixed: func(t *testing.T, h *house, v *visitor, task string) {
				h.ago(t, task, time.Hour)
				h.tick(t)
				h.finish(t, h.claim(t), ordinaut.RunSucceeded, `1`)
				v.verdict(t, object{"task_id": task, "since": stamp(time.Now().Add(-time.Hour))}, ordinaut.VerdictRan)
			},
		},
		{
			name: "scheduler_down, as the ledger has it", verdict: ordinaut.ReasonSchedulerDown.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := overdue(t, h, v, object{"catch_up": "none"})
				h.tick(t)
				return about(task)
			},
			sentence: `It was due 4 times from SHORT to AT but missed, because no scheduler was running then and catch_up is none\.`,
			evidence: []string{"4 times missed (scheduler_down)"},
		},
		{
			name: "scheduler_down, and nobody ticks", verdict: ordinaut.ReasonSchedulerDown.Verdict(), fix: "get_status",
			cause:    func(t *testing.T, h *house, v *visitor) object { return about(overdue(t, h, v, nil)) },
			sentence: `It was due 4 times from SHORT to AT, but no scheduler has looked since: it is overdue by 3 hours 30 minutes\.`,
			evidence: []string{"no scheduler has decided on it"},
			fixed: func(t *testing.T, h *house, v *visitor, task string) {
				h.tick(t)
				v.verdict(t, about(task), ordinaut.VerdictQueued)
			},
		},
		{
			name: "paused, and still is", verdict: ordinaut.ReasonPaused.Verdict(), fix: "resume_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := v.newTask(t, hourly("Hourly", nil))
				v.must(t, "pause_task", object{"task_id": task, "note": "on holiday"})
				h.ago(t, task, 90*time.Minute)
				return about(task)
			},
			sentence: `It was due at AT but skipped, because the task was paused by operator at AT \("on holiday"\)\.`,
			evidence: []string{"create_task", `pause_task by operator: note "on holiday"`},
			fixed: func(t *testing.T, h *house, v *visitor, task string) {
				v.verdict(t, object{"task_id": task, "at": stamp(h.nextAt(t, task))}, ordinaut.VerdictNotYetDue)
			},
		},
		{
			name: "paused, and resumed", verdict: ordinaut.ReasonPaused.Verdict(), fix: "run_now",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := v.newTask(t, hourly("Hourly", object{"catch_up": "none"}))
				v.must(t, "pause_task", object{"task_id": task, "note": "on holiday"})
				h.ago(t, task, 90*time.Minute)
				v.must(t, "resume_task", object{"task_id": task, "note": "back"})
				return about(task)
			},
			sentence: `It was due at AT but skipped, because the task was paused by operator at AT \("on holiday"\)\.`,
			evidence: []string{"pause_task by operator", "skipped (paused)"},
		},
		{
			name: "not_yet_due", verdict: ordinaut.VerdictNotYetDue,
			cause:    func(t *testing.T, _ *house, v *visitor) object { return about(v.newTask(t, hourly("Hourly", nil))) },
			sentence: `It is due at AT, in (59|60) minutes|It is due at AT, in 1 hour\.`,
		},
		{
			name: "not_due", verdict: ordinaut.VerdictNotDue,
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := due(t, h, v)
				return object{"task_id": task, "at": stamp(h.nextAt(t, task).Add(-30 * time.Minute))}
			},
			sentence: `It (was|is) not due at AT: the nearest times of its schedule are AT and AT\.`,
		},
		{
			name: "not_due by hand", verdict: ordinaut.VerdictNotDue,
			cause:    func(t *testing.T, _ *house, v *visitor) object { return about(v.newTask(t, manual("By hand"))) },
			sentence: `It was not due at AT: it has no times of its own and runs only by run_now\.`,
		},
		{
			name: "before_start", verdict: ordinaut.VerdictBeforeStart, fix: "update_task",
			cause: func(t *testing.T, _ *house, v *visitor) object {
				start := time.Now().Add(72 * time.Hour)
				task := v.newTask(t, cron("0 9 * * *", object{"starts_at": stamp(start)}))
				return object{"task_id": task, "at": stamp(start.AddDate(0, 0, -2).Truncate(24 * time.Hour).Add(9 * time.Hour))}
			},
			sentence: `It was not due at AT, because its schedule starts at AT\.`,
		},
		{
			name: "after_end", verdict: ordinaut.VerdictAfterEnd, fix: "update_task",
			cause: func(t *testing.T, _ *house, v *visitor) object {
				end := time.Now().Add(72 * time.Hour)
				task := v.newTask(t, cron("0 9 * * *", object{"ends_at": stamp(end)}))
				return object{"task_id": task, "at": stamp(end.AddDate(0, 0, 2).Truncate(24 * time.Hour).Add(9 * time.Hour))}
			},
			sentence: `It was not due at AT, because its schedule ends at AT\.`,
		},
		{
			name: "outside_version, another schedule", verdict: ordinaut.VerdictOutsideVersion,
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := v.newTask(t, cron("0 9 * * *", nil))
				h.ago(t, task, 96*time.Hour)
				v.must(t, "update_task", object{"task_id": task, "schedule": object{"kind": "cron", "expr": "0 15 * * *"}})
				return object{"task_id": task, "at": stamp(time.Now().AddDate(0, 0, -2).Truncate(24 * time.Hour).Add(15 * time.Hour))}
			},
			sentence: `It was not due at AT, because it has its present schedule only since AT\.`,
		},
		{
			name: "outside_version, not made yet", verdict: ordinaut.VerdictOutsideVersion,
			cause: func(t *testing.T, _ *house, v *visitor) object {
				task := v.newTask(t, cron("0 9 * * *", nil))
				return object{"task_id": task, "at": stamp(time.Now().AddDate(0, 0, -2).Truncate(24 * time.Hour).Add(9 * time.Hour))}
			},
			sentence: `It was not due at AT, because the task was not made before AT\.`,
		},
		{
			name: "unrecorded", verdict: ordinaut.VerdictUnrecorded, fix: "run_now",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := overdue(t, h, v, nil)
				v.must(t, "update_task", object{"task_id": task, "schedule": object{"kind": "cron", "expr": "0 15 * * *"}})
				h.exec(t, `DELETE FROM occurrence`)
				return about(task)
			},
			sentence: `It was due 4 times from SHORT to AT, but before a scheduler came to it operator changed the task at AT\.`,
			evidence: []string{"create_task", "update_task by operator"},
		},
		{
			name: "finished", verdict: ordinaut.VerdictFinished, fix: "run_now",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := v.newTask(t, once(time.Now().Add(-time.Minute)))
				h.tick(t)
				h.finish(t, h.claim(t), ordinaut.RunSucceeded, `1`)
				return object{"task_id": task, "since": stamp(time.Now().Add(time.Hour)), "until": stamp(time.Now().Add(2 * time.Hour))}
			},
			sentence: `It did not run, because its schedule has no time left\.`,
		},
		{
			name: "deleted", verdict: ordinaut.VerdictDeleted, fix: "create_task",
			cause: func(t *testing.T, _ *house, v *visitor) object {
				task := v.newTask(t, hourly("Hourly", nil))
				v.must(t, "delete_task", object{"task_id": task})
				return about(task)
			},
			sentence: `It did not run, because the task was deleted by operator at AT\.`,
			evidence: []string{"create_task", "delete_task by operator"},
		},
	} {
		t.Run(c.name, c.check)
	}
}

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

func cron(expr string, more object) object {
	args := hourly("By the clock", more)
	schedule := args["schedule"].(object)
	schedule["kind"], schedule["expr"] = "cron", expr
	return args
}

func once(at time.Time) object {
	args := manual("Once")
	args["schedule"] = object{"kind": "once", "expr": stamp(at)}
	return args
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
