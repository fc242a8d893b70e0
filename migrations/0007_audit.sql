-- The record of who did what, written in the transaction that did it, and the memory that makes a
-- repeated call harmless.

CREATE TABLE audit (
    namespace_id uuid NOT NULL,
    id           uuid NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text NOT NULL,
    on_behalf_of uuid,
    action       text NOT NULL,
    object       text NOT NULL DEFAULT '',
    outcome      text NOT NULL DEFAULT 'ok',
    request_id   text NOT NULL DEFAULT '',
    source       text NOT NULL DEFAULT '',
    digest       bytea,
    detail       jsonb,
    PRIMARY KEY (namespace_id, id)
) PARTITION BY RANGE (id);

CREATE TABLE idempotency (
    namespace_id uuid NOT NULL,
    agent_id     uuid NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    tool         text NOT NULL,
    digest       bytea NOT NULL,
    object_id    uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, agent_id, key)
);

-- Serves the forgetting of keys after a day.
CREATE INDEX idempotency_created_idx ON idempotency (created_at);
