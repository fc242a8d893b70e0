-- The schema as the migrations leave it; weekly partitions left out. Do not edit: go test ./migrations -update

CREATE OR REPLACE FUNCTION public.ensure_history(at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    weeks integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ordinaut.ensure_history'));
    FOR weeks IN -1..4 LOOP
        PERFORM ensure_partition('run', true, 'WITH (fillfactor = 45)', at + weeks * interval '7 days');
        PERFORM ensure_partition('step', true, 'WITH (fillfactor = 90)', at + weeks * interval '7 days');
        PERFORM ensure_partition('progress', true, '', at + weeks * interval '7 days');
        PERFORM ensure_partition('event', true, '', at + weeks * interval '7 days');
        PERFORM ensure_partition('audit', true, '', at + weeks * interval '7 days');
        PERFORM ensure_partition('occurrence', false, '', at + weeks * interval '7 days');
    END LOOP;
END $function$
;

CREATE OR REPLACE FUNCTION public.ensure_partition(parent text, by_id boolean, options text, at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    first timestamptz := date_trunc('week', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    past  timestamptz := (date_trunc('week', at AT TIME ZONE 'UTC') + interval '7 days') AT TIME ZONE 'UTC';
    child text := parent || '_' || to_char(first AT TIME ZONE 'UTC', 'YYYYMMDD');
BEGIN
    IF to_regclass(child) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L) %s', child, parent,
        CASE WHEN by_id THEN uuid_at(first)::text ELSE first::text END,
        CASE WHEN by_id THEN uuid_at(past)::text ELSE past::text END, options);
END $function$
;

CREATE OR REPLACE FUNCTION public.uuid_at(at timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((lpad(to_hex(((EXTRACT(epoch FROM at) * (1000)::numeric))::bigint), 12, '0'::text) || repeat('0'::text, 20)))::uuid
;

CREATE TABLE action (
    namespace_id uuid NOT NULL,
    server_id uuid NOT NULL,
    name text NOT NULL,
    title text NOT NULL DEFAULT ''::text,
    description text NOT NULL DEFAULT ''::text,
    input_schema jsonb,
    output_schema jsonb,
    read_only boolean NOT NULL,
    idempotent boolean NOT NULL,
    destructive boolean NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT action_pkey PRIMARY KEY (namespace_id, name),
    CONSTRAINT action_namespace_id_server_id_fkey FOREIGN KEY (namespace_id, server_id) REFERENCES server(namespace_id, id) ON DELETE CASCADE
);

CREATE TABLE agent (
    namespace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    quiet jsonb,
    CONSTRAINT agent_namespace_id_name_key UNIQUE (namespace_id, name),
    CONSTRAINT agent_pkey PRIMARY KEY (namespace_id, id),
    CONSTRAINT agent_namespace_id_fkey FOREIGN KEY (namespace_id) REFERENCES namespace(id),
    CONSTRAINT agent_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100)))
);

CREATE TABLE api_key (
    namespace_id uuid NOT NULL,
    key_id text NOT NULL,
    agent_id uuid NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT api_key_pkey PRIMARY KEY (namespace_id, key_id),
    CONSTRAINT api_key_namespace_id_agent_id_fkey FOREIGN KEY (namespace_id, agent_id) REFERENCES agent(namespace_id, id),
    CONSTRAINT api_key_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT api_key_key_id_check CHECK (((length(key_id) >= 8) AND (length(key_id) <= 40)))
);
CREATE INDEX api_key_lookup_idx ON public.api_key USING btree (key_id);

CREATE TABLE approval (
    namespace_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    step_id text NOT NULL,
    message text NOT NULL,
    requested_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamp with time zone NOT NULL,
    decision text,
    decided_by uuid,
    decided_at timestamp with time zone,
    note text NOT NULL DEFAULT ''::text,
    task_id uuid NOT NULL,
    input jsonb,
    editable boolean NOT NULL DEFAULT false,
    on_timeout text NOT NULL DEFAULT 'deny'::text,
    edited jsonb,
    CONSTRAINT approval_namespace_id_run_id_step_id_key UNIQUE (namespace_id, run_id, step_id),
    CONSTRAINT approval_pkey PRIMARY KEY (namespace_id, id),
    CONSTRAINT approval_decision_check CHECK ((decision = ANY (ARRAY['approved'::text, 'denied'::text, 'expired'::text, 'closed'::text]))),
    CONSTRAINT approval_on_timeout_check CHECK ((on_timeout = ANY (ARRAY['deny'::text, 'approve'::text, 'fail'::text])))
);
CREATE INDEX approval_open_idx ON public.approval USING btree (namespace_id, id) WHERE (decision IS NULL);

CREATE TABLE audit (
    namespace_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    on_behalf_of uuid,
    action text NOT NULL,
    object text NOT NULL DEFAULT ''::text,
    outcome text NOT NULL DEFAULT 'ok'::text,
    request_id text NOT NULL DEFAULT ''::text,
    source text NOT NULL DEFAULT ''::text,
    digest bytea,
    detail jsonb,
    CONSTRAINT audit_pkey PRIMARY KEY (namespace_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX audit_task_idx ON ONLY public.audit USING btree (object, id) WHERE starts_with(object, 'task_'::text);

CREATE TABLE calendar (
    namespace_id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    entries jsonb NOT NULL,
    updated_by uuid NOT NULL,
    updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT calendar_pkey PRIMARY KEY (namespace_id, name),
    CONSTRAINT calendar_name_check CHECK ((name ~ '^[a-z][a-z0-9_-]{0,62}$'::text))
);

CREATE TABLE condition (
    namespace_id uuid NOT NULL,
    task_id uuid NOT NULL,
    task_version integer NOT NULL,
    met boolean NOT NULL DEFAULT false,
    met_since timestamp with time zone,
    fired boolean NOT NULL DEFAULT false,
    suppressed boolean NOT NULL DEFAULT false,
    cooldown_until timestamp with time zone,
    cursor jsonb,
    probed_at timestamp with time zone,
    value jsonb,
    error text NOT NULL DEFAULT ''::text,
    CONSTRAINT condition_pkey PRIMARY KEY (namespace_id, task_id),
    CONSTRAINT condition_check CHECK (((met_since IS NOT NULL) = met))
);

CREATE TABLE debounce (
    namespace_id uuid NOT NULL,
    task_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_at timestamp with time zone NOT NULL,
    first_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    CONSTRAINT debounce_pkey PRIMARY KEY (namespace_id, task_id)
);
CREATE INDEX debounce_due_idx ON public.debounce USING btree (due_at);

CREATE TABLE event (
    namespace_id uuid NOT NULL,
    id uuid NOT NULL,
    topic text NOT NULL,
    payload jsonb,
    run_id uuid,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    hops smallint NOT NULL DEFAULT 0,
    source text NOT NULL DEFAULT 'run'::text,
    CONSTRAINT event_pkey PRIMARY KEY (namespace_id, id),
    CONSTRAINT event_source_check CHECK ((source = ANY (ARRAY['run'::text, 'tool'::text, 'hook'::text, 'inbox'::text, 'system'::text])))
) PARTITION BY RANGE (id);

CREATE TABLE event_dedupe (
    namespace_id uuid NOT NULL,
    task_id uuid NOT NULL,
    key bytea NOT NULL,
    event_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT event_dedupe_pkey PRIMARY KEY (namespace_id, task_id, key),
    CONSTRAINT event_dedupe_key_check CHECK ((length(key) = 32))
);
CREATE INDEX event_dedupe_expires_idx ON public.event_dedupe USING btree (expires_at);

CREATE TABLE event_queue (
    namespace_id uuid NOT NULL,
    event_id uuid NOT NULL,
    CONSTRAINT event_queue_pkey PRIMARY KEY (namespace_id, event_id)
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, autovacuum_vacuum_cost_limit=10000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX event_queue_order_idx ON public.event_queue USING btree (event_id);

CREATE TABLE event_source (
    namespace_id uuid NOT NULL,
    source text NOT NULL,
    key text NOT NULL,
    event_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT event_source_pkey PRIMARY KEY (namespace_id, source, key),
    CONSTRAINT event_source_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200)))
);
CREATE INDEX event_source_created_idx ON public.event_source USING btree (created_at);

CREATE TABLE fact (
    name text NOT NULL,
    value text NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT fact_pkey PRIMARY KEY (name)
);

CREATE TABLE idempotency (
    namespace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    key text NOT NULL,
    tool text NOT NULL,
    digest bytea NOT NULL,
    object_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    result jsonb,
    CONSTRAINT idempotency_pkey PRIMARY KEY (namespace_id, agent_id, key),
    CONSTRAINT idempotency_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200)))
);
CREATE INDEX idempotency_created_idx ON public.idempotency USING btree (created_at);

CREATE TABLE lease (
    namespace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    task_id uuid NOT NULL,
    until timestamp with time zone NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    seq bigint NOT NULL,
    epoch integer NOT NULL,
    priority smallint NOT NULL,
    failures smallint NOT NULL,
    crashes smallint NOT NULL,
    exclusive boolean NOT NULL,
    canceled boolean NOT NULL DEFAULT false,
    worker text NOT NULL,
    superseded boolean NOT NULL DEFAULT false,
    CONSTRAINT lease_pkey PRIMARY KEY (namespace_id, run_id)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, autovacuum_vacuum_cost_limit=10000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lease_exclusive_idx ON public.lease USING btree (task_id) WHERE exclusive;

CREATE TABLE namespace (
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT namespace_name_key UNIQUE (name),
    CONSTRAINT namespace_pkey PRIMARY KEY (id),
    CONSTRAINT namespace_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text))
);

CREATE TABLE occurrence (
    namespace_id uuid NOT NULL,
    task_id uuid NOT NULL,
    nominal_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    last_at timestamp with time zone NOT NULL,
    count integer NOT NULL DEFAULT 1,
    fate text NOT NULL,
    reason text NOT NULL DEFAULT ''::text,
    run_id uuid,
    decided_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'::uuid,
    CONSTRAINT occurrence_pkey PRIMARY KEY (namespace_id, task_id, nominal_at, kind, event_id),
    CONSTRAINT occurrence_check CHECK (((fate = 'started'::text) OR (reason <> ''::text))),
    CONSTRAINT occurrence_check1 CHECK (((run_id IS NOT NULL) = (fate = 'started'::text))),
    CONSTRAINT occurrence_count_check CHECK ((count >= 1)),
    CONSTRAINT occurrence_fate_check CHECK ((fate = ANY (ARRAY['started'::text, 'skipped'::text, 'missed'::text, 'coalesced'::text])))
) PARTITION BY RANGE (nominal_at);
CREATE INDEX occurrence_watch_idx ON ONLY public.occurrence USING btree (namespace_id, task_id, nominal_at) WHERE ((kind = 'condition'::text) OR ((kind = 'probe'::text) AND (fate <> 'started'::text)));

CREATE TABLE preview (
    namespace_id uuid NOT NULL,
    id uuid NOT NULL,
    agent_id uuid NOT NULL,
    schedule jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT preview_pkey PRIMARY KEY (namespace_id, id)
);
CREATE INDEX preview_created_idx ON public.preview USING btree (created_at);

CREATE TABLE progress (
    namespace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    at timestamp with time zone NOT NULL,
    state text NOT NULL DEFAULT ''::text,
    step text NOT NULL DEFAULT ''::text,
    percent double precision,
    message text NOT NULL DEFAULT ''::text,
    CONSTRAINT progress_pkey PRIMARY KEY (namespace_id, run_id, seq)
) PARTITION BY RANGE (run_id);

CREATE TABLE queue (
    namespace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    task_id uuid NOT NULL,
    rank_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    seq bigint NOT NULL DEFAULT 1,
    epoch integer NOT NULL DEFAULT 0,
    priority smallint NOT NULL,
    failures smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    exclusive boolean NOT NULL DEFAULT false,
    CONSTRAINT queue_pkey PRIMARY KEY (namespace_id, run_id)
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, autovacuum_vacuum_cost_limit=10000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX queue_exclusive_idx ON public.queue USING btree (task_id) WHERE exclusive;
CREATE INDEX queue_rank_idx ON public.queue USING btree (rank_at, run_id);

CREATE TABLE run (
    namespace_id uuid NOT NULL,
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    task_version integer NOT NULL,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'queued'::text,
    reason text NOT NULL DEFAULT ''::text,
    error text NOT NULL DEFAULT ''::text,
    attempt integer NOT NULL DEFAULT 0,
    nominal_at timestamp with time zone,
    due_at timestamp with time zone NOT NULL,
    queued_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    claimed_at timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    params jsonb,
    output jsonb,
    seq bigint NOT NULL DEFAULT 1,
    event_id uuid,
    retry_of uuid,
    CONSTRAINT run_pkey PRIMARY KEY (namespace_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX run_probe_idx ON ONLY public.run USING btree (task_id, id) WHERE (kind = 'probe'::text);
CREATE INDEX run_shown_idx ON ONLY public.run USING btree (namespace_id, id) WHERE (kind <> 'probe'::text);
CREATE INDEX run_task_idx ON ONLY public.run USING btree (task_id, id) WHERE (kind <> 'probe'::text);

CREATE TABLE schema_migration (
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
);

CREATE TABLE server (
    namespace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    transport text NOT NULL,
    state text NOT NULL,
    error text NOT NULL DEFAULT ''::text,
    seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT server_namespace_id_name_key UNIQUE (namespace_id, name),
    CONSTRAINT server_pkey PRIMARY KEY (namespace_id, id),
    CONSTRAINT server_name_check CHECK ((name ~ '^[a-z][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT server_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'unavailable'::text]))),
    CONSTRAINT server_transport_check CHECK ((transport = ANY (ARRAY['stdio'::text, 'http'::text])))
);

CREATE TABLE step (
    namespace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    step_id text NOT NULL,
    uses text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL DEFAULT ''::text,
    error text NOT NULL DEFAULT ''::text,
    tries integer NOT NULL,
    epoch integer NOT NULL,
    input jsonb,
    output jsonb,
    output_bytes integer NOT NULL DEFAULT 0,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    wakes_at timestamp with time zone,
    seq bigint NOT NULL,
    CONSTRAINT step_pkey PRIMARY KEY (namespace_id, run_id, step_id)
) PARTITION BY RANGE (run_id);

CREATE TABLE task (
    namespace_id uuid NOT NULL,
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    version integer NOT NULL,
    state text NOT NULL,
    note text NOT NULL DEFAULT ''::text,
    title text NOT NULL,
    priority smallint NOT NULL,
    schedule_kind text NOT NULL,
    schedule_expr text NOT NULL,
    timezone text NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    overlap text NOT NULL,
    catch_up text NOT NULL,
    max_lateness_seconds integer NOT NULL DEFAULT 0,
    next_at timestamp with time zone,
    due_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    max_catch_up integer NOT NULL DEFAULT 0,
    jitter_seconds integer NOT NULL DEFAULT 0,
    max_runs integer NOT NULL DEFAULT 0,
    rules jsonb,
    runs_started integer NOT NULL DEFAULT 0,
    pause_after_failures smallint NOT NULL DEFAULT 0,
    failures_since timestamp with time zone,
    snoozed_at timestamp with time zone,
    snoozed_until timestamp with time zone,
    paused_reason text NOT NULL DEFAULT ''::text,
    CONSTRAINT task_pkey PRIMARY KEY (namespace_id, id),
    CONSTRAINT task_namespace_id_owner_id_fkey FOREIGN KEY (namespace_id, owner_id) REFERENCES agent(namespace_id, id),
    CONSTRAINT task_due_check CHECK (((due_at IS NULL) OR (state = ANY (ARRAY['active'::text, 'paused'::text])))),
    CONSTRAINT task_max_lateness_seconds_check CHECK ((max_lateness_seconds >= 0)),
    CONSTRAINT task_priority_check CHECK (((priority >= 1) AND (priority <= 9))),
    CONSTRAINT task_snooze_check CHECK (((snoozed_at IS NULL) = (snoozed_until IS NULL))),
    CONSTRAINT task_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'finished'::text, 'deleted'::text]))),
    CONSTRAINT task_version_check CHECK ((version >= 1))
) WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX task_calendar_idx ON public.task USING gin (((rules -> 'calendars'::text))) WHERE ((rules -> 'calendars'::text) IS NOT NULL);
CREATE INDEX task_due_idx ON public.task USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX task_event_end_idx ON public.task USING btree (ends_at) WHERE ((schedule_kind = 'event'::text) AND (state = 'active'::text) AND (ends_at IS NOT NULL));
CREATE INDEX task_event_idx ON public.task USING btree (namespace_id, split_part(schedule_expr, '.'::text, 1)) WHERE ((schedule_kind = 'event'::text) AND (state = ANY (ARRAY['active'::text, 'paused'::text])));

CREATE TABLE task_version (
    namespace_id uuid NOT NULL,
    task_id uuid NOT NULL,
    version integer NOT NULL,
    spec jsonb NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    first_at timestamp with time zone,
    CONSTRAINT task_version_pkey PRIMARY KEY (namespace_id, task_id, version)
);

CREATE TABLE verdict (
    namespace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    task_id uuid NOT NULL,
    task_version integer NOT NULL,
    met boolean,
    value jsonb,
    cursor jsonb,
    error text NOT NULL DEFAULT ''::text,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT verdict_pkey PRIMARY KEY (namespace_id, run_id)
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, autovacuum_vacuum_cost_limit=10000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX verdict_order_idx ON public.verdict USING btree (run_id);

CREATE TABLE wait (
    namespace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    task_id uuid NOT NULL,
    due_at timestamp with time zone,
    started_at timestamp with time zone,
    seq bigint NOT NULL,
    epoch integer NOT NULL,
    priority smallint NOT NULL,
    failures smallint NOT NULL,
    crashes smallint NOT NULL,
    exclusive boolean NOT NULL,
    buffered boolean NOT NULL DEFAULT false,
    CONSTRAINT wait_pkey PRIMARY KEY (namespace_id, run_id)
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, autovacuum_vacuum_cost_limit=10000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX wait_buffered_idx ON public.wait USING btree (task_id, run_id) WHERE buffered;
CREATE INDEX wait_due_idx ON public.wait USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX wait_exclusive_idx ON public.wait USING btree (task_id) WHERE exclusive;

CREATE TABLE waking (
    namespace_id uuid NOT NULL,
    calendar text NOT NULL,
    agent_id uuid NOT NULL,
    after_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'::uuid,
    touched_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT waking_pkey PRIMARY KEY (namespace_id, calendar, agent_id)
);
