package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// An outcome that meets a renewal, or a cancellation, of its lease in mid-flight waits for it and then
// takes the lease along: no ended run keeps one, or it would be rescued and run again.
func TestOutcomesMeetConcurrentChangesOfTheirLease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		outcome ordinaut.Outcome
		want    ordinaut.RunState
	}{
		{"end", ordinaut.Outcome{State: ordinaut.RunSucceeded}, ordinaut.RunSucceeded},
		{"give back", ordinaut.Outcome{State: ordinaut.RunQueued}, ordinaut.RunQueued},
		{"sleep", ordinaut.Outcome{State: ordinaut.RunWaiting, Delay: time.Hour}, ordinaut.RunWaiting},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pool := storetest.Pool(t, storetest.DB(t))
			s := storetest.StoreOn(t, pool, store.Config{})
			task := storetest.Task(t, s, storetest.Spec("raced"))
			run := storetest.Run(t, s, task)
			a := claimOne(t, s)

			other, err := pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer other.Rollback(t.Context()) //nolint:errcheck // committed below
			if _, err := other.Exec(t.Context(), `UPDATE lease SET until = until + interval '1 minute'`); err != nil {
				t.Fatal(err)
			}
			recorded := make(chan error, 1)
			go func() {
				lost, err := s.Record(t.Context(), []ordinaut.Record{{Lease: a.Lease, Outcome: &c.outcome}})
				if len(lost) > 0 {
					t.Errorf("lost %v", lost)
				}
				recorded <- err
			}()
			awaitBlocked(t, pool.Config().ConnConfig)
			if err := other.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-recorded; err != nil {
				t.Fatal(err)
			}
			got, err := s.GetRun(t.Context(), task.NamespaceID, run.ID)
			if err != nil || got.State != c.want {
				t.Errorf("the run is %s (%v), want %s", got.State, err, c.want)
			}
			var places int
			const live = `SELECT (SELECT count(*) FROM lease) + (SELECT count(*) FROM queue) + (SELECT count(*) FROM wait)`
			if err := pool.QueryRow(t.Context(), live).Scan(&places); err != nil {
				t.Fatal(err)
			}
			want := 1
			if c.want.Terminal() {
				want = 0
			}
			if places != want {
				t.Errorf("the run has %d rows in queue, lease and wait, want %d", places, want)
			}
			storetest.Upheld(t, s, scheduler.NewAuditor("").Audit)
		})
	}
}

// A renewal that meets a cancellation of one of its leases renews all and tells of it.
func TestRenewalMeetsACancellation(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	task := storetest.Task(t, s, storetest.Spec("raced"))
	storetest.Run(t, s, task)
	a := claimOne(t, s)
	other, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback(t.Context()) //nolint:errcheck // committed below
	if _, err := other.Exec(t.Context(), `UPDATE lease SET canceled = true`); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		lost, canceled []ordinaut.RunID
		err            error
	}
	renewed := make(chan answer, 1)
	go func() {
		lost, canceled, err := s.RenewLeases(t.Context(), "w", time.Minute, []ordinaut.Lease{a.Lease})
		renewed <- answer{lost, canceled, err}
	}()
	awaitBlocked(t, pool.Config().ConnConfig)
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-renewed; got.err != nil || len(got.lost) != 0 || len(got.canceled) != 1 {
		t.Errorf("renewed: lost %v, canceled %v, %v", got.lost, got.canceled, got.err)
	}
}

// awaitBlocked returns when some session of the database waits for a lock.
func awaitBlocked(t *testing.T, cfg *pgx.ConnConfig) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), cfg.Copy())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for blocked := false; !blocked; {
		const waiting = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`
		if err := conn.QueryRow(t.Context(), waiting).Scan(&blocked); err != nil {
			t.Fatal(err)
		}
	}
}
