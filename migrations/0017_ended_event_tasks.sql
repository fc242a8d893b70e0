-- Event tasks have no next time at which a tick could find that they have ended: they are found by their end.

CREATE INDEX task_event_end_idx ON task (ends_at) WHERE schedule_kind = 'event' AND state = 'active' AND ends_at IS NOT NULL;
