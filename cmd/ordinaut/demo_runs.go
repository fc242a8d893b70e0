package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// demoRun is what get_run and list_runs tell of a run, as far as the demo shows it.
type demoRun struct {
	ID, State, Kind, Reason, Error string
	TaskTitle                      string `json:"task_title"`
	Attempt                        int
	NominalAt                      *time.Time `json:"nominal_at"`
	StartedAt                      *time.Time `json:"started_at"`
	DurationMS                     *float64   `json:"duration_ms"`
	Steps                          []demoStep
}

type demoStep struct {
	ID, State string
	Tries     int
}

func (d *demo) getRun(ctx context.Context, id string) (demoRun, error) {
	var got struct{ Run demoRun }
	err := d.mcp.into(ctx, "get_run", map[string]any{"run_id": id}, &got)
	return got.Run, err
}

// start starts a run of a task and returns it, without waiting.
func (d *demo) startRun(ctx context.Context, task string) (demoRun, error) {
	var started struct{ Run demoRun }
	err := d.mcp.into(ctx, "run_now", map[string]any{"task_id": d.tasks[task]}, &started)
	return started.Run, err
}

// runNow waits for a run and draws what it reports meanwhile.
func (d *demo) runNow(ctx context.Context) error {
	d.title("run_now, with live progress: worker → Postgres → Redis Streams → MCP notification")
	err := d.createTask(ctx, "report", map[string]any{
		"title":    "Write the report",
		"schedule": map[string]any{"kind": "manual"},
		"pipeline": []map[string]any{{"id": "report", "uses": "desk.write_report", "with": map[string]any{"pages": 12, "seconds": 4}}},
	})
	if err != nil {
		return err
	}
	reports := 0
	a, err := d.mcp.call(ctx, "run_now", map[string]any{"task_id": d.tasks["report"], "wait_seconds": 20}, func(p progressReport) {
		reports++
		total := p.Total
		if total == 0 {
			total = 100
		}
		d.bar(100*p.Progress/total, p.Message)
	})
	if err != nil {
		return err
	}
	if a.IsError {
		return fmt.Errorf("run_now: %s", a.Text)
	}
	d.line("the assistant reads:")
	for line := range strings.Lines(strings.TrimSpace(a.Text)) {
		d.line("  %s", d.dim(strings.TrimRight(line, "\n")))
	}
	if reports == 0 {
		return fmt.Errorf("no progress came through")
	}
	return nil
}

// crash kills the worker in the middle of a run and shows that nothing recorded is done again.
func (d *demo) crash(ctx context.Context) error {
	d.title("kill -9 the worker in mid-run")
	err := d.createTask(ctx, "haul", map[string]any{
		"title":    "Long haul",
		"schedule": map[string]any{"kind": "manual"},
		"pipeline": []map[string]any{
			{"id": "announce", "uses": "desk.send_note", "with": map[string]any{"text": "long haul begins"}},
			{"id": "report", "uses": "desk.write_report", "with": map[string]any{"pages": 20, "seconds": 3}},
			{"id": "done", "uses": "desk.send_note", "with": map[string]any{"text": "long haul ends: ${steps.report.pages} pages"}},
		},
	})
	if err != nil {
		return err
	}
	run, err := d.startRun(ctx, "haul")
	if err != nil {
		return err
	}
	// The first step is recorded and the second has really begun.
	err = d.until(ctx, func() (bool, error) {
		n, err := d.countEffects(run.ID + "/report")
		return n > 0, err
	})
	if err != nil {
		return err
	}
	if run, err = d.getRun(ctx, run.ID); err != nil {
		return err
	}
	d.line("attempt %d: %s recorded, %s under way", run.Attempt, d.steps(run), d.name("report"))
	if err := d.worker.kill(); err != nil {
		return err
	}
	d.line("%s process %d", d.bad("SIGKILL"), d.worker.cmd.Process.Pid)
	if d.worker, err = d.start("worker", anyPort); err != nil {
		return err
	}
	d.line("a new worker, process %d; the dead one's lease runs out within 3 s", d.worker.cmd.Process.Pid)
	err = d.until(ctx, func() (bool, error) {
		run, err = d.getRun(ctx, run.ID)
		return run.State == "succeeded" || run.State == "failed", err
	})
	if err != nil {
		return err
	}
	d.line("attempt %d: %s, %s", run.Attempt, d.state(run.State), d.steps(run))
	return d.countEffectsOf(run)
}

// countEffectsOf shows, from the desk's own journal, how often each step of a crashed run really ran.
func (d *demo) countEffectsOf(run demoRun) error {
	announced, err := d.countEffects(run.ID + "/announce")
	if err != nil {
		return err
	}
	reported, err := d.countEffects(run.ID + "/report")
	if err != nil {
		return err
	}
	d.line("by the desk's own journal: announce ran %s, report %s (the crash cut the first)", d.times(announced, 1), d.times(reported, 2))
	if run.State != "succeeded" || announced != 1 || reported != 2 || run.Attempt < 2 {
		return fmt.Errorf("the run did not go on after its last recorded step:\n%s", d.logTail())
	}
	return nil
}

func (d *demo) times(n, want int) string {
	text := fmt.Sprintf("%d×", n)
	if n == want {
		return d.good(text)
	}
	return d.bad(text)
}

// countEffects counts the desk's journal lines with an idempotency key.
func (d *demo) countEffects(key string) (int, error) {
	entries, err := d.effects()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		if e.Key == key {
			n++
		}
	}
	return n, nil
}

func (d *demo) steps(run demoRun) string {
	var parts []string
	for _, s := range run.Steps {
		parts = append(parts, d.name(s.ID)+" "+d.state(s.State))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// review lists what happened and measures it.
func (d *demo) review(ctx context.Context) error {
	d.title("list_runs: what happened")
	var listed struct{ Runs []demoRun }
	if err := d.mcp.into(ctx, "list_runs", map[string]any{"limit": 100}, &listed); err != nil {
		return err
	}
	var rows [][]string
	var lags, tooks []float64
	seen := map[string]int{}
	left := 0
	for _, r := range listed.Runs {
		lag, took := "", ""
		if r.NominalAt != nil && r.StartedAt != nil && r.Attempt <= 1 {
			ms := float64(r.StartedAt.Sub(*r.NominalAt).Microseconds()) / 1000
			lags, lag = append(lags, ms), fmt.Sprintf("%.0f ms", ms)
		}
		if r.DurationMS != nil && r.State == "succeeded" {
			took = fmt.Sprintf("%.0f ms", *r.DurationMS)
			if r.TaskTitle == "Plan the day" {
				tooks = append(tooks, *r.DurationMS)
			}
		}
		if seen[r.TaskTitle]++; seen[r.TaskTitle] > 3 {
			left++
			continue
		}
		due := ""
		if r.NominalAt != nil {
			due = r.NominalAt.Format("15:04:05")
		}
		rows = append(rows, []string{d.short(r.ID), r.TaskTitle, r.Kind, due, d.state(r.State), lag, took})
	}
	d.table([]string{"RUN", "TASK", "BY", "DUE", "STATE", "LAG", "TOOK"}, rows)
	if left > 0 {
		d.line("%s", d.dim(fmt.Sprintf("… and %d earlier of the same tasks", left)))
	}
	d.line("")
	d.line("schedule lag (due → started)  p50 %s  p99 %s  over %d", d.bold(percentile(lags, 50)), d.bold(percentile(lags, 99)), len(lags))
	d.line("run time of “Plan the day”    p50 %s  p99 %s  over %d", d.bold(percentile(tooks, 50)), d.bold(percentile(tooks, 99)), len(tooks))
	return d.judge(ctx, listed.Runs)
}

// judge fails the demo unless every run that has ended has succeeded and the tides were read in the end.
func (d *demo) judge(ctx context.Context, runs []demoRun) error {
	for _, r := range runs {
		if slices.Contains([]string{"failed", "timed_out", "canceled"}, r.State) {
			full, err := d.getRun(ctx, r.ID)
			if err != nil {
				return err
			}
			return fmt.Errorf("run %s of %q %s: %s %s", r.ID, r.TaskTitle, r.State, full.Reason, full.Error)
		}
		if r.TaskTitle == "Read the tides" {
			full, err := d.getRun(ctx, r.ID)
			if err != nil {
				return err
			}
			d.line("“Read the tides” was refused twice, backed off as a row (no worker waited) and %s at try %d", d.state(full.State), full.Steps[0].Tries)
		}
	}
	return nil
}

// short returns an id with its middle left out.
func (d *demo) short(id string) string { return id[:12] + "…" + id[len(id)-4:] }

// percentile returns the p-th percentile of values in milliseconds, by the nearest rank.
func percentile(values []float64, p int) string {
	if len(values) == 0 {
		return "–"
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := min(len(sorted)-1, (p*len(sorted)+99)/100-1)
	return fmt.Sprintf("%.0f ms", sorted[max(0, rank)])
}

// invite says how to go on.
func (d *demo) invite(context.Context) error {
	d.title("Now yours: paste this into a desktop client's MCP configuration")
	d.line(`{"mcpServers": {"ordinaut": {"command": %q, "args": ["stdio"]}}}`, d.self)
	return nil
}
