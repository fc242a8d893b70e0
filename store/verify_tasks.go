package store

// ownTimes are the kinds of schedules that have times of their own.
const ownTimes = `('cron', 'rrule', 'interval', 'once', 'condition')`

// lawsOfTasks are about when tasks are looked at. What they say about times is [Store.Verify]'s caller's to tell.
func lawsOfTasks() []Law {
	return []Law{
		{"T1", "an active task that waits for a time has a moment at which a scheduler looks", `
SELECT 'task ' || id AS subject, due_at IS NULL AND (next_at IS NOT NULL OR snoozed_until IS NOT NULL) AS broken
FROM task WHERE state = 'active'`},

		{ID: "T2", What: "the time that a task waits for has no fate yet"},

		{"T3", "no task has been due for over a minute without a scheduler's look", `
SELECT 'task ' || id || ' since ' || due_at AS subject, due_at < ` + overdue + ` AS broken
FROM task WHERE due_at IS NOT NULL`},

		// A condition without probes to come still waits for its end.
		{"T4", "an active task with times of its own waits for one", `
SELECT 'task ' || id || ': ' || schedule_kind || ' ' || schedule_expr AS subject, next_at IS NULL AND snoozed_until IS NULL
    AND (schedule_kind <> 'condition' OR due_at IS NULL) AS broken
FROM task WHERE state = 'active' AND schedule_kind IN ` + ownTimes},

		{ID: "T5", What: "a finished task has started max_runs runs, or its schedule has no time left"},
		{ID: "T6", What: "a task without rows waits for the first time of its schedule"},

		// Whoever made the change wakes them at once; else any process goes on with it within seconds.
		{"T7", "no change of a calendar or quiet hours has been left on its way to tasks for over a minute", `
SELECT CASE WHEN calendar <> '' THEN 'calendar ' || calendar ELSE 'agent ' || agent_id END || ' since ' || touched_at AS subject,
    touched_at < ` + overdue + ` AS broken
FROM waking`},
	}
}
