-- Weeks are made and let go of by functions of the owner, so that the process that keeps the store needs no more rights;
-- readings are summed up by the hour.
CREATE TABLE reading_hour (
    stream_id integer NOT NULL,
    quantity_id integer NOT NULL,
    hour_ms bigint NOT NULL,
    count bigint NOT NULL,
    sum numeric NOT NULL,
    minimum numeric NOT NULL,
    maximum numeric NOT NULL,
    PRIMARY KEY (stream_id, quantity_id, hour_ms)
);

CREATE TABLE reading_hour_checkpoint (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch integer NOT NULL,
    leaf_index bigint NOT NULL
);

CREATE TABLE reading_hour_again (
    stream_id integer NOT NULL,
    first_hour_ms bigint NOT NULL,
    last_hour_ms bigint NOT NULL
);

CREATE TABLE reading_week_dropped (
    week integer PRIMARY KEY,
    dropped_at_ms bigint NOT NULL,
    rows bigint NOT NULL
);

CREATE FUNCTION make_partitions(first_week integer, after_week integer) RETURNS SETOF integer
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    week_ms constant bigint := 604800000;
    missing integer[] := ARRAY(
        SELECT week FROM generate_series(first_week, after_week - 1) AS week
        WHERE to_regclass('public.reading_' || week) IS NULL ORDER BY week
    );
    made integer;
BEGIN
    IF missing = '{}' THEN
        RETURN;
    END IF;
    LOCK TABLE reading IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE reading DETACH PARTITION reading_default;
    FOREACH made IN ARRAY missing LOOP
        EXECUTE format(
            'CREATE TABLE public.reading_%s PARTITION OF reading FOR VALUES FROM (%s) TO (%s)',
            made, made * week_ms, (made + 1) * week_ms
        );
        RETURN NEXT made;
    END LOOP;
    WITH gone AS (
        DELETE FROM reading_default
        WHERE
            observed_at_ms >= missing[1] * week_ms AND observed_at_ms < after_week * week_ms
            AND (observed_at_ms / week_ms)::integer = ANY (missing)
        RETURNING *
    )
    INSERT INTO reading SELECT * FROM gone;
    ALTER TABLE reading ATTACH PARTITION reading_default DEFAULT;
END
$$;

CREATE FUNCTION make_chunks(first_week integer, after_week integer) RETURNS SETOF integer
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    week_ms constant bigint := 604800000;
    all_time_ms constant bigint := 9007199254740992;
    late_ms constant bigint := (
        SELECT range_start_integer FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'public' AND hypertable_name = 'reading' AND range_end_integer = all_time_ms
    );
    edges bigint[] := ARRAY[(after_week - 1) * week_ms];
    extremes bigint[] := ARRAY[all_time_ms - 1];
BEGIN
    IF late_ms >= after_week * week_ms THEN
        RETURN;
    END IF;
    LOCK TABLE reading IN ACCESS EXCLUSIVE MODE;
    IF late_ms IS NULL THEN
        edges := edges || (first_week * week_ms);
        extremes := extremes || 0::bigint;
    ELSE
        CREATE TABLE public.reading_moved AS SELECT * FROM reading WHERE observed_at_ms >= late_ms;
        PERFORM drop_chunks('reading', newer_than => late_ms);
    END IF;
    PERFORM set_chunk_time_interval('reading', week_ms);
    INSERT INTO reading (stream_id, observed_at_ms, ingest_id, ordinal, quantity_id, value, scale)
    SELECT 0, at_ms, 0, 0, 0, 0, 0 FROM unnest(edges) AS marked (at_ms);
    PERFORM set_chunk_time_interval('reading', all_time_ms);
    INSERT INTO reading (stream_id, observed_at_ms, ingest_id, ordinal, quantity_id, value, scale)
    SELECT 0, at_ms, 0, 0, 0, 0, 0 FROM unnest(extremes) AS marked (at_ms);
    PERFORM set_chunk_time_interval('reading', week_ms);
    DELETE FROM reading WHERE ingest_id = 0;
    IF late_ms IS NOT NULL THEN
        INSERT INTO reading SELECT * FROM reading_moved;
        DROP TABLE reading_moved;
    END IF;
    RETURN QUERY SELECT generate_series(coalesce((late_ms / week_ms)::integer, first_week), after_week - 1);
END
$$;

CREATE FUNCTION make_weeks(first_week integer, after_week integer) RETURNS SETOF integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT kind FROM reading_storage) = 'hypertable' THEN
        RETURN QUERY SELECT make_chunks(first_week, after_week);
    ELSE
        RETURN QUERY SELECT make_partitions(first_week, after_week);
    END IF;
END
$$;

CREATE FUNCTION read_up_to(reader text) RETURNS TABLE (epoch integer, leaf_index bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT epoch, leaf_index FROM reading_hour_checkpoint WHERE reader = 'rollups'
    UNION ALL SELECT 1, 0 WHERE reader = 'rollups' AND NOT EXISTS (SELECT FROM reading_hour_checkpoint)
    UNION ALL SELECT epoch, leaf_index FROM plausibility_checkpoint WHERE reader = 'flags'
$$;

CREATE FUNCTION is_unread(reader text, before_ms bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM read_up_to(reader) AS place
        JOIN log_leaf AS leaf ON (leaf.epoch, leaf.leaf_index) >= (place.epoch, place.leaf_index)
        JOIN message USING (ingest_id)
        WHERE stream_id IS NOT NULL AND coalesce(first_observed_at_ms, 0) < before_ms
    ) OR EXISTS (
        SELECT FROM read_up_to(reader) AS place
        CROSS JOIN log_waiting AS run
        JOIN message ON message.ingest_id BETWEEN run.first_ingest_id AND run.last_ingest_id
        WHERE stream_id IS NOT NULL AND coalesce(first_observed_at_ms, 0) < before_ms
    )
$$;

CREATE FUNCTION week_needed_by(week integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN week > extract(epoch FROM now()) * 1000 / 604800000 - 5 THEN 'the present'
        WHEN EXISTS (SELECT FROM shipment WHERE status = 'open' AND created_at_ms < ended.at_ms) THEN 'an open shipment'
        WHEN EXISTS (
            SELECT FROM shipment
            JOIN attachment USING (gsin)
            JOIN stream ON (stream.device_id, stream.name) = (attachment.device_id, attachment.stream)
            CROSS JOIN LATERAL (
                SELECT first_observed_at_ms FROM message
                WHERE
                    message.stream_id = stream.stream_id
                    AND (boot, sequence) > (attachment.start_boot, attachment.start_sequence)
                ORDER BY boot, sequence LIMIT 1
            ) AS held
            WHERE shipment.status = 'open' AND held.first_observed_at_ms < ended.at_ms
        ) THEN 'an open shipment'
        WHEN is_unread('rollups', ended.at_ms) THEN 'the rollups'
        WHEN is_unread('flags', ended.at_ms) THEN 'the flags'
    END
    FROM (SELECT (week + 1) * 604800000::bigint AS at_ms) AS ended
$$;

CREATE FUNCTION drop_week(week integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    begin_ms constant bigint := week * 604800000::bigint;
    end_ms constant bigint := begin_ms + 604800000;
    is_hypertable constant boolean := (SELECT kind = 'hypertable' FROM reading_storage);
    held regclass;
    gone bigint;
BEGIN
    IF is_hypertable THEN
        SELECT format('%I.%I', chunk_schema, chunk_name) INTO held FROM timescaledb_information.chunks
        WHERE
            hypertable_schema = 'public' AND hypertable_name = 'reading'
            AND range_start_integer = begin_ms AND range_end_integer = end_ms;
    ELSE
        held := to_regclass('public.reading_' || week);
    END IF;
    IF held IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE MODE', held);  -- nothing late comes in while it is looked at and counted
    IF week_needed_by(week) IS NOT NULL THEN
        RAISE EXCEPTION 'readings of week % are needed by %', week, week_needed_by(week) USING ERRCODE = 'object_in_use';
    END IF;
    SELECT count(*) INTO gone FROM reading WHERE observed_at_ms >= begin_ms AND observed_at_ms < end_ms;
    IF is_hypertable THEN
        PERFORM drop_chunks('reading', older_than => end_ms, newer_than => begin_ms);
    ELSE
        EXECUTE format('DROP TABLE %s', held);
    END IF;
    INSERT INTO reading_week_dropped AS earlier VALUES (week, (extract(epoch FROM now()) * 1000)::bigint, gone)
    ON CONFLICT ON CONSTRAINT reading_week_dropped_pkey
    DO UPDATE SET dropped_at_ms = EXCLUDED.dropped_at_ms, rows = earlier.rows + EXCLUDED.rows;
    RETURN gone;
END
$$;

CREATE FUNCTION drop_late_readings() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    IF to_regclass('public.reading_default') IS NULL THEN
        RETURN 0;  -- a chunk of its own takes what comes late, and goes as a week does
    END IF;
    WITH late AS (
        DELETE FROM reading_default AS reading
        WHERE
            EXISTS (SELECT FROM reading_week_dropped WHERE week = reading.observed_at_ms / 604800000)
            AND EXISTS (
                SELECT FROM log_leaf AS leaf
                WHERE
                    leaf.ingest_id = reading.ingest_id
                    AND (leaf.epoch, leaf.leaf_index) < ALL (SELECT epoch, leaf_index FROM read_up_to('rollups'))
                    AND (leaf.epoch, leaf.leaf_index) < ALL (SELECT epoch, leaf_index FROM read_up_to('flags'))
            )
        RETURNING observed_at_ms / 604800000 AS week
    ), counted AS (
        SELECT week, count(*) AS rows FROM late GROUP BY week
    ), noted AS (
        UPDATE reading_week_dropped AS dropped SET rows = dropped.rows + counted.rows
        FROM counted WHERE counted.week = dropped.week
    )
    SELECT coalesce(sum(rows), 0) INTO gone FROM counted;
    RETURN gone;
END
$$;

CREATE FUNCTION forget_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first_ms constant bigint := coalesce(OLD.first_observed_at_ms, 0);
    last_ms constant bigint := coalesce(OLD.last_observed_at_ms, 9007199254740991);
BEGIN
    DELETE FROM reading_hour WHERE stream_id = OLD.stream_id AND hour_ms BETWEEN first_ms - 3599999 AND last_ms;
    INSERT INTO reading_hour_again VALUES (OLD.stream_id, first_ms - first_ms % 3600000, last_ms - last_ms % 3600000);
    RETURN NULL;
END
$$;
CREATE TRIGGER message_erased AFTER UPDATE OF payload ON message FOR EACH ROW
WHEN (OLD.payload IS NOT NULL AND NEW.payload IS NULL AND OLD.stream_id IS NOT NULL) EXECUTE FUNCTION forget_hours();

REVOKE ALL ON FUNCTION
    make_partitions, make_chunks, make_weeks, read_up_to, is_unread, week_needed_by, drop_week, drop_late_readings,
    forget_hours
FROM PUBLIC;
