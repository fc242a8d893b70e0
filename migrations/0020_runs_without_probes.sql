-- Probes outnumber the runs that a person asks for by thousands, so what looks for those must not walk past
-- them. A run is in one of the first two indexes, which together cost what the one for all runs did.

DROP INDEX run_task_idx;

-- Serves list_runs of one task, newest first, explain_task, and the counting of failures.
CREATE INDEX run_task_idx ON run (task_id, id) WHERE kind <> 'probe';

-- Serves list_runs of the probes of one task.
CREATE INDEX run_probe_idx ON run (task_id, id) WHERE kind = 'probe';

-- Serves list_runs of a namespace. Ids rise, so a row is added at the end.
CREATE INDEX run_shown_idx ON run (namespace_id, id) WHERE kind <> 'probe';
