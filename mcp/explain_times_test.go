package mcp

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

// overdue makes a task that was due each hour for four hours, without anybody looking.
func overdue(t *testing.T, h *house, v *visitor, more object) string {
	t.Helper()
	task := v.newTask(t, hourly("Hourly", more))
	h.ago(t, task, 4*time.Hour+30*time.Minute)
	return task
}

// halfADayOff is a schedule that has no time near now.
func halfADayOff() object {
	return object{"kind": "cron", "expr": fmt.Sprintf("0 %d * * *", time.Now().UTC().Add(12*time.Hour).Hour())}
}

// due makes a task that is due once, and ticks.
func due(t *testing.T, h *house, v *visitor) string {
	t.Helper()
	task := v.newTask(t, hourly("Hourly", nil))
	h.ago(t, task, 90*time.Minute)
	h.tick(t)
	return task
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

// Each verdict that a schedule can bring about is told with its sentence, its evidence in order and a call
// that works.
func TestExplainTaskTellsOfTimes(t *testing.T) {
	t.Parallel()
	for _, c := range explainedTimes() {
		t.Run(c.name, c.check)
	}
}

// explainedTimes are the verdicts that come of the schedule and of what is done to the task.
func explainedTimes() []explained {
	return []explained{
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
				v.must(t, "update_task", object{"task_id": task, "schedule": halfADayOff()})
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
				args := hourly("Hourly", nil)
				maps.Copy(args, object{
					"pause_after_failures": 0, "assert": []string{"true"}, "output": "run.id",
					"on_failure": []object{{"id": "tell", "uses": "event.publish", "with": object{"topic": "hourly.failed"}}},
					"finally":    []object{{"id": "note", "uses": "event.publish", "with": object{"topic": "hourly.over"}}},
				})
				task := v.newTask(t, args)
				v.must(t, "delete_task", object{"task_id": task})
				return about(task)
			},
			fixed: func(t *testing.T, _ *house, v *visitor, _ string) {
				made := v.must(t, "list_tasks", nil).at(t, "tasks").([]any)[0].(object)["id"]
				r := v.must(t, "get_task", object{"task_id": made, "detail": "full"})
				for _, key := range []string{"assert", "output", "on_failure", "finally"} {
					if r.content[key] == nil {
						t.Errorf("what was made anew has no %s: %s", key, r.raw)
					}
				}
				if n := r.content["task"].(object)["pause_after_failures"]; n != nil && n != 0.0 {
					t.Errorf("what was made anew is paused after %v failures, it was never", n)
				}
			},
			sentence: `It did not run, because the task was deleted by operator at AT\.`,
			evidence: []string{"create_task", "delete_task by operator"},
		},
	}
}
