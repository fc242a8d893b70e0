package mcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
)

// What got no run is made up for by a call that names exactly the stretch, counts first, and makes a run
// for each of its times; it is proposed until that was done. One run is enough for one time, and for times
// that the schedule has no more.
func TestExplainTaskMakesUpForWhatDidNotRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		cause   cause
		verdict ordinaut.VerdictCode
		fix     string // the tool that is to prevent it, or to make up for it
		runs    int    // made by backfill_task; 0: run_now makes one; -1: nothing does
	}{
		{"too_late", func(t *testing.T, h *house, v *visitor) object {
			return about(decided(t, h, v, object{"max_lateness_seconds": 60}))
		}, ordinaut.ReasonTooLate.Verdict(), "update_task", 4},
		{"scheduler_down", func(t *testing.T, h *house, v *visitor) object {
			return about(decided(t, h, v, object{"catch_up": "none"}))
		}, ordinaut.ReasonSchedulerDown.Verdict(), "update_task", 4},
		{"scheduler_down, as the schedule wants it", func(t *testing.T, h *house, v *visitor) object {
			task := decided(t, h, v, object{"catch_up": "none"})
			v.must(t, "update_task", object{"task_id": task, "pause_after_failures": 3})
			h.exec(t, `UPDATE task SET state = 'finished', next_at = NULL, due_at = NULL`)
			return about(task)
		}, ordinaut.ReasonSchedulerDown.Verdict(), "backfill_task", 4},
		{"caught_up", func(t *testing.T, h *house, v *visitor) object {
			task := overdue(t, h, v, nil)
			first := h.nextAt(t, task)
			h.tick(t)
			return object{"task_id": task, "at": stamp(first)}
		}, ordinaut.ReasonCaughtUp.Verdict(), "", 3},
		{"catch_up_limit", func(t *testing.T, h *house, v *visitor) object {
			task := overdue(t, h, v, object{"catch_up": "all", "max_catch_up": 1, "overlap": "allow"})
			first := h.nextAt(t, task)
			h.tick(t)
			return object{"task_id": task, "at": stamp(first)}
		}, ordinaut.ReasonCatchUpLimit.Verdict(), "update_task", 3},
		{"paused, several times", func(t *testing.T, h *house, v *visitor) object {
			return about(pausedFor(t, h, v, 4*time.Hour+30*time.Minute))
		}, ordinaut.ReasonPaused.Verdict(), "backfill_task", 4},
		{"paused, once", func(t *testing.T, h *house, v *visitor) object {
			return about(pausedFor(t, h, v, 90*time.Minute))
		}, ordinaut.ReasonPaused.Verdict(), "run_now", 0},
		{"paused, and again", func(t *testing.T, h *house, v *visitor) object {
			task := pausedFor(t, h, v, 4*time.Hour+30*time.Minute)
			v.must(t, "pause_task", about(task))
			return about(task)
		}, ordinaut.ReasonPaused.Verdict(), "resume_task", 4},
		{"overlap", func(t *testing.T, h *house, v *visitor) object {
			task := due(t, h, v)
			h.claim(t)
			h.ago(t, task, time.Hour)
			h.tick(t)
			return about(task)
		}, ordinaut.ReasonOverlap.Verdict(), "update_task", 0},
		{"a gap in the ledger", func(t *testing.T, h *house, v *visitor) object {
			task := decided(t, h, v, nil)
			h.exec(t, `DELETE FROM occurrence`)
			return about(task)
		}, ordinaut.VerdictUnrecorded, "backfill_task", 4},
		{"times that are gone", func(t *testing.T, h *house, v *visitor) object {
			task := overdue(t, h, v, nil)
			v.must(t, "update_task", object{"task_id": task, "schedule": object{"kind": "manual"}})
			return about(task)
		}, ordinaut.ReasonScheduleChanged.Verdict(), "run_now", 0},
		{"excluded", func(t *testing.T, h *house, v *visitor) object {
			h.calendar(t, -5*time.Hour, -time.Minute)
			return about(decided(t, h, v, object{"calendars": []string{"holidays"}}))
		}, ordinaut.ReasonExcludedByCalendar.Verdict(), "update_task", -1},
		{"more than one call makes", func(t *testing.T, h *house, v *visitor) object {
			task := v.newTask(t, hourly("Often", object{"expr": "1m", "max_lateness_seconds": 1}))
			h.ago(t, task, 20*time.Hour+30*time.Second)
			h.tick(t)
			return object{"task_id": task, "since": stamp(time.Now().Add(-21 * time.Hour))}
		}, ordinaut.ReasonTooLate.Verdict(), "update_task", 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			v := h.connect(t, h.key)
			args := c.cause(t, h, v)
			r := v.must(t, "explain_task", args)
			if got := r.text1(t, "verdict"); got != string(c.verdict) {
				t.Fatalf("verdict %q, want %q: %s", got, c.verdict, r.text)
			}
			fix, _ := r.at(t, "fix").(object)
			if tool, _ := fix["tool"].(string); tool != c.fix {
				t.Fatalf("fix %v, want %s", fix, c.fix)
			}
			makesUp, _ := r.at(t, "make_up").(object)
			if c.fix == "backfill_task" || c.fix == "run_now" {
				if makesUp != nil {
					t.Errorf("two calls make up for the same: %s", r.text)
				}
				makesUp = fix
			}
			switch {
			case c.runs < 0 && makesUp != nil:
				t.Errorf("%v makes up for what nothing does", makesUp)
			case c.runs == 0:
				if makesUp["tool"] != "run_now" {
					t.Fatalf("made up for by %v, want run_now: %s", makesUp, r.text)
				}
				v.must(t, "run_now", makesUp["arguments"])
			case c.runs > 0:
				h.backfills(t, v, makesUp, c.runs)
				if again := v.must(t, "explain_task", args); c.runs < maxBackfill && again.proposes(t, "backfill_task") {
					t.Errorf("what was made up for is to be made up for again: %s", again.text)
				}
			}
		})
	}
}

// decided makes a task that was due each hour for four hours before a scheduler came.
func decided(t *testing.T, h *house, v *visitor, more object) string {
	t.Helper()
	task := overdue(t, h, v, more)
	h.tick(t)
	return task
}

// pausedFor makes an hourly task that was paused for so long and then resumed without catching up.
func pausedFor(t *testing.T, h *house, v *visitor, d time.Duration) string {
	t.Helper()
	task := v.newTask(t, hourly("Hourly", object{"catch_up": "none"}))
	v.must(t, "pause_task", about(task))
	h.ago(t, task, d)
	v.must(t, "resume_task", about(task))
	return task
}

// proposes reports whether an explanation proposes a tool in either place.
func (r reply) proposes(t *testing.T, tool string) bool {
	t.Helper()
	for _, place := range []string{"fix", "make_up"} {
		if call, ok := r.at(t, place).(object); ok && call["tool"] == tool {
			return true
		}
	}
	return false
}

// backfills makes a proposed call, first as it stands, which counts, then in earnest, and expects a run for
// each nominal time that the explanation told of and no other.
func (h *house) backfills(t *testing.T, v *visitor, proposed object, want int) {
	t.Helper()
	if proposed["tool"] != "backfill_task" {
		t.Fatalf("proposed %v, want backfill_task", proposed)
	}
	args := proposed["arguments"].(object)
	if args["dry_run"] != true {
		t.Errorf("it is not counted first: %v", args)
	}
	counted := v.must(t, "backfill_task", args)
	delete(args, "dry_run")
	made := v.must(t, "backfill_task", args)
	for _, r := range []reply{counted, made} {
		if got := fmt.Sprint(r.at(t, "runs"), r.at(t, "existing"), r.at(t, "excluded")); got != fmt.Sprint(want, 0, 0) {
			t.Errorf("runs, existing and excluded are %s, want %d, 0, 0", got, want)
		}
	}
	var rows int
	const count = `SELECT count(*) FROM occurrence b WHERE kind = 'backfill' AND fate = 'started' AND nominal_at >= $1 AND nominal_at < $2`
	if err := h.pool.QueryRow(t.Context(), count, args["from"], args["until"]).Scan(&rows); err != nil || rows != want {
		t.Errorf("%d times were made up for (%v), want %d", rows, err, want)
	}
}
