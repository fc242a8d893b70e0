package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// Two claimers never hold the same run, and together they get each once.
func TestClaimersNeverShare(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	const runs, claimers = 600, 8
	fill(t, s, runs)
	var mu sync.Mutex
	holder := map[ordinaut.RunID]string{}
	var group sync.WaitGroup
	for i := range claimers {
		worker := fmt.Sprintf("w%d", i)
		group.Go(func() {
			for {
				all, err := s.ClaimRuns(t.Context(), worker, time.Minute, 1+i*3)
				if err != nil {
					t.Error(err)
					return
				}
				if len(all) == 0 {
					return
				}
				mu.Lock()
				for _, a := range all {
					if other, taken := holder[a.RunID]; taken {
						t.Errorf("%s was claimed by %s and by %s", a.RunID, other, worker)
					}
					holder[a.RunID] = worker
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(holder) != runs {
		t.Errorf("%d runs claimed, want %d", len(holder), runs)
	}
}

// More urgent runs go first, equal ones in the order in which they were queued, and having waited
// longer than the difference in priority is worth outranks it.
func TestClaimOrder(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	queue := func(priority int) ordinaut.RunID {
		spec := storetest.Spec(fmt.Sprintf("priority %d", priority))
		spec.Priority = priority
		return storetest.Run(t, s, storetest.Task(t, s, spec)).ID
	}
	old := queue(9)
	if _, err := pool.Exec(t.Context(), `UPDATE queue SET rank_at = rank_at - interval '2 minutes'`); err != nil {
		t.Fatal(err)
	}
	second, third, first := queue(5), queue(5), queue(1)
	var got []ordinaut.RunID
	for range 4 {
		all := claimAll(t, s, 1)
		got = append(got, all[0].RunID)
	}
	for i, want := range []ordinaut.RunID{old, first, second, third} {
		if got[i] != want {
			t.Errorf("claim %d = %s, want %s", i+1, got[i], want)
		}
	}
	if rest := claimAll(t, s, 10); len(rest) != 0 {
		t.Errorf("claimed %d more", len(rest))
	}
}

// A bulk insert starts in its own order.
func TestInsertRunsKeepsOrder(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	task := storetest.Task(t, s, storetest.Spec("bulk"))
	wanted := make([]store.NewRun, 50)
	for i := range wanted {
		wanted[i].TaskID = task.ID
	}
	ids := must(s.InsertRuns(t.Context(), storetest.Call(t, s, "bench"), wanted))(t)
	for i, a := range claimAll(t, s, 100) {
		if a.RunID != ids[i] {
			t.Fatalf("claim %d = %s, want %s", i, a.RunID, ids[i])
		}
	}
	wanted[7].TaskID = ordinaut.NewTaskID()
	_, err := s.InsertRuns(t.Context(), storetest.Call(t, s, "bench"), wanted)
	codeIs(t, err, ordinaut.CodeNotFound)
	if left := claimAll(t, s, 100); len(left) != 0 {
		t.Errorf("a refused insert left %d runs", len(left))
	}
}

// Renewing extends the current leases of the worker, tells those that are lost and those that were
// canceled, and touches nobody else's.
func TestRenewLeases(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	fill(t, s, 4)
	held := claimAll(t, s, 3)
	others := must(s.ClaimRuns(t.Context(), "other", -time.Second, 1))(t)
	if _, err := s.CancelRun(t.Context(), storetest.Call(t, s, "cancel_run"), held[1].RunID); err != nil {
		t.Fatal(err)
	}
	record(t, s, ended(held[2]))
	lost, canceled, err := s.RenewLeases(t.Context(), "w", time.Hour, []ordinaut.Lease{held[0].Lease, held[1].Lease, held[2].Lease, others[0].Lease})
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) != 2 || lost[0] != held[2].RunID || lost[1] != others[0].RunID {
		t.Errorf("lost = %v, want the ended one and the other worker's", lost)
	}
	if len(canceled) != 1 || canceled[0] != held[1].RunID {
		t.Errorf("canceled = %v, want %v", canceled, held[1].RunID)
	}
	if n := must(s.RescueRuns(t.Context(), 10))(t); n != 1 {
		t.Errorf("rescued %d, want the other worker's expired one only", n)
	}
}
