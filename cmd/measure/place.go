// Package measure holds the procedures that show what Ordinaut's engine does in a second and what it
// costs: the real store and the real executor, with their default settings, over a real Postgres.
//
// Everything happens in a schema of its own, which is dropped at the end. So a measurement can be made
// on a database that is in use: no run of the owner is ever seen by the workers here, no worker of
// the owner takes a run from here, and no dead row is left in the owner's tables.
package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

const (
	schemaPrefix = "ordinaut_bench_"
	// cleanTimeout bounds what is done at the end, which happens even if the measurement was cut off.
	cleanTimeout = time.Minute
)

// Place is a schema with a task in it, ready for measurements. It must be closed.
type Place struct {
	schema string
	owner  *pgxpool.Pool
	pool   *pgxpool.Pool
	log    *slog.Logger
	meter  *Meter
}

// Open makes a schema in owner's database and brings it to this binary's version. The role of owner
// must be allowed to make schemas. Log may be nil.
func Open(ctx context.Context, owner *pgxpool.Pool, log *slog.Logger) (*Place, error) {
	p := &Place{
		schema: schemaPrefix + strconv.FormatInt(time.Now().UnixNano(), 36),
		owner:  owner,
		log:    cmp.Or(log, slog.New(slog.DiscardHandler)),
	}
	if _, err := owner.Exec(ctx, `CREATE SCHEMA `+p.schema); err != nil {
		return nil, fmt.Errorf("make schema %s: %w", p.schema, err)
	}
	if err := p.connect(ctx); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

func (p *Place) connect(ctx context.Context) error {
	cfg := p.owner.Config()
	cfg.ConnConfig.RuntimeParams["search_path"] = p.schema
	cfg.ConnConfig.RuntimeParams["application_name"] = "ordinaut bench"
	var err error
	if p.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return fmt.Errorf("connect to schema %s: %w", p.schema, err)
	}
	if err := store.Migrate(ctx, p.pool, p.log); err != nil {
		return err
	}
	p.meter, err = NewMeter(ctx, p.pool)
	return err
}

// Close drops the schema and all that is in it, even when ctx has ended.
func (p *Place) Close(ctx context.Context) error {
	if p.pool != nil {
		p.pool.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	if _, err := p.owner.Exec(ctx, `DROP SCHEMA `+p.schema+` CASCADE`); err != nil {
		return fmt.Errorf("drop schema %s: %w", p.schema, err)
	}
	return nil
}

// Clear empties the tables that grow with runs, so that each round starts from the same state.
func (p *Place) Clear(ctx context.Context) error {
	_, err := p.pool.Exec(ctx, `TRUNCATE queue, lease, wait, run, step, progress, event, audit, idempotency, occurrence`)
	return err
}

// Queued tells how many runs wait or are held in the database of pool, whose schema may be missing: a
// busy database is not a good place to measure.
func Queued(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	var exists bool
	if err := pool.QueryRow(ctx, `SELECT to_regclass('queue') IS NOT NULL AND to_regclass('lease') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	var count int
	err := pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM queue) + (SELECT count(*) FROM lease)`).Scan(&count)
	return count, err
}

// Leftovers names the schemas that measurements before left behind when they were killed. Those of
// measurements that go on now are among them.
func Leftovers(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(ctx, `SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname, $1) ORDER BY nspname`, schemaPrefix)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// task makes the task whose runs are measured. Its one step does no outside work.
func (p *Place) task(ctx context.Context, s *store.Store) (ordinaut.Call, ordinaut.TaskID, error) {
	agent, err := s.LocalAgent(ctx, "bench")
	if err != nil {
		return ordinaut.Call{}, ordinaut.TaskID{}, err
	}
	call := ordinaut.Call{Agent: agent, Tool: "bench", Source: "bench", Digest: make([]byte, 32)}
	task, err := s.CreateTask(ctx, call, ordinaut.TaskSpec{
		Title: "bench",
		Schedule: ordinaut.Schedule{
			Kind: ordinaut.ScheduleManual, Timezone: "UTC", Overlap: ordinaut.OverlapAllow, CatchUp: ordinaut.CatchUpLatest,
		},
		Pipeline:       []ordinaut.Step{{ID: "say", Uses: "data.transform", With: map[string]any{"input": map[string]any{"n": 7}, "expression": "n"}}},
		Priority:       5,
		TimeoutSeconds: 900,
	}, nil)
	return call, task.ID, err
}
