-- What happens. A run's row is written when it is made and once more when it ends; in between it has
-- exactly one row in exactly one of three narrow tables: queue (ready), lease (held by a worker),
-- wait (asleep). Claims and completions touch only those, so their cost does not depend on history.

CREATE TABLE run (
    namespace_id uuid NOT NULL,
    id           uuid NOT NULL,
    task_id      uuid NOT NULL,
    task_version integer NOT NULL,
    kind         text NOT NULL,
    -- state is queued until the end; where a live run stands is told by the table that holds it.
    state        text NOT NULL DEFAULT 'queued',
    reason       text NOT NULL DEFAULT '',
    error        text NOT NULL DEFAULT '',
    attempt      integer NOT NULL DEFAULT 0,
    nominal_at   timestamptz,
    due_at       timestamptz NOT NULL,
    queued_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_at   timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz,
    params       jsonb,
    output       jsonb,
    seq          bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (namespace_id, id)
) PARTITION BY RANGE (id);

-- Serves list_runs of one task, newest first. It does not begin with namespace_id: while a partition is
-- empty the planner could not tell it from the primary key then, and cached plans keep the mistake.
CREATE INDEX run_task_idx ON run (task_id, id);

-- rank_at is when the run became ready, moved ten seconds a step by its priority: one index gives the
-- order, and waiting long enough outranks any priority.
CREATE TABLE queue (
    namespace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    task_id      uuid NOT NULL,
    rank_at      timestamptz NOT NULL,
    started_at   timestamptz,
    seq          bigint NOT NULL DEFAULT 1,
    epoch        integer NOT NULL DEFAULT 0,
    priority     smallint NOT NULL,
    failures     smallint NOT NULL DEFAULT 0,
    crashes      smallint NOT NULL DEFAULT 0,
    exclusive    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (namespace_id, run_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_limit = 10000, autovacuum_vacuum_cost_delay = 0);

-- Serves the claim.
CREATE INDEX queue_rank_idx ON queue (rank_at, run_id);

CREATE TABLE lease (
    namespace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    task_id      uuid NOT NULL,
    until        timestamptz NOT NULL,
    claimed_at   timestamptz NOT NULL,
    started_at   timestamptz,
    seq          bigint NOT NULL,
    epoch        integer NOT NULL,
    priority     smallint NOT NULL,
    failures     smallint NOT NULL,
    crashes      smallint NOT NULL,
    exclusive    boolean NOT NULL,
    canceled     boolean NOT NULL DEFAULT false,
    worker       text NOT NULL,
    PRIMARY KEY (namespace_id, run_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_limit = 10000, autovacuum_vacuum_cost_delay = 0);

-- due_at is when the run goes on by itself; NULL when only something from outside wakes it.
CREATE TABLE wait (
    namespace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    task_id      uuid NOT NULL,
    due_at       timestamptz,
    started_at   timestamptz,
    seq          bigint NOT NULL,
    epoch        integer NOT NULL,
    priority     smallint NOT NULL,
    failures     smallint NOT NULL,
    crashes      smallint NOT NULL,
    exclusive    boolean NOT NULL,
    PRIMARY KEY (namespace_id, run_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_limit = 10000, autovacuum_vacuum_cost_delay = 0);

-- Serves the waking of sleepers.
CREATE INDEX wait_due_idx ON wait (due_at) WHERE due_at IS NOT NULL;

-- Serve the overlap policy: is a run of this task live? Runs of tasks that allow overlap pay nothing.
CREATE INDEX queue_exclusive_idx ON queue (task_id) WHERE exclusive;
CREATE INDEX lease_exclusive_idx ON lease (task_id) WHERE exclusive;
CREATE INDEX wait_exclusive_idx ON wait (task_id) WHERE exclusive;

CREATE TABLE step (
    namespace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    step_id      text NOT NULL,
    uses         text NOT NULL,
    state        text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    error        text NOT NULL DEFAULT '',
    tries        integer NOT NULL,
    epoch        integer NOT NULL,
    input        jsonb,
    output       jsonb,
    output_bytes integer NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    wakes_at     timestamptz,
    seq          bigint NOT NULL,
    PRIMARY KEY (namespace_id, run_id, step_id)
) PARTITION BY RANGE (run_id);

-- Entries that follow from run and step rows (queued, first start, step ends, the end) are not stored
-- again; those here and those together count from 1 without a gap.
CREATE TABLE progress (
    namespace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    seq          bigint NOT NULL,
    type         text NOT NULL,
    at           timestamptz NOT NULL,
    state        text NOT NULL DEFAULT '',
    step         text NOT NULL DEFAULT '',
    percent      double precision,
    message      text NOT NULL DEFAULT '',
    PRIMARY KEY (namespace_id, run_id, seq)
) PARTITION BY RANGE (run_id);
