package main

import (
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"regexp"
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
		maps.Copy(schedule, policy.schedule)
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
	p.upheld()
}

// verified is what ordinaut verify says of the plant's database.
func (p *plant) verified(flags ...string) (string, error) {
	out, err := p.command(append([]string{"verify"}, flags...)...).Output()
	return string(out), err
}

// upheld fails the test when a law does not hold on what it has left.
func (p *plant) upheld() {
	p.t.Helper()
	if out, err := p.verified(); err != nil {
		p.t.Errorf("verify: %v\n%s", describe(err), out)
	}
}

// Each planted violation is told by verify, on a database that it passed before: with what was looked at, in
// words and as JSON, and by its exit status.
func TestVerifyTellsPlantedViolations(t *testing.T) {
	t.Parallel()
	dsn := storetest.DB(t)
	p := newPlantOn(t, dsn, "")
	all := p.serve("api,scheduler,worker")
	s := p.dial(all, "")
	task := p.createWebTask(s, "tick", map[string]any{"kind": "cron", "expr": "* * * * * *", "overlap": "allow"}, "/fast")
	eventually(t, "it has run four times", func() bool {
		return len(runs(t, s, map[string]any{"task_id": task, "states": []string{"succeeded"}})) >= 4
	})
	s.must(t, "pause_task", map[string]any{"task_id": task}, &struct{}{})
	eventually(t, "all runs end", func() bool {
		return len(runs(t, s, map[string]any{"states": []string{"queued", "running", "waiting"}})) == 0
	})
	p.upheld()
	all.kill() // it would mend some of what follows
	pool := storetest.Pool(t, dsn)
	for _, plant := range []struct{ law, sql string }{
		{"L6", `DELETE FROM occurrence WHERE nominal_at = (SELECT nominal_at FROM occurrence ORDER BY nominal_at OFFSET 1 LIMIT 1)`},
		{"L2", `SELECT 1`}, // the run of the row that was just deleted
		{"L1", `UPDATE occurrence SET run_id = gen_random_uuid() WHERE nominal_at = (SELECT max(nominal_at) FROM occurrence)`},
		{"L3", `UPDATE occurrence SET reason = 'whim' WHERE nominal_at = (SELECT max(nominal_at) FROM occurrence)`},
		{"L4", `UPDATE occurrence SET last_at = last_at + interval '5 seconds' WHERE nominal_at = (SELECT min(nominal_at) FROM occurrence)`},
		{"L5", `SELECT 1`}, // it now ends later and counts once
		{"R1", `INSERT INTO queue (namespace_id, run_id, task_id, rank_at, priority) SELECT namespace_id, id, task_id, now(), 5 FROM run LIMIT 1`},
		{"R2", `UPDATE run SET finished_at = NULL`},
		{"R3", `UPDATE step SET epoch = 99`},
		{"T1", `UPDATE task SET state = 'active', due_at = NULL`},
		{"T2", `UPDATE task SET next_at = (SELECT min(nominal_at) FROM occurrence)`},
		{"T3", `UPDATE task SET due_at = now() - interval '5 minutes'`},
	} {
		if _, err := pool.Exec(t.Context(), plant.sql); err != nil {
			t.Fatalf("%s: %v", plant.law, err)
		}
		out, err := p.verified()
		if exitCode(err) != 6 || !regexp.MustCompile(`(?m)^`+plant.law+` .* [1-9]\d* of [1-9]\d*$`).MatchString(out) {
			t.Errorf("verify does not tell a violation of %s (%v):\n%s", plant.law, err, out)
		}
	}
	out, err := p.verified("--json")
	var laws []struct {
		ID, What            string
		Checked, Violations int
		Shown               []string
	}
	if exitCode(err) != 6 || json.Unmarshal([]byte(out), &laws) != nil || len(laws) == 0 {
		t.Fatalf("verify --json: %v\n%s", err, out)
	}
	for _, l := range laws {
		if l.ID == "" || l.What == "" || l.Violations > l.Checked || (l.Violations > 0) != (len(l.Shown) > 0) {
			t.Errorf("verify --json tells %+v", l)
		}
	}
	if _, err := p.verified("--database-url", "postgres://nobody@127.0.0.1:1/none"); exitCode(err) != 1 {
		t.Errorf("verify of no database: %v, want exit status 1", err)
	}
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}
