-- Schedules as they were shown, so that what is made is what was seen. Forgotten after a day.

CREATE TABLE preview (
    namespace_id uuid NOT NULL,
    id           uuid NOT NULL,
    agent_id     uuid NOT NULL,
    schedule     jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, id)
);
CREATE INDEX preview_created_idx ON preview (created_at);

-- Small facts of the installation, such as the release of the time zone rules by which times were computed.
CREATE TABLE fact (
    name  text PRIMARY KEY,
    value text NOT NULL
);
