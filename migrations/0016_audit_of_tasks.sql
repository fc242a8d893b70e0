-- Serves explain_task: who paused, changed or snoozed a task? Ticks and runs have other objects and pay nothing.
CREATE INDEX audit_task_idx ON audit (object, id) WHERE starts_with(object, 'task_');
