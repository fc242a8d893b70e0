-- What a schedule may say beyond its times: jitter, a number of runs, calendars, quiet hours, other ways
-- to overlap and to catch up; snoozes, pauses that end by themselves, tasks that fail too often.

ALTER TABLE agent ADD COLUMN quiet jsonb;

ALTER TABLE task
    ADD COLUMN max_catch_up integer NOT NULL DEFAULT 0,
    ADD COLUMN jitter_seconds integer NOT NULL DEFAULT 0,
    ADD COLUMN max_runs integer NOT NULL DEFAULT 0,
    -- rules holds what most tasks do without; NULL costs nothing.
    ADD COLUMN rules jsonb,
    ADD COLUMN runs_started integer NOT NULL DEFAULT 0,
    ADD COLUMN pause_after_failures smallint NOT NULL DEFAULT 0,
    -- failures_since: runs made before it do not count as failures in a row.
    ADD COLUMN failures_since timestamptz,
    ADD COLUMN snoozed_at timestamptz,
    ADD COLUMN snoozed_until timestamptz,
    ADD COLUMN paused_reason text NOT NULL DEFAULT '',
    DROP CONSTRAINT task_check,
    -- due_at is when a scheduler must look: also at a paused task, when its pause ends by itself.
    ADD CONSTRAINT task_due_check CHECK (due_at IS NULL OR state IN ('active', 'paused')),
    ADD CONSTRAINT task_snooze_check CHECK ((snoozed_at IS NULL) = (snoozed_until IS NULL));

CREATE TABLE calendar (
    namespace_id uuid NOT NULL,
    name         text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    version      integer NOT NULL,
    entries      jsonb NOT NULL,
    updated_by   uuid NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, name)
);

-- Serves the change of a calendar: which tasks observe one?
CREATE INDEX task_calendar_idx ON task USING gin ((rules -> 'calendars')) WHERE rules -> 'calendars' IS NOT NULL;

-- A buffered run waits until no other run of its task is live.
ALTER TABLE wait ADD COLUMN buffered boolean NOT NULL DEFAULT false;
CREATE INDEX wait_buffered_idx ON wait (task_id, run_id) WHERE buffered;
