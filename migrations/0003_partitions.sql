-- History lives in weekly partitions, dropped whole when they are old. Ids are UUIDv7, whose first 48
-- bits are milliseconds: a range of ids is a range of time, so a lookup by id alone finds its partition.

CREATE FUNCTION uuid_at(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- ensure_partition makes the partition of parent for the ISO week that holds at, unless it exists.
-- by_id says whether parent is partitioned by a UUIDv7 or by a timestamptz.
CREATE FUNCTION ensure_partition(parent text, by_id boolean, options text, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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
END $$;
