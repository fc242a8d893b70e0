package store

// lawsOfLedger are about the rows of occurrence, and the runs that they name.
func lawsOfLedger() []Law {
	return []Law{
		// A run is there as long as the week that its id tells of.
		{"L1", "a started occurrence has its run, of the same task, kind and time", `
SELECT 'task ' || o.task_id || ' at ' || o.nominal_at || ', ' || o.kind AS subject,
    r.id IS NULL OR r.task_id <> o.task_id OR r.kind <> o.kind OR r.nominal_at IS DISTINCT FROM o.nominal_at AS broken
FROM occurrence o LEFT JOIN run r ON r.namespace_id = o.namespace_id AND r.id = o.run_id
WHERE o.fate = 'started' AND o.run_id >= uuid_at($2)`},

		{"L2", "a run that nobody started by hand has exactly one occurrence", `
SELECT 'run ' || r.id || ': ' || coalesce(o.count, 0) AS subject, coalesce(o.count, 0) <> 1 AS broken
FROM run r LEFT JOIN (
    SELECT namespace_id, run_id, count(*) FROM occurrence WHERE run_id IS NOT NULL GROUP BY namespace_id, run_id
) AS o ON o.namespace_id = r.namespace_id AND o.run_id = r.id
WHERE r.kind NOT IN ('manual', 'retry') AND (r.nominal_at IS NULL OR r.nominal_at >= $2)`},

		{"L3", "a fate other than started has a reason, and reasons are of the list", `
SELECT 'task ' || task_id || ' at ' || nominal_at || ': ' || fate || '(' || reason || ')' AS subject,
    reason <> ALL ($1) AND (fate <> 'started' OR reason <> '') AS broken
FROM occurrence`},

		// Events have no order of their own, and several may come at once.
		{"L4", "the rows of one task and kind lie one after the other", `
SELECT 'task ' || task_id || ' at ' || nominal_at || ', ' || kind AS subject, coalesce(nominal_at <= before, false) AS broken
FROM (
    SELECT task_id, nominal_at, kind, lag(last_at) OVER (PARTITION BY namespace_id, task_id, kind ORDER BY nominal_at) AS before
    FROM occurrence WHERE kind <> 'event'
) AS o`},

		{"L5", "a row that counts several times ends later than it begins, one that counts once does not", `
SELECT 'task ' || task_id || ' at ' || nominal_at || ': ' || count || ' until ' || last_at AS subject,
    (count = 1) <> (last_at = nominal_at) OR last_at < nominal_at AS broken
FROM occurrence`},

		{ID: "L6", What: "from its first row to what a task waits for each time of its schedule has one row"},
		{ID: "L7", What: "the first row of a version is that of the first time of its schedule"},
	}
}
