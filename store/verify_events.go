package store

// lawsOfEvents are about events, what they started, and the verdicts of probes.
func lawsOfEvents() []Law {
	return []Law{
		{"E1", "a started occurrence and its run are about the same event, or about none", `
SELECT 'task ' || o.task_id || ' at ' || o.nominal_at || ', run ' || o.run_id AS subject,
    r.event_id IS DISTINCT FROM nullif(o.event_id, '00000000-0000-0000-0000-000000000000') AS broken
FROM occurrence o JOIN run r ON r.namespace_id = o.namespace_id AND r.id = o.run_id
WHERE o.fate = 'started'`},

		// The zero id, which is no event, is earlier than all that are kept.
		{"E2", "an event that the ledger or a scheduler's work names is there", `
SELECT 'event ' || n.event_id || ' of ' || n.place AS subject, e.id IS NULL AS broken
FROM (
    SELECT namespace_id, event_id, 'task ' || task_id AS place FROM occurrence
    UNION ALL SELECT namespace_id, event_id, 'task ' || task_id || ', held' FROM debounce
    UNION ALL SELECT namespace_id, event_id, 'the queue' FROM event_queue
) AS n LEFT JOIN event e ON e.namespace_id = n.namespace_id AND e.id = n.event_id
WHERE n.event_id >= uuid_at($2)`},

		// What a run publishes has the time of its worker's clock; that the run has ended has the database's.
		{"E3", "no event has been waiting for over a minute for a scheduler to pass it on", `
SELECT 'event ' || e.id || ' ' || e.topic || ' of ' || e.at AS subject, coalesce(CASE e.source WHEN 'run'
    THEN (SELECT r.finished_at FROM run r WHERE r.namespace_id = e.namespace_id AND r.id = e.run_id) ELSE e.at END < ` + overdue + `, false) AS broken
FROM event_queue q JOIN event e ON e.namespace_id = q.namespace_id AND e.id = q.event_id`},

		{"E4", "no held event has been due for over a minute", `
SELECT 'task ' || task_id || ' since ' || due_at AS subject, due_at < ` + overdue + ` AS broken FROM debounce`},

		{"E5", "no verdict of a probe has been waiting for over a minute to be judged", `
SELECT 'task ' || task_id || ', probe ' || run_id || ' of ' || at AS subject, at < ` + overdue + ` AS broken FROM verdict`},
	}
}
