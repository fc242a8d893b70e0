-- What is known of watched conditions. A probe is a run; what it found is a verdict, which waits until a
-- scheduler has made of it what the condition's state says.

CREATE TABLE condition (
    namespace_id   uuid NOT NULL,
    task_id        uuid NOT NULL,
    task_version   integer NOT NULL,
    met            boolean NOT NULL DEFAULT false,
    met_since      timestamptz,
    -- fired: this stretch of being met has started its run.
    fired          boolean NOT NULL DEFAULT false,
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
    at           timestamptz NOT NULL,
    PRIMARY KEY (namespace_id, run_id)
);
CREATE INDEX verdict_order_idx ON verdict (run_id);
