-- What is known of watched conditions. A probe is a run; what it found is a verdict, which waits until a
-- scheduler has made of it what the condition's state says.

CREATE TABLE condition (
    namespace_id   uuid NOT NULL,
    task_id        uuid NOT NULL,
    task_version   integer NOT NULL,
    met            boolean NOT NULL DEFAULT false,
    met_since      timestamptz CHECK ((met_since IS NOT NULL) = met),
    -- fired: this stretch of being met has had its start; suppressed: a cooldown holds it back.
    fired          boolean NOT NULL DEFAULT false,
    suppressed     boolean NOT NULL DEFAULT false,
    cooldown_until timestamptz,
    cursor         jsonb,
    probed_at      timestamptz,
    value          jsonb,
    error          text NOT NULL DEFAULT '',
    PRIMARY KEY (namespace_id, task_id)
);

CREATE TABLE verdict (
    namespace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    task_id      uuid NOT NULL,
    task_version integer NOT NULL,
    -- met is NULL when the probe failed; error says why.
    met          boolean,
    value        jsonb,
    cursor       jsonb,
    error        text NOT NULL DEFAULT '',
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, run_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_limit = 10000, autovacuum_vacuum_cost_delay = 0);

-- Serves the judging, oldest probe first.
CREATE INDEX verdict_order_idx ON verdict (run_id);

-- Serves the ledger of one watched task without the probes that started, of which there are many.
CREATE INDEX occurrence_watch_idx ON occurrence (namespace_id, task_id, nominal_at)
    WHERE kind = 'condition' OR kind = 'probe' AND fate <> 'started';
