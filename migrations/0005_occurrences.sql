-- The ledger: every nominal time of every schedule and its fate. The primary key is the promise that
-- a tick happens once, however many schedulers there are.

CREATE TABLE occurrence (
    namespace_id uuid NOT NULL,
    task_id      uuid NOT NULL,
    nominal_at   timestamptz NOT NULL,
    kind         text NOT NULL,
    last_at      timestamptz NOT NULL,
    count        integer NOT NULL DEFAULT 1 CHECK (count >= 1),
    fate         text NOT NULL CHECK (fate IN ('started', 'skipped', 'missed', 'coalesced')),
    reason       text NOT NULL DEFAULT '' CHECK (fate = 'started' OR reason <> ''),
    run_id       uuid CHECK ((run_id IS NOT NULL) = (fate = 'started')),
    decided_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, task_id, nominal_at, kind)
) PARTITION BY RANGE (nominal_at);
