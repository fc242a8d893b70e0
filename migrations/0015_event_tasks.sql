-- Tasks that events may start are found by the first word of their pattern, so that passing an event on
-- costs what the tasks cost that it may concern, not what all of a namespace's do.

DROP INDEX task_event_idx;
CREATE INDEX task_event_idx ON task (namespace_id, split_part(schedule_expr, '.', 1))
    WHERE schedule_kind = 'event' AND state IN ('active', 'paused');
