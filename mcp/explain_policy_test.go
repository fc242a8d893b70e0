package mcp

import (
	"slices"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

// stretchOf returns a stretch of time as a blackout or an entry of a calendar names it.
func stretchOf(from, to time.Duration) object {
	now := time.Now().UTC().Truncate(time.Second)
	return object{"from": stamp(now.Add(from)), "to": stamp(now.Add(to))}
}

// blackout is quiet hours that hold once.
func blackout(from, to time.Duration, action string) object {
	return object{"quiet": object{"blackouts": []object{stretchOf(from, to)}, "action": action}}
}

// calendar stores a calendar that excludes one stretch.
func (h *house) calendar(t *testing.T, from, to time.Duration) {
	t.Helper()
	e := stretchOf(from, to)
	e["title"] = "Founders' day"
	h.exec(t, `INSERT INTO calendar (namespace_id, name, version, entries, updated_by) VALUES ($1, 'holidays', 1, $2, $3)`,
		h.local.NamespaceID, []object{e}, h.local.ID)
}

// dueWith makes a task that was due half an hour ago under these policies.
func dueWith(t *testing.T, h *house, v *visitor, more object) string {
	t.Helper()
	task := v.newTask(t, hourly("Hourly", more))
	h.ago(t, task, 90*time.Minute)
	return task
}

// Each verdict that a policy brings about is told with its sentence, its evidence and a call that works.
func TestExplainTaskTellsOfPolicies(t *testing.T) {
	t.Parallel()
	for _, c := range slices.Concat(explainedPolicies(), explainedEvents()) {
		t.Run(c.name, c.check)
	}
}

// explainedPolicies are the verdicts that come of calendars, quiet hours, overlap and catch-up.
func explainedPolicies() []explained {
	const minute = time.Minute
	return []explained{
		{
			name: "quiet_hours, dropped", verdict: ordinaut.ReasonQuietHours.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := dueWith(t, h, v, blackout(-40*minute, -20*minute, "drop"))
				h.tick(t)
				return about(task)
			},
			sentence: `It was due at AT but was skipped, because that is in quiet hours\.`,
			evidence: []string{"quiet hours of the task", "skipped (quiet_hours)"},
		},
		{
			name: "quiet_hours, put off", verdict: ordinaut.ReasonQuietHours.Verdict(), fix: "run_now",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := dueWith(t, h, v, blackout(-40*minute, 20*minute, "defer"))
				h.tick(t)
				return about(task)
			},
			sentence: `It was due at AT and is put off to AT, because that is in quiet hours\.`,
			evidence: []string{"quiet hours of the task, until"},
		},
		{
			name: "quiet_hours, and ran when they ended", verdict: ordinaut.ReasonQuietHours.Verdict(),
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := dueWith(t, h, v, blackout(-40*minute, -10*minute, "defer"))
				h.tick(t)
				h.finish(t, h.claim(t), ordinaut.RunSucceeded, `1`)
				return about(task)
			},
			sentence: `It was due at AT and put off to AT, when it ran and succeeded after \d+ ms, because that is in quiet hours\.`,
			evidence: []string{"quiet hours of the task, until", "started (quiet_hours)", "succeeded"},
		},
		{
			name: "excluded_by_calendar", verdict: ordinaut.ReasonExcludedByCalendar.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				h.calendar(t, -40*minute, -20*minute)
				task := dueWith(t, h, v, object{"calendars": []string{"holidays"}})
				h.tick(t)
				return about(task)
			},
			sentence: `It was due at AT but was skipped, because the calendar holidays excludes it \(Founders' day\)\.`,
			evidence: []string{"the calendar holidays excludes it: 20", "skipped (excluded_by_calendar)"},
		},
		{
			name: "excluded_by_calendar, to come", verdict: ordinaut.ReasonExcludedByCalendar.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				h.calendar(t, 50*minute, 70*minute)
				task := v.newTask(t, hourly("Hourly", object{"calendars": []string{"holidays"}}))
				return object{"task_id": task, "at": stamp(h.nextAt(t, task))}
			},
			sentence: `It is due at AT but will be skipped, because the calendar holidays excludes it \(Founders' day\)\.`,
			evidence: []string{"the calendar holidays excludes it: 20"},
		},
		{
			name: "shifted_by_calendar", verdict: ordinaut.ReasonShiftedByCalendar.Verdict(),
			cause: func(t *testing.T, h *house, v *visitor) object {
				h.calendar(t, -40*minute, -20*minute)
				task := dueWith(t, h, v, object{"calendars": []string{"holidays"}, "on_excluded": "shift"})
				h.tick(t)
				h.finish(t, h.claim(t), ordinaut.RunSucceeded, `1`)
				return about(task)
			},
			sentence: `It was due at AT and moved to AT, when it ran and succeeded after \d+ ms, because the calendar holidays excludes it \(Founders' day\)\.`,
			evidence: []string{"the calendar holidays excludes it", "started (shifted_by_calendar)", "succeeded"},
		},
		{
			name: "snoozed, to come", verdict: ordinaut.ReasonSnoozed.Verdict(), fix: "run_now",
			cause: func(t *testing.T, _ *house, v *visitor) object {
				task := v.newTask(t, hourly("Hourly", nil))
				v.must(t, "snooze_task", object{"task_id": task, "until": "in 90m", "note": "in a meeting"})
				return about(task)
			},
			sentence: `It is due at AT and is snoozed to AT, by operator\.`,
			evidence: []string{"create_task", "snooze_task by operator"},
		},
		{
			name: "paused, and snoozed before", verdict: ordinaut.ReasonPaused.Verdict(), fix: "resume_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := v.newTask(t, hourly("Hourly", nil))
				next := h.nextAt(t, task)
				v.must(t, "snooze_task", object{"task_id": task, "until": stamp(next.Add(30 * minute))})
				v.must(t, "pause_task", object{"task_id": task})
				return object{"task_id": task, "at": stamp(next)}
			},
			sentence: `It is due at AT but will be passed over, because the task was paused by operator at AT\.`,
			evidence: []string{"pause_task by operator"},
		},
		{
			name: "snoozed, and ran", verdict: ordinaut.ReasonSnoozed.Verdict(),
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := v.newTask(t, hourly("Hourly", nil))
				v.must(t, "snooze_task", object{"task_id": task, "until": "in 90m"})
				h.exec(t, `UPDATE task SET snoozed_at = snoozed_at - interval '95 minutes', snoozed_until = snoozed_until - interval '95 minutes', due_at = snoozed_until - interval '95 minutes', created_at = created_at - interval '2 hours'`)
				h.tick(t)
				h.finish(t, h.claim(t), ordinaut.RunSucceeded, `1`)
				return about(task)
			},
			sentence: `It was due at AT and snoozed to AT, when it ran and succeeded after \d+ ms, by operator\.`,
			evidence: []string{"started (snoozed)", "succeeded"},
		},
		{
			name: "buffered", verdict: ordinaut.ReasonBuffered.Verdict(),
			cause: func(t *testing.T, h *house, v *visitor) object {
				return about(buffered(t, h, v, 1))
			},
			sentence: `It was due at AT, and its run waits for the run of SHORT to end\.`,
			evidence: []string{"started", "started (buffered)"},
		},
		{
			name: "buffer_full", verdict: ordinaut.ReasonBufferFull.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				return about(buffered(t, h, v, 2))
			},
			sentence: `It was due at AT but was skipped, because as many runs as overlap buffer_one allows were waiting for the live one already\.`,
			evidence: []string{"skipped (buffer_full)"},
			fixed: func(t *testing.T, h *house, v *visitor, task string) {
				h.ago(t, task, time.Hour)
				h.tick(t)
				v.verdict(t, object{"task_id": task, "since": stamp(time.Now().Add(-40 * minute))}, ordinaut.ReasonBuffered.Verdict())
			},
		},
		{
			name: "superseded", verdict: ordinaut.ReasonSuperseded.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := dueWith(t, h, v, object{"overlap": "cancel_running"})
				h.tick(t)
				h.ago(t, task, time.Hour)
				h.tick(t)
				return object{"task_id": task, "since": stamp(time.Now().Add(-2 * time.Hour)), "until": stamp(time.Now().Add(-time.Hour))}
			},
			sentence: `It was due at AT but was canceled, because the task was due again, and overlap is cancel_running.*`,
			evidence: []string{"started", "canceled (superseded)"},
		},
		{
			name: "catch_up_limit", verdict: ordinaut.ReasonCatchUpLimit.Verdict(), fix: "update_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := overdue(t, h, v, object{"catch_up": "all", "max_catch_up": 1, "overlap": "allow"})
				first := h.nextAt(t, task)
				h.tick(t)
				return object{"task_id": task, "at": stamp(first)}
			},
			sentence: `It was due 3 times from SHORT to AT but was passed over: more were due at once than max_catch_up, which is 1\.`,
			evidence: []string{"(catch_up_limit)"},
		},
		{
			name: "paused_after_failures", verdict: ordinaut.ReasonPausedAfterFailures.Verdict(), fix: "resume_task",
			cause: func(t *testing.T, h *house, v *visitor) object {
				args := hourly("Hourly", nil)
				args["pause_after_failures"] = 1
				task := v.newTask(t, args)
				h.ago(t, task, 90*minute)
				h.tick(t)
				h.finish(t, h.claim(t), ordinaut.RunFailed, `1`)
				h.ago(t, task, time.Hour)
				return about(task)
			},
			sentence: `It was due at AT but skipped, because the task was paused at AT after 1 failure in a row\.`,
			evidence: []string{"pause_task by scheduler: failures 1"},
		},
		{
			name: "schedule_changed", verdict: ordinaut.ReasonScheduleChanged.Verdict(), fix: "run_now",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := dueWith(t, h, v, blackout(-40*minute, 20*minute, "defer"))
				h.tick(t)
				v.must(t, "update_task", object{"task_id": task, "schedule": halfADayOff()})
				return about(task)
			},
			sentence: `It was due at AT but did not run, because before it started the schedule was changed by operator at AT\.`,
			evidence: []string{"skipped (schedule_changed)"},
		},
		{
			name: "schedule_changed, no scheduler was there", verdict: ordinaut.ReasonScheduleChanged.Verdict(), fix: "run_now",
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := overdue(t, h, v, nil)
				v.must(t, "update_task", object{"task_id": task, "schedule": halfADayOff()})
				return about(task)
			},
			sentence: `It was due 4 times from SHORT to AT but did not run, because before it started the schedule was changed by operator at AT\.`,
			evidence: []string{"4 times skipped (schedule_changed)"},
		},
		{
			name: "dst_gap_shifted", verdict: ordinaut.ReasonDSTGapShifted.Verdict(),
			cause: func(t *testing.T, h *house, v *visitor) object {
				task := v.newTask(t, cron("30 2 * * *", object{"timezone": "Europe/Berlin"}))
				gap := time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)
				h.exec(t, `UPDATE task SET next_at = $1, due_at = $1, created_at = $2`, gap, gap.AddDate(0, -1, 0))
				h.exec(t, `UPDATE task_version SET created_at = $1`, gap.AddDate(0, -1, 0))
				decider := scheduler.NewDecider(10)
				if _, err := h.store.Tick(t.Context(), 10, func(_ time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
					decisions, _ := decider.Decide(gap.Add(time.Second), due)
					return decisions
				}); err != nil {
					t.Fatal(err)
				}
				h.finish(t, h.claim(t), ordinaut.RunSucceeded, `1`)
				return object{"task_id": task, "at": stamp(gap)}
			},
			sentence: `It was due at Sun 29 Mar 2026 03:00 Europe/Berlin, when the clocks had just gone forward: the local time it is written for did not exist that day, so it ran at the first moment after, and succeeded after \d+ ms\.`,
			evidence: []string{"started (dst_gap_shifted)", "succeeded"},
		},
	}
}

// buffered makes a task whose run is held by a worker while it comes due so many times more.
func buffered(t *testing.T, h *house, v *visitor, times int) string {
	t.Helper()
	task := dueWith(t, h, v, object{"overlap": "buffer_one"})
	h.tick(t)
	h.claim(t)
	for range times {
		h.ago(t, task, time.Hour)
		h.tick(t)
	}
	return task
}
