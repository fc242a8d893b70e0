package store

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// ListRuns returns the runs that f selects, newest first. A filter on live states reads only the
// tables of live runs, any other the history by run_shown_idx or run_task_idx, which have no probes, or, for
// probes, by run_pkey or run_probe_idx.
func (s *Store) ListRuns(ctx context.Context, ns ordinaut.NamespaceID, f RunFilter) ([]ordinaut.Run, error) {
	sql, args := listRunsQuery(ns, f)
	return list[ordinaut.Run](ctx, s, sql, args)
}

// listRunsQuery builds the query for f. Its text holds only the conditions that f has, since an index
// cannot serve "no filter, or equal".
func listRunsQuery(ns ordinaut.NamespaceID, f RunFilter) (string, pgx.StrictNamedArgs) {
	args := pgx.StrictNamedArgs{"namespace_id": [16]byte(ns), "limit": pageSize(f.Limit)}
	live, ended := splitStates(f.States)
	inNamespace := "r.namespace_id = @namespace_id"
	where := []string{inNamespace}
	add := func(condition, name string, value any) {
		where = append(where, condition)
		args[name] = value
	}
	if !f.After.IsZero() {
		add("r.id < @after", "after", [16]byte(f.After))
	}
	if !f.Since.IsZero() {
		add("r.id >= uuid_at(@since)", "since", f.Since)
	}
	if !f.Until.IsZero() {
		add("r.id < uuid_at(@until)", "until", f.Until)
	}
	if !f.TaskID.IsZero() {
		add("r.task_id = @task_id", "task_id", [16]byte(f.TaskID))
	}
	if len(f.Kinds) > 0 {
		add("r.kind = ANY (@kinds)", "kinds", f.Kinds)
	}
	from, order := "run r", "r.id"
	switch {
	case len(live) > 0 && len(ended) == 0:
		// The page is cut from the narrow tables; LATERAL and OFFSET keep the planner from starting at run.
		from = liveRuns(live) + ` AS live CROSS JOIN LATERAL (
    SELECT * FROM run WHERE namespace_id = live.namespace_id AND id = live.run_id AND task_id = live.task_id AND state = 'queued' OFFSET 0
) AS r`
		names := strings.NewReplacer("r.namespace_id ", "live.namespace_id ", "r.id ", "live.run_id ", "r.task_id ", "live.task_id ")
		for i := range where {
			where[i] = names.Replace(where[i])
		}
		order = "live.run_id"
	case len(live) > 0:
		add(`(r.state = ANY (@ended) OR r.state = 'queued' AND (SELECT true FROM `+liveRuns(live)+
			` AS live WHERE live.namespace_id = r.namespace_id AND live.run_id = r.id LIMIT 1))`, "ended", ended)
	case len(ended) > 0:
		add("r.state = ANY (@ended)", "ended", ended)
	}
	if from == "run r" && !f.TaskID.IsZero() {
		where = where[1:] // its task tells the namespace too, and no other index must look as good as the task's
	}
	var pages []string
	for _, kind := range indexedKinds(f.Kinds) {
		conditions := strings.Join(append(slices.Clip(where), kind), " AND ")
		pages = append(pages, "SELECT r.* FROM "+from+" WHERE "+conditions+" ORDER BY "+order+" DESC LIMIT @limit")
	}
	page := pages[0]
	if len(pages) > 1 {
		page = "SELECT * FROM ((" + strings.Join(pages, ") UNION ALL (") + ")) AS r ORDER BY id DESC LIMIT @limit"
	}
	return "SELECT " + runColumns + " FROM (" + page + ") AS r\n" + runJoins + "\nWHERE " + inNamespace + " ORDER BY r.id DESC", args
}

// indexedKinds returns the conditions on the kind that lead to an index each, for a filter on these kinds;
// none leaves out probes.
func indexedKinds(kinds []ordinaut.RunKind) []string {
	const others, probes = "r.kind <> 'probe'", "r.kind = 'probe'"
	switch i := slices.Index(kinds, ordinaut.RunProbe); {
	case i < 0:
		return []string{others}
	case len(kinds) == 1:
		return []string{probes}
	default:
		return []string{others, probes}
	}
}

// liveRuns is a subquery over the tables that hold runs in these live states.
func liveRuns(states []ordinaut.RunState) string {
	var parts []string
	for _, state := range states {
		table := map[ordinaut.RunState]string{
			ordinaut.RunQueued: "queue", ordinaut.RunRunning: "lease", ordinaut.RunWaiting: "wait",
		}[state]
		parts = append(parts, "SELECT namespace_id, run_id, task_id FROM "+table)
	}
	return "(" + strings.Join(parts, " UNION ALL ") + ")"
}

func splitStates(states []ordinaut.RunState) (live []ordinaut.RunState, ended []string) {
	seen := map[ordinaut.RunState]bool{}
	for _, state := range states {
		if seen[state] {
			continue
		}
		seen[state] = true
		switch state {
		case ordinaut.RunQueued, ordinaut.RunRunning, ordinaut.RunWaiting:
			live = append(live, state)
		default:
			ended = append(ended, string(state))
		}
	}
	return live, ended
}
