-- Facts and questions: events that were published, approvals that a person must give.

CREATE TABLE event (
    namespace_id uuid NOT NULL,
    id           uuid NOT NULL,
    topic        text NOT NULL,
    payload      jsonb,
    run_id       uuid,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, id)
) PARTITION BY RANGE (id);

CREATE TABLE approval (
    namespace_id uuid NOT NULL,
    id           uuid NOT NULL,
    run_id       uuid NOT NULL,
    step_id      text NOT NULL,
    message      text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz,
    decision     text CHECK (decision IN ('approved', 'denied', 'expired')),
    decided_by   uuid,
    decided_at   timestamptz,
    note         text NOT NULL DEFAULT '',
    PRIMARY KEY (namespace_id, id),
    UNIQUE (namespace_id, run_id, step_id)
);
