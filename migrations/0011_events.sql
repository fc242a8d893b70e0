-- Events that start tasks. event_queue holds those that no scheduler has passed on yet: its row goes in
-- the transaction that writes what the event started, so each starts each matching task once.

ALTER TABLE event
    ADD COLUMN hops smallint NOT NULL DEFAULT 0,
    ADD COLUMN source text NOT NULL DEFAULT 'run' CHECK (source IN ('run', 'tool', 'hook', 'inbox', 'system'));

ALTER TABLE run ADD COLUMN event_id uuid;

-- Several events of one instant may each start a task; for occurrences of time, event_id is all zeros.
ALTER TABLE occurrence ADD COLUMN event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE occurrence DROP CONSTRAINT occurrence_pkey;
ALTER TABLE occurrence ADD CONSTRAINT occurrence_pkey PRIMARY KEY (namespace_id, task_id, nominal_at, kind, event_id);

CREATE TABLE event_queue (
    namespace_id uuid NOT NULL,
    event_id     uuid NOT NULL,
    PRIMARY KEY (namespace_id, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_limit = 10000, autovacuum_vacuum_cost_delay = 0);

-- Serves the dispatch, oldest first.
CREATE INDEX event_queue_order_idx ON event_queue (event_id);

-- Serves the dispatch: the tasks of a namespace that events may start. Paused ones learn what they miss.
CREATE INDEX task_event_idx ON task (namespace_id, id) WHERE schedule_kind = 'event' AND state IN ('active', 'paused');

-- Where an event came from, so that what is sent twice is stored once.
CREATE TABLE event_source (
    namespace_id uuid NOT NULL,
    source       text NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    event_id     uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, source, key)
);
CREATE INDEX event_source_created_idx ON event_source (created_at);

-- The values of dedupe_by that a task has seen.
CREATE TABLE event_dedupe (
    namespace_id uuid NOT NULL,
    task_id      uuid NOT NULL,
    key          bytea NOT NULL CHECK (length(key) = 32),
    event_id     uuid NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (namespace_id, task_id, key)
);
CREATE INDEX event_dedupe_expires_idx ON event_dedupe (expires_at);

-- Bursts of events that a task waits out.
CREATE TABLE debounce (
    namespace_id uuid NOT NULL,
    task_id      uuid NOT NULL,
    event_id     uuid NOT NULL,
    event_at     timestamptz NOT NULL,
    first_at     timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    PRIMARY KEY (namespace_id, task_id)
);
CREATE INDEX debounce_due_idx ON debounce (due_at);

-- Who could do everything can do so still.
UPDATE agent SET scopes = scopes || '{events:publish}'
WHERE scopes @> '{tasks:read,tasks:write,tasks:run,runs:read,runs:cancel,servers:read}' AND NOT scopes @> '{events:publish}';
