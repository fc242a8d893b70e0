package measure_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut/cmd/measure"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

func open(t *testing.T) (*measure.Place, *pgxpool.Pool) {
	t.Helper()
	owner := storetest.Pool(t, storetest.DB(t))
	place, err := measure.Open(t.Context(), owner, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := place.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return place, owner
}

// left is what a measurement leaves in its schema.
type left struct {
	Runs, Succeeded, Steps, Queue, Lease int
}

func look(t *testing.T, owner *pgxpool.Pool) left {
	t.Helper()
	schemas, err := measure.Leftovers(t.Context(), owner)
	if err != nil || len(schemas) != 1 {
		t.Fatalf("schemas of measurements = %q, error %v; want one", schemas, err)
	}
	var l left
	s := schemas[0]
	err = owner.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM `+s+`.run), (SELECT count(*) FROM `+s+`.run WHERE state = 'succeeded'),
(SELECT count(*) FROM `+s+`.step), (SELECT count(*) FROM `+s+`.queue), (SELECT count(*) FROM `+s+`.lease)`).
		Scan(&l.Runs, &l.Succeeded, &l.Steps, &l.Queue, &l.Lease)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Each procedure does the whole of what it says it measured.
func TestProceduresDoWhatTheyMeasure(t *testing.T) {
	t.Parallel()
	const n = 200
	for name, tc := range map[string]struct {
		measure func(*measure.Place, context.Context, int) (measure.Result, error)
		want    left
	}{
		"insert": {(*measure.Place).Insert, left{Runs: n, Queue: n}},
		"drain":  {(*measure.Place).Drain, left{Runs: n, Succeeded: n}},
		"flow":   {(*measure.Place).Flow, left{Runs: n, Succeeded: n}},
		"steps":  {(*measure.Place).Steps, left{Runs: n, Succeeded: n, Steps: n}},
		"held":   {(*measure.Place).Held, left{Runs: n, Succeeded: n}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place, owner := open(t)
			r, err := tc.measure(place, t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			if r.Name != name || r.Runs != n || r.Seconds <= 0 || r.PerSecond <= 0 || r.WALBytes <= 0 {
				t.Errorf("result = %+v, want the name, %d runs and figures above zero", r, n)
			}
			if diff := cmp.Diff(tc.want, look(t, owner)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if err := place.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(left{}, look(t, owner)); diff != "" {
				t.Errorf("rows after Clear (-want +got):\n%s", diff)
			}
		})
	}
}

// Every run of a pickup is started once, told by this process or by another.
func TestPickupStartsEveryRun(t *testing.T) {
	t.Parallel()
	for name, measured := range map[string]func(*measure.Place, context.Context, int) (measure.Result, error){
		"pickup": (*measure.Place).Pickup, "pickup across": (*measure.Place).PickupAcross,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place, owner := open(t)
			r, err := measured(place, t.Context(), 5)
			if err != nil {
				t.Fatal(err)
			}
			if r.Name != name || r.Runs != 5 || r.P50 <= 0 || r.P99 < r.P50 {
				t.Errorf("result = %+v, want 5 runs of %q with delays", r, name)
			}
			if got := look(t, owner); got.Runs < 5 || got.Queue != 0 {
				t.Errorf("rows = %+v, want all runs out of the queue", got)
			}
		})
	}
}

// Close leaves nothing in the owner's database, and the owner's queue was never touched.
func TestPlaceLeavesTheOwnersDatabaseAlone(t *testing.T) {
	t.Parallel()
	owner := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, owner, store.Config{})
	storetest.Run(t, s, storetest.Task(t, s, storetest.Spec("mine")))
	place, err := measure.Open(t.Context(), owner, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := place.Drain(t.Context(), 50); err != nil {
		t.Error(err)
	}
	if err := place.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if schemas, err := measure.Leftovers(t.Context(), owner); err != nil || len(schemas) > 0 {
		t.Errorf("schemas left = %q, error %v; want none", schemas, err)
	}
	if queued, err := measure.Queued(t.Context(), owner); err != nil || queued != 1 {
		t.Errorf("the owner's queued runs = %d, error %v; want 1", queued, err)
	}
}

// Every task of a burst and of a steady pace becomes a run, and those beside a burst are timed.
func TestScheduleStartsEveryTask(t *testing.T) {
	t.Parallel()
	for name, measured := range map[string]func(*measure.Place, context.Context, int) (measure.Result, error){
		"burst": (*measure.Place).Burst, "steady": (*measure.Place).Steady,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place, owner := open(t)
			r, err := measured(place, t.Context(), 200)
			if err != nil {
				t.Fatal(err)
			}
			if r.Name != name || r.Runs != 200 || r.P99 < r.P50 || r.PerSecond <= 0 {
				t.Errorf("result = %+v, want 200 runs of %q with delays", r, name)
			}
			if got := look(t, owner); got.Runs < 200 {
				t.Errorf("rows = %+v, want a run for each task", got)
			}
		})
	}
}
