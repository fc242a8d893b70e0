package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// BenchmarkClaimRecord drains queued runs: a claim and the recording of no-op outcomes, by batch.
func BenchmarkClaimRecord(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := storetest.Store(b)
			fill(b, s, b.N)
			b.ResetTimer()
			for done := 0; done < b.N; {
				done += drain(b, s, min(size, b.N-done), false)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
		})
	}
}

// BenchmarkClaimRecordStep is the same with one step recorded in each run, together with its outcome.
func BenchmarkClaimRecordStep(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := storetest.Store(b)
			fill(b, s, b.N)
			b.ResetTimer()
			for done := 0; done < b.N; {
				done += drain(b, s, min(size, b.N-done), true)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
		})
	}
}

// BenchmarkInsertRuns queues runs in bulk.
func BenchmarkInsertRuns(b *testing.B) {
	s := storetest.Store(b)
	b.ResetTimer()
	fill(b, s, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}

// fill queues n runs of one task.
func fill(b testing.TB, s *store.Store, n int) {
	b.Helper()
	task := storetest.Task(b, s, storetest.Spec("bench"))
	call := storetest.Call(b, s, "bench")
	for n > 0 {
		batch := make([]store.NewRun, min(n, 1000))
		for i := range batch {
			batch[i].TaskID = task.ID
		}
		if _, err := s.InsertRuns(b.Context(), call, batch); err != nil {
			b.Fatal(err)
		}
		n -= len(batch)
	}
}

// drain claims up to size runs, ends them and returns how many they were.
func drain(b testing.TB, s *store.Store, size int, withStep bool) int {
	b.Helper()
	attempts, err := s.ClaimRuns(b.Context(), "w", 30*time.Second, size)
	if err != nil || len(attempts) == 0 {
		b.Fatalf("claimed %d runs, error %v", len(attempts), err)
	}
	recs := make([]ordinaut.Record, len(attempts))
	for i, a := range attempts {
		recs[i] = ended(a)
		if withStep {
			recs[i].Steps = []ordinaut.StepResult{step("say", a.Seq+1)}
			recs[i].Outcome.Seq++
		}
	}
	record(b, s, recs...)
	return len(attempts)
}

// BenchmarkTick starts due tasks, a run each, in batches of a thousand.
func BenchmarkTick(b *testing.B) {
	pool := storetest.Pool(b, storetest.DB(b))
	s := storetest.StoreOn(b, pool, store.Config{})
	task := storetest.Task(b, s, storetest.Spec("bench"))
	const clone = `INSERT INTO task (namespace_id, id, owner_id, version, state, title, priority, schedule_kind, schedule_expr,
    timezone, overlap, catch_up, next_at, due_at)
SELECT namespace_id, gen_random_uuid(), owner_id, version, 'active', title, priority, 'interval', 'P1D', timezone, 'skip', catch_up,
    now() - interval '1 second', now() - interval '1 second'
FROM task CROSS JOIN generate_series(1, $2::int) WHERE id = $1`
	if _, err := pool.Exec(b.Context(), clone, [16]byte(task.ID), b.N); err != nil {
		b.Fatal(err)
	}
	next := time.Now().Add(time.Hour)
	b.ResetTimer()
	for runs := 0; runs < b.N; {
		result, err := s.Tick(b.Context(), 1000, func(_ time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
			all := make([]ordinaut.Decision, len(due))
			for i, d := range due {
				all[i] = ordinaut.Decision{TaskID: d.TaskID, NextAt: &next, DueAt: &next, Occurrences: []ordinaut.Occurrence{{
					NominalAt: *d.NextAt, LastAt: *d.NextAt, Count: 1, Fate: ordinaut.FateStarted,
				}}}
			}
			return all
		})
		if err != nil || result.Due == 0 {
			b.Fatalf("%d of %d tasks became runs, then %+v, error %v", runs, b.N, result, err)
		}
		runs += result.Runs
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}
