package main

import (
	"testing"
	"time"

	"github.com/ordinaut/ordinaut/store/storetest"
)

// ledgerRow is an occurrence as get_task tells it.
type ledgerRow struct {
	NominalAt    time.Time  `json:"nominal_at"`
	LastAt       *time.Time `json:"last_at"`
	Count        int
	Fate, Reason string
	RunID        string `json:"run_id"`
}

// Everything is killed and stands still for ten minutes of the database's clock: each minute of the gap
// has its fate by the task's policy, in few rows, and as many runs as the policy allows.
func TestTenMinutesOfNothing(t *testing.T) {
	t.Parallel()
	dsn, clock := storetest.FakeClock(t, storetest.DB(t))
	p := newPlantOn(t, dsn, "")
	before := p.serve("api,scheduler,worker")
	s := p.dial(before, "")
	policies := map[string]struct {
		schedule map[string]any
		fates    map[string]int // of the ten minutes
		rows     int            // that tell of them, at most
	}{
		"latest":           {map[string]any{}, map[string]int{"coalesced": 9, "started": 1}, 2},
		"all":              {map[string]any{"catch_up": "all", "overlap": "buffer_all"}, map[string]int{"started": 10}, 10},
		"all, at most 3":   {map[string]any{"catch_up": "all", "overlap": "allow", "max_catch_up": 3}, map[string]int{"coalesced": 7, "started": 3}, 4},
		"none":             {map[string]any{"catch_up": "none"}, map[string]int{"missed": 10}, 1},
		"late by a second": {map[string]any{"max_lateness_seconds": 1}, map[string]int{"missed": 10}, 1},
	}
	tasks := map[string]string{}
	for name, policy := range policies {
		schedule := map[string]any{"kind": "interval", "expr": "PT1M"}
		for key, value := range policy.schedule {
			schedule[key] = value
		}
		tasks[name] = p.createWebTask(s, name, schedule, "/fast")
	}
	// Interval counts from the creation: each task is first due a minute on.
	before.kill()
	clock.Advance(10*time.Minute + 30*time.Second)
	s = p.dial(p.serve("api,scheduler,worker"), "")
	for name, policy := range policies {
		var rows []ledgerRow
		eventually(t, name+" has a fate for each minute", func() bool {
			var got struct{ Occurrences []ledgerRow }
			s.must(t, "get_task", map[string]any{"task_id": tasks[name], "detail": "full"}, &got)
			rows = got.Occurrences
			return len(rows) > 0
		})
		fates, covered := map[string]int{}, 0
		for _, r := range rows {
			n := max(1, r.Count)
			fates[r.Fate] += n
			covered += n
			if r.Count > 1 && int(r.LastAt.Sub(r.NominalAt)/time.Minute)+1 != r.Count {
				t.Errorf("%s: %+v counts wrongly", name, r)
			}
		}
		if covered != 10 || len(rows) > policy.rows {
			t.Errorf("%s: %d minutes in %d rows, want 10 in at most %d: %+v", name, covered, len(rows), policy.rows, rows)
		}
		for fate, n := range policy.fates {
			if fates[fate] != n {
				t.Errorf("%s: %d %s, want %d: %+v", name, fates[fate], fate, n, rows)
			}
		}
		want := policy.fates["started"]
		eventually(t, name+": its runs end", func() bool {
			return len(runs(t, s, map[string]any{"task_id": tasks[name], "states": []string{"succeeded"}})) == want
		})
	}
}
