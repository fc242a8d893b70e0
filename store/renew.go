package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// renewLeases extends leases of a worker: $1 worker, $2 their length from now, $3 namespaces, each once,
// $4 runs. Naming the keys as lists and not as a table to join lets the planner choose no order of
// joining. until is not indexed, so this is a HOT update. Served by lease_pkey.
const renewLeases = `UPDATE lease SET until = clock_timestamp() + $2
WHERE namespace_id = ANY ($3) AND run_id = ANY ($4) AND worker = $1
RETURNING run_id, epoch, canceled`

// RenewLeases extends the leases that worker still holds to ttl from now, in one statement. Those it
// holds no longer are returned as lost: their attempts must stop at once. canceled are among the
// renewed ones, and their attempts should end as canceled.
func (s *Store) RenewLeases(ctx context.Context, worker string, ttl time.Duration, held []ordinaut.Lease) (lost, canceled []ordinaut.RunID, err error) {
	if len(held) == 0 {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	namespaces, runs := keysOf(held)
	rows, err := s.pool.Query(ctx, renewLeases, worker, ttl, namespaces, runs)
	if err != nil {
		return nil, nil, translate(err)
	}
	renewed := make(map[ordinaut.RunID]int, len(held))
	var id [16]byte
	var epoch int
	var stop bool
	_, err = pgx.ForEachRow(rows, []any{&id, &epoch, &stop}, func() error {
		renewed[id] = epoch
		if stop {
			canceled = append(canceled, id)
		}
		return nil
	})
	if err != nil {
		return nil, nil, translate(err)
	}
	for _, l := range held {
		// A later attempt of the run may be the same worker's; this one is lost all the same.
		if renewed[l.RunID] != l.Epoch {
			lost = append(lost, l.RunID)
		}
	}
	return lost, canceled, nil
}

// keysOf returns the namespaces of leases, each once, and their runs.
func keysOf(held []ordinaut.Lease) (namespaces, runs [][16]byte) {
	runs = make([][16]byte, len(held))
	for i, l := range held {
		runs[i] = l.RunID
		if !slices.Contains(namespaces, [16]byte(l.NamespaceID)) {
			namespaces = append(namespaces, l.NamespaceID)
		}
	}
	return namespaces, runs
}
