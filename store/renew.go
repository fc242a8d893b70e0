package store

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// renewLeases extends leases: $1 worker, $2 their length from now, $3 namespaces, $4 runs, $5 epochs,
// sorted by run so that no two statements lock them in opposite order. until is not indexed, so this
// is a HOT update.
const renewLeases = `UPDATE lease SET until = clock_timestamp() + $2
FROM unnest($3::uuid[], $4::uuid[], $5::int[]) AS held (namespace_id, run_id, epoch)
WHERE lease.namespace_id = held.namespace_id AND lease.run_id = held.run_id AND lease.epoch = held.epoch
    AND lease.worker = $1
RETURNING lease.run_id, lease.canceled`

// RenewLeases extends the leases that worker still holds to ttl from now, in one statement. Those it
// holds no longer are returned as lost: their attempts must stop at once. canceled are among the
// renewed ones, and their attempts should end as canceled.
func (s *Store) RenewLeases(ctx context.Context, worker string, ttl time.Duration, held []ordinaut.Lease) (lost, canceled []ordinaut.RunID, err error) {
	if len(held) == 0 {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	sorted := slices.Clone(held)
	slices.SortFunc(sorted, func(a, b ordinaut.Lease) int { return bytes.Compare(a.RunID[:], b.RunID[:]) })
	namespaces, runs, epochs := make([][16]byte, len(sorted)), make([][16]byte, len(sorted)), make([]int32, len(sorted))
	for i, l := range sorted {
		namespaces[i], runs[i], epochs[i] = l.NamespaceID, l.RunID, int32(l.Epoch)
	}
	rows, err := s.pool.Query(ctx, renewLeases, worker, ttl, namespaces, runs, epochs)
	if err != nil {
		return nil, nil, translate(err)
	}
	renewed := make(map[ordinaut.RunID]bool, len(held))
	var id [16]byte
	var stop bool
	_, err = pgx.ForEachRow(rows, []any{&id, &stop}, func() error {
		renewed[id] = true
		if stop {
			canceled = append(canceled, id)
		}
		return nil
	})
	if err != nil {
		return nil, nil, translate(err)
	}
	for _, l := range held {
		if !renewed[l.RunID] {
			lost = append(lost, l.RunID)
		}
	}
	return lost, canceled, nil
}
