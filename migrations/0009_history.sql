-- Opens the weeks around now. ensure_history is called at every start and once an hour; four weeks
-- ahead leave room for clocks that are wrong and for a scheduler that is off. Rows of other weeks (a
-- clock gone mad) go to a default partition and are not lost.

-- Pages of run are filled to 45 %, measured: a batch of ends fills whole pages, and at 70 % two thirds of
-- them found no room on their own page and had to touch the indexes.

CREATE FUNCTION ensure_history(at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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
END $$;

CREATE TABLE run_default PARTITION OF run DEFAULT;
CREATE TABLE step_default PARTITION OF step DEFAULT;
CREATE TABLE progress_default PARTITION OF progress DEFAULT;
CREATE TABLE event_default PARTITION OF event DEFAULT;
CREATE TABLE audit_default PARTITION OF audit DEFAULT;
CREATE TABLE occurrence_default PARTITION OF occurrence DEFAULT;
