package store

// places are where live runs are.
const places = `(
    SELECT namespace_id, run_id, task_id, epoch, started_at, 'queue' AS place FROM queue
    UNION ALL SELECT namespace_id, run_id, task_id, epoch, started_at, 'lease' FROM lease
    UNION ALL SELECT namespace_id, run_id, task_id, epoch, started_at, 'wait' FROM wait
)`

// lawsOfRuns are about runs, where they are while they live, and what they have recorded.
func lawsOfRuns() []Law {
	return []Law{
		// The row of a run says queued until it ends.
		{"R1", "a live run is in exactly one of queue, lease and wait, one that has ended in none", `
SELECT 'run ' || r.id || ': ' || r.state || ', in ' || coalesce(p.places, 'none') AS subject,
    coalesce(p.count, 0) <> CASE r.state WHEN 'queued' THEN 1 ELSE 0 END AS broken
FROM run r LEFT JOIN (
    SELECT namespace_id, run_id, count(*), string_agg(place, ' and ') AS places FROM ` + places + ` AS p GROUP BY namespace_id, run_id
) AS p ON p.namespace_id = r.namespace_id AND p.run_id = r.id`},

		{"R2", "a run has the time of its end exactly if it has ended", `
SELECT 'run ' || id || ': ' || state AS subject, (state = 'queued') <> (finished_at IS NULL) AS broken FROM run`},

		{"R3", "no step of a run that has ended is by an attempt later than its last", `
SELECT 'run ' || s.run_id || ', step ' || s.step_id || ': attempt ' || s.epoch || ' of ' || r.attempt AS subject, s.epoch > r.attempt AS broken
FROM step s JOIN run r ON r.namespace_id = s.namespace_id AND r.id = s.run_id
WHERE r.state <> 'queued'`},

		{"R4", "no step of a live run is by an attempt later than its present one", `
SELECT 'run ' || s.run_id || ', step ' || s.step_id || ': attempt ' || s.epoch || ' of ' || p.epoch AS subject, s.epoch > p.epoch AS broken
FROM step s JOIN ` + places + ` AS p ON p.namespace_id = s.namespace_id AND p.run_id = s.run_id`},

		{"R5", "the progress of a run counts from 1 without a gap", runProgress},

		// Whoever ended the run before it releases it at once; else a worker does within seconds.
		{"R6", "no buffered run has been waiting for nothing for over a minute", `
SELECT 'run ' || w.run_id || ' of task ' || w.task_id AS subject, r.queued_at < ` + overdue + ` AND NOT ` + live + `
    AND NOT EXISTS (SELECT FROM run e WHERE e.task_id = w.task_id AND e.kind <> 'probe' AND e.finished_at >= ` + overdue + `) AS broken
FROM wait w JOIN run r ON r.namespace_id = w.namespace_id AND r.id = w.run_id
WHERE w.buffered`},

		{"R7", "what is in queue, lease or wait is a run of that task", `
SELECT 'run ' || p.run_id || ' in ' || p.place AS subject, r.id IS NULL OR r.task_id <> p.task_id AS broken
FROM ` + places + ` AS p LEFT JOIN run r ON r.namespace_id = p.namespace_id AND r.id = p.run_id`},

		{"R8", "a run that did not succeed has a reason of the list, any other has none", `
SELECT 'run ' || id || ': ' || state || '(' || reason || ')' AS subject,
    CASE WHEN state IN ('queued', 'succeeded') THEN reason <> '' ELSE reason <> ALL ($1) END AS broken
FROM run`},

		{"R9", "no lease ran out and no sleeper's time came over a minute ago", `
SELECT 'run ' || run_id || ' since ' || due_at AS subject, due_at < ` + overdue + ` AS broken
FROM (SELECT run_id, until AS due_at FROM lease UNION ALL SELECT run_id, due_at FROM wait WHERE due_at IS NOT NULL) AS held`},

		// The retried run is there as long as the week that its id tells of.
		{"R10", "a retry is of a run of the same task that has ended", `
SELECT 'run ' || r.id || ': ' || r.kind || ' of ' || coalesce(r.retry_of::text, 'none') AS subject,
    r.kind <> 'retry' OR r.retry_of IS NULL OR r.retry_of >= uuid_at($2)
        AND (o.id IS NULL OR o.task_id <> r.task_id OR o.state = 'queued') AS broken
FROM run r LEFT JOIN run o ON o.namespace_id = r.namespace_id AND o.id = r.retry_of
WHERE r.kind = 'retry' OR r.retry_of IS NOT NULL`},
	}
}

// runProgress counts the entries of each run, those that [listProgress] gives: base follow from the rows of the
// run and its first start, others are steps and what is stored, and the last is its end. What a retry took over is no entry, and has no number.
const runProgress = `
SELECT 'run ' || id || ': ' || base + entries || ' entries, the last is ' || coalesce(seq, last) AS subject,
    entries > 0 AND (seqs <> entries OR first <> base + 1 OR last <> base + entries)
        OR coalesce(seq <> base + entries + 1, false) AS broken
FROM (
    SELECT r.id, 1 + (coalesce(p.started_at, r.started_at) IS NOT NULL)::int AS base, CASE WHEN r.finished_at IS NOT NULL THEN r.seq END AS seq,
        coalesce(e.entries, 0) AS entries, e.seqs, e.first, coalesce(e.last, 0) AS last
    FROM run r
    LEFT JOIN ` + places + ` AS p ON p.namespace_id = r.namespace_id AND p.run_id = r.id
    LEFT JOIN (
        SELECT namespace_id, run_id, count(*) AS entries, count(DISTINCT seq) AS seqs, min(seq) AS first, max(seq) AS last
        FROM (
            SELECT namespace_id, run_id, seq FROM step WHERE state NOT IN ('waiting', 'running') AND seq > 0 AND run_id >= uuid_at($2)
            UNION ALL SELECT namespace_id, run_id, seq FROM progress WHERE run_id >= uuid_at($2)
        ) AS entry GROUP BY namespace_id, run_id
    ) AS e ON e.namespace_id = r.namespace_id AND e.run_id = r.id
    WHERE r.id >= uuid_at($2)
) AS counted`
