-- A change of a calendar, or of an agent's quiet hours, makes the tasks that follow it due, so that a scheduler
-- computes their times anew. When they are many it does so page by page; what is still to be done is here,
-- so that whoever dies on the way leaves nothing undone.

CREATE TABLE waking (
    namespace_id uuid NOT NULL,
    -- Whose tasks: those that observe the calendar or, when that is '', those that the agent owns.
    calendar     text NOT NULL,
    agent_id     uuid NOT NULL,
    -- Tasks up to this one are done.
    after_id     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    touched_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace_id, calendar, agent_id)
);
