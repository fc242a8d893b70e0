package store_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// claimDead claims the one ready run for a worker that never renews.
func claimDead(t testing.TB, s *store.Store) ordinaut.Attempt {
	t.Helper()
	all := must(s.ClaimRuns(t.Context(), "dead", -time.Second, 1))(t)
	if len(all) != 1 {
		t.Fatalf("claimed %d runs, want 1", len(all))
	}
	return all[0]
}

// After a rescue the old attempt can write nothing, and the new one everything.
func TestStaleEpochIsRefused(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task := storetest.Task(t, s, storetest.Spec("zombie"))
	run := storetest.Run(t, s, task)
	zombie := claimDead(t, s)
	if n := must(s.RescueRuns(t.Context(), 10))(t); n != 1 {
		t.Fatalf("rescued %d, want 1", n)
	}
	for _, rec := range []ordinaut.Record{
		{Lease: zombie.Lease, Steps: []ordinaut.StepResult{step("say", 3)}},
		{Lease: zombie.Lease, Progress: []ordinaut.Progress{{Seq: 3, Type: ordinaut.ProgressReport, At: time.Now()}}},
		{Lease: zombie.Lease, Events: []ordinaut.Event{{ID: ordinaut.NewEventID(), Topic: "t", At: time.Now()}}},
		{Lease: zombie.Lease, Outcome: &ordinaut.Outcome{State: ordinaut.RunQueued}},
		ended(zombie),
	} {
		for _, stage := range []string{"queued", "running"} {
			if stage == "running" && len(must(s.ListSteps(t.Context(), task.NamespaceID, run.ID))(t)) > 0 {
				t.Fatal("a stale step was written")
			}
			if lost := must(s.Record(t.Context(), []ordinaut.Record{rec}))(t); len(lost) != 1 || lost[0] != run.ID {
				t.Errorf("stale record %+v: lost = %v", rec, lost)
			}
		}
	}
	second := claimOne(t, s)
	if second.Epoch != 2 || second.StartedAt == nil || !second.StartedAt.Equal(zombie.ClaimedAt) {
		t.Errorf("second attempt = %+v, want epoch 2 started at %v", second, zombie.ClaimedAt)
	}
	if lost := must(s.Record(t.Context(), []ordinaut.Record{ended(zombie)}))(t); len(lost) != 1 {
		t.Error("a stale outcome was taken while the second attempt runs")
	}
	record(t, s, ended(second))
	if got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t); got.State != ordinaut.RunSucceeded || got.Attempt != 2 {
		t.Errorf("run = %+v", got)
	}
	wantTypes(t, must(s.ListProgress(t.Context(), task.NamespaceID, run.ID, 0))(t),
		ordinaut.ProgressQueued, ordinaut.ProgressStarted, ordinaut.ProgressRequeued, ordinaut.ProgressStarted, ordinaut.ProgressFinished)
}

// In one batch a stale record is dropped whole and the current ones land.
func TestRecordIsAllOrNothingPerRun(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	fill(t, s, 3)
	all := claimAll(t, s, 3)
	stale := all[1].Lease
	stale.Epoch++
	full := func(l ordinaut.Lease) ordinaut.Record {
		return ordinaut.Record{
			Lease: l, Steps: []ordinaut.StepResult{step("say", 3)},
			Progress: []ordinaut.Progress{{Seq: 4, Type: ordinaut.ProgressReport, At: time.Now()}},
			Events:   []ordinaut.Event{{ID: ordinaut.NewEventID(), Topic: "done", At: time.Now()}},
			Outcome:  &ordinaut.Outcome{State: ordinaut.RunSucceeded, Seq: 5},
		}
	}
	lost := must(s.Record(t.Context(), []ordinaut.Record{full(all[0].Lease), full(stale), full(all[2].Lease)}))(t)
	if len(lost) != 1 || lost[0] != stale.RunID {
		t.Errorf("lost = %v, want %v", lost, stale.RunID)
	}
	for i, a := range all {
		want, entries := ordinaut.RunSucceeded, 5
		if i == 1 {
			want, entries = ordinaut.RunRunning, 2
		}
		if got := must(s.GetRun(t.Context(), a.NamespaceID, a.RunID))(t); got.State != want {
			t.Errorf("run %d is %s, want %s", i, got.State, want)
		}
		if got := must(s.ListProgress(t.Context(), a.NamespaceID, a.RunID, 0))(t); len(got) != entries {
			t.Errorf("run %d has %d entries, want %d", i, len(got), entries)
		}
	}
}

// When a batch fails in its last statement, nothing of its first ones stays.
func TestRecordIsOneTransaction(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	fill(t, s, 1)
	a := claimOne(t, s)
	if _, err := pool.Exec(t.Context(), `ALTER TABLE run ADD CHECK (state <> 'succeeded') NOT VALID`); err != nil {
		t.Fatal(err)
	}
	rec := ended(a)
	rec.Steps = []ordinaut.StepResult{step("say", 3)}
	rec.Outcome.Seq = 4
	_, err := s.Record(t.Context(), []ordinaut.Record{rec})
	codeIs(t, err, ordinaut.CodeInvalidArgument)
	if steps := must(s.ListSteps(t.Context(), a.NamespaceID, a.RunID))(t); len(steps) != 0 {
		t.Errorf("%d steps stayed", len(steps))
	}
	if got := must(s.GetRun(t.Context(), a.NamespaceID, a.RunID))(t); got.State != ordinaut.RunRunning {
		t.Errorf("run is %s, want running", got.State)
	}
}

// A recorded result never changes; a waiting one may, and two records of one run are taken in order.
func TestStepResultIsFinal(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	fill(t, s, 1)
	a := claimOne(t, s)
	waiting := step("say", 0)
	waiting.State, waiting.FinishedAt, waiting.Output = ordinaut.StepWaiting, nil, nil
	again := step("say", 9)
	again.Output = json.RawMessage(`"changed"`)
	record(t, s, ordinaut.Record{Lease: a.Lease, Steps: []ordinaut.StepResult{waiting}},
		ordinaut.Record{Lease: a.Lease, Steps: []ordinaut.StepResult{step("say", 3)}})
	record(t, s, ordinaut.Record{Lease: a.Lease, Steps: []ordinaut.StepResult{again}})
	steps := must(s.ListSteps(t.Context(), a.NamespaceID, a.RunID))(t)
	if len(steps) != 1 || steps[0].Seq != 3 || steps[0].State != ordinaut.StepSucceeded || string(steps[0].Output) != `{"ok": true}` {
		t.Errorf("steps = %+v", steps)
	}
}

// Whatever an action answers can be recorded, and does not keep others' records from it.
func TestRecordTakesHostileDocuments(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	hostile := map[string]string{
		"nul":       `{"a\u0000": "b\u0000c"}`,
		"surrogate": `"\ud800"`,
		"exponent":  `1e999999`,
		"digits":    "1" + strings.Repeat("0", 200000),
		"no utf-8":  "\"\xff\"",
		"no json":   `{`,
		"deep":      strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"fine":      `{"text": "caf\u00e9 1e99999", "n": 12345678901234567890.5}`,
	}
	fill(t, s, len(hostile))
	all := claimAll(t, s, len(hostile))
	var recs []ordinaut.Record
	names := slices.Sorted(maps.Keys(hostile))
	for i, name := range names {
		doc := hostile[name]
		rec := ended(all[i])
		st := step("say", 3)
		st.Output, st.Error = json.RawMessage(doc), "nul \x00 and \xff"
		rec.Steps, rec.Outcome.Output, rec.Outcome.Error, rec.Outcome.Seq = []ordinaut.StepResult{st}, json.RawMessage(doc), "\x00", 4
		recs = append(recs, rec)
	}
	record(t, s, recs...)
	for i, name := range names {
		doc := hostile[name]
		run := must(s.GetRun(t.Context(), all[0].NamespaceID, recs[i].Lease.RunID))(t)
		if run.State != ordinaut.RunSucceeded || !json.Valid(run.Output) {
			t.Errorf("%s: run %s, output %.80s", name, run.State, run.Output)
		}
		if name == "fine" {
			var want, got any
			if json.Unmarshal([]byte(doc), &want) != nil || json.Unmarshal(run.Output, &got) != nil || want.(map[string]any)["text"] != got.(map[string]any)["text"] {
				t.Errorf("a fine document was changed: %s", run.Output)
			}
		}
	}
}

// A run under which three workers die ends as failed(worker_crashed) and hurts nobody more.
func TestPoisonRunEnds(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task := storetest.Task(t, s, storetest.Spec("poison"))
	run := storetest.Run(t, s, task)
	for range 3 {
		claimDead(t, s)
		if n := must(s.RescueRuns(t.Context(), 10))(t); n != 1 {
			t.Fatalf("rescued %d, want 1", n)
		}
	}
	got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t)
	if got.State != ordinaut.RunFailed || got.Reason != ordinaut.ReasonWorkerCrashed || got.Attempt != 3 || got.Error == "" {
		t.Errorf("run = %+v", got)
	}
	if left := claimAll(t, s, 10); len(left) != 0 {
		t.Errorf("%d runs are still claimable", len(left))
	}
	progress := must(s.ListProgress(t.Context(), task.NamespaceID, run.ID, 0))(t)
	wantTypes(t, progress,
		ordinaut.ProgressQueued, ordinaut.ProgressStarted, ordinaut.ProgressRequeued, ordinaut.ProgressStarted,
		ordinaut.ProgressRequeued, ordinaut.ProgressStarted, ordinaut.ProgressFinished)
	storetest.Upheld(t, s, scheduler.NewAuditor("").Audit)
}

// Whatever attempts do, in whatever order they crash, wait, are given back or canceled: a run ends once,
// is in one place at a time, and its progress counts from 1 without a gap.
func TestRunMachine(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := storetest.Task(t, s, storetest.Spec("machine"))
	cancel := storetest.Call(t, s, "cancel_run")
	rapid.Check(t, func(r *rapid.T) {
		run := storetest.Run(t, s, task)
		over, steps := false, 0
		for range rapid.IntRange(1, 8).Draw(r, "attempts") {
			if over {
				break
			}
			ttl := time.Minute
			if crashes := rapid.Bool().Draw(r, "crashes"); crashes {
				ttl = -time.Second
			}
			held := must(s.ClaimRuns(t.Context(), "w", ttl, 1))(t)
			if len(held) != 1 || held[0].RunID != run.ID {
				r.Fatalf("claimed %v, want %s", held, run.ID)
			}
			a, seq := held[0], held[0].Seq
			for range rapid.IntRange(0, 3).Draw(r, "steps") {
				seq, steps = seq+2, steps+1
				record(t, s, ordinaut.Record{
					Lease:    a.Lease,
					Progress: []ordinaut.Progress{{Seq: seq - 1, Type: ordinaut.ProgressReport, At: time.Now()}},
					Steps:    []ordinaut.StepResult{step("s"+string(rune('0'+steps%10))+string(rune('0'+steps/10)), seq)},
				})
			}
			canceled := rapid.Bool().Draw(r, "canceled")
			if canceled {
				must(s.CancelRun(t.Context(), cancel, run.ID))(t)
			}
			if ttl < 0 {
				if n := must(s.RescueRuns(t.Context(), 10))(t); n != 1 {
					r.Fatalf("rescued %d", n)
				}
			} else {
				state := rapid.SampledFrom([]ordinaut.RunState{ordinaut.RunQueued, ordinaut.RunWaiting, ordinaut.RunSucceeded, ordinaut.RunFailed}).Draw(r, "outcome")
				record(t, s, ordinaut.Record{Lease: a.Lease, Outcome: &ordinaut.Outcome{State: state, Seq: seq + 1, Failed: true}})
				if state == ordinaut.RunWaiting && !canceled {
					if n, _, err := s.WakeRuns(t.Context(), 10); err != nil || n != 1 {
						r.Fatalf("woke %d, error %v", n, err)
					}
				}
			}
			got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t)
			over = got.State.Terminal()
			if canceled && !over {
				r.Fatalf("a canceled run is %s after its attempt", got.State)
			}
			checkRun(r, t, s, pool, got)
		}
		if !over {
			must(s.CancelRun(t.Context(), cancel, run.ID))(t)
		}
		got := must(s.GetRun(t.Context(), task.NamespaceID, run.ID))(t)
		checkRun(r, t, s, pool, got)
		if _, err := s.CancelRun(t.Context(), cancel, run.ID); ordinaut.CodeOf(err) != ordinaut.CodeConflict {
			r.Fatalf("cancel of an ended run: %v", err)
		}
	})
}

// checkRun checks that run is in exactly the place its state names and that its progress has no gap.
func checkRun(r *rapid.T, t *testing.T, s *store.Store, pool *pgxpool.Pool, run ordinaut.Run) {
	var places int
	const count = `SELECT (SELECT count(*) FROM queue WHERE run_id = $1) + (SELECT count(*) FROM lease WHERE run_id = $1)
    + (SELECT count(*) FROM wait WHERE run_id = $1)`
	if err := pool.QueryRow(t.Context(), count, run.ID).Scan(&places); err != nil {
		r.Fatal(err)
	}
	want := 1
	if run.State.Terminal() {
		want = 0
	}
	if places != want {
		r.Fatalf("a run that is %s has %d rows in queue, lease and wait, want %d", run.State, places, want)
	}
	all, err := s.ListProgress(t.Context(), run.NamespaceID, run.ID, 0)
	if err != nil {
		r.Fatal(err)
	}
	for i, p := range all {
		if p.Seq != int64(i+1) {
			r.Fatalf("entry %d of %s has seq %d: %+v", i+1, run.ID, p.Seq, all)
		}
	}
	if run.Seq != int64(len(all)) {
		r.Fatalf("run.seq = %d with %d entries", run.Seq, len(all))
	}
	if run.State.Terminal() && all[len(all)-1].Type != ordinaut.ProgressFinished {
		r.Fatalf("last entry of an ended run is %s", all[len(all)-1].Type)
	}
}
