-- Who calls: namespaces isolate tenants, agents are principals, keys are how they prove it.
-- namespace_id leads every unique key, so that no lookup can cross tenants by accident.

CREATE TABLE namespace (
    id         uuid PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE agent (
    namespace_id uuid NOT NULL REFERENCES namespace (id),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, id),
    UNIQUE (namespace_id, name)
);

-- hash is the SHA-256 of the whole key; the key itself is shown once and kept nowhere.
CREATE TABLE api_key (
    namespace_id uuid NOT NULL,
    key_id       text NOT NULL CHECK (length(key_id) BETWEEN 8 AND 40),
    agent_id     uuid NOT NULL,
    hash         bytea NOT NULL CHECK (length(hash) = 32),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    PRIMARY KEY (namespace_id, key_id),
    FOREIGN KEY (namespace_id, agent_id) REFERENCES agent (namespace_id, id)
);

-- A caller presents a key id before its namespace is known; key ids are random, hence not unique here.
CREATE INDEX api_key_lookup_idx ON api_key (key_id);
