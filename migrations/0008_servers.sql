-- What steps can use: downstream servers as configured, and their tools as last seen. Kept here so
-- that a process without workers can list and check actions too.

CREATE TABLE server (
    namespace_id uuid NOT NULL,
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    transport    text NOT NULL CHECK (transport IN ('stdio', 'http')),
    state        text NOT NULL CHECK (state IN ('ready', 'unavailable')),
    error        text NOT NULL DEFAULT '',
    seen_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, id),
    UNIQUE (namespace_id, name)
);

CREATE TABLE action (
    namespace_id  uuid NOT NULL,
    server_id     uuid NOT NULL,
    name          text NOT NULL,
    title         text NOT NULL DEFAULT '',
    description   text NOT NULL DEFAULT '',
    input_schema  jsonb,
    output_schema jsonb,
    read_only     boolean NOT NULL,
    idempotent    boolean NOT NULL,
    destructive   boolean NOT NULL,
    digest        bytea NOT NULL,
    PRIMARY KEY (namespace_id, name),
    FOREIGN KEY (namespace_id, server_id) REFERENCES server (namespace_id, id) ON DELETE CASCADE
);
