package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut"
)

// Unmet returns the ledger's rows of what a task has had due by now, the database's time, and that has met no
// fate, when the schedule goes. None of them starts a run. Nil leaves such times without rows.
type Unmet func(now time.Time, t ordinaut.DueTask) []ordinaut.Occurrence

// writeUnmet writes the rows that unmet gives of a task that the caller holds locked, before anything of it
// changes, and returns how many they are.
func writeUnmet(ctx context.Context, tx pgx.Tx, ns ordinaut.NamespaceID, id ordinaut.TaskID, unmet Unmet) (int, error) {
	if unmet == nil {
		return 0, nil
	}
	task, now, err := seeTask(ctx, tx, ns, id)
	if err != nil {
		return 0, err
	}
	var rows []ledgerRow
	for _, o := range unmet(now, task) {
		if o.Fate == ordinaut.FateStarted {
			return 0, fmt.Errorf("unmet: %s was to start at %s", id, o.NominalAt)
		}
		rows = append(rows, ledgerRow{ns: ns, task: id, Occurrence: o})
	}
	_, err = writeLedger(ctx, tx, rows)
	return len(rows), err
}
