-- What should happen: a task is the present state of a definition, task_version every definition it had.

CREATE TABLE task (
    namespace_id         uuid NOT NULL,
    id                   uuid NOT NULL,
    owner_id             uuid NOT NULL,
    version              integer NOT NULL CHECK (version >= 1),
    state                text NOT NULL CHECK (state IN ('active', 'paused', 'finished', 'deleted')),
    note                 text NOT NULL DEFAULT '',
    title                text NOT NULL,
    priority             smallint NOT NULL CHECK (priority BETWEEN 1 AND 9),
    schedule_kind        text NOT NULL,
    schedule_expr        text NOT NULL,
    timezone             text NOT NULL,
    starts_at            timestamptz,
    ends_at              timestamptz,
    overlap              text NOT NULL,
    catch_up             text NOT NULL,
    max_lateness_seconds integer NOT NULL DEFAULT 0 CHECK (max_lateness_seconds >= 0),
    -- next_at is the next nominal time. It stays while a task is paused, so that resuming knows what
    -- was passed over; due_at is when the scheduler must look, and NULL unless the task is active.
    next_at              timestamptz,
    due_at               timestamptz CHECK (due_at IS NULL OR state = 'active'),
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, id),
    FOREIGN KEY (namespace_id, owner_id) REFERENCES agent (namespace_id, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- Serves the tick: the cost of finding due tasks does not grow with the number of tasks.
CREATE INDEX task_due_idx ON task (due_at) WHERE due_at IS NOT NULL;

-- A version never changes, so workers may cache it.
CREATE TABLE task_version (
    namespace_id uuid NOT NULL,
    task_id      uuid NOT NULL,
    version      integer NOT NULL,
    spec         jsonb NOT NULL,
    created_by   uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, task_id, version)
);
