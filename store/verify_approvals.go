package store

// lawsOfApprovals are about what runs ask people.
func lawsOfApprovals() []Law {
	return []Law{
		{"A1", "an open approval belongs to a live run whose step waits for it", `
SELECT 'approval ' || a.id || ' of run ' || a.run_id || ', step ' || a.step_id AS subject,
    a.decision IS NULL AND (coalesce(r.state, '') <> 'queued' OR coalesce(s.state, '') <> 'waiting') AS broken
FROM approval a
LEFT JOIN run r ON r.namespace_id = a.namespace_id AND r.id = a.run_id
LEFT JOIN step s ON s.namespace_id = a.namespace_id AND s.run_id = a.run_id AND s.step_id = a.step_id`},

		// Whoever decides wakes the run in the same transaction.
		{"A2", "a step of a live run that waits for a person has its approval, and a sleeping run one that is not decided", `
SELECT 'run ' || s.run_id || ', step ' || s.step_id || ': ' || coalesce(a.decision, CASE WHEN a.id IS NULL THEN 'not asked' ELSE 'open' END) AS subject,
    a.id IS NULL OR (a.decision IS NOT NULL AND w.run_id IS NOT NULL AND coalesce(w.due_at > $3, true)) AS broken
FROM step s
JOIN run r ON r.namespace_id = s.namespace_id AND r.id = s.run_id AND r.state = 'queued'
LEFT JOIN approval a ON a.namespace_id = s.namespace_id AND a.run_id = s.run_id AND a.step_id = s.step_id
LEFT JOIN wait w ON w.namespace_id = s.namespace_id AND w.run_id = s.run_id
WHERE s.uses = 'approval.request' AND s.state = 'waiting'`},
	}
}
