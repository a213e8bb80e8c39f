-- Old weeks can be compressed where TimescaleDB's licence allows it, and sizes count what is.
CREATE FUNCTION compress_week(week integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    held regclass;
BEGIN
    IF NOT EXISTS (SELECT FROM reading_storage WHERE kind = 'hypertable')
        OR current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale'
    THEN
        RETURN NULL;
    END IF;
    SELECT format('%I.%I', chunk_schema, chunk_name) INTO held FROM timescaledb_information.chunks
    WHERE
        hypertable_schema = 'public' AND hypertable_name = 'reading' AND NOT is_compressed
        AND range_start_integer = week * 604800000::bigint AND range_end_integer = (week + 1) * 604800000::bigint;
    IF held IS NULL THEN
        RETURN false;
    END IF;
    IF NOT (
        SELECT compression_enabled FROM timescaledb_information.hypertables
        WHERE hypertable_schema = 'public' AND hypertable_name = 'reading'
    ) THEN
        ALTER TABLE reading SET (
            timescaledb.compress, timescaledb.compress_segmentby = 'stream_id',
            timescaledb.compress_orderby = 'ingest_id, ordinal'
        );
    END IF;
    PERFORM compress_chunk(held);
    RETURN true;
END
$$;

CREATE FUNCTION reading_sizes() RETURNS TABLE (tables bigint, rows bigint, bytes bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT count(*), coalesce(sum(greatest(reltuples, 0)), 0), coalesce(sum(pg_total_relation_size(inhrelid)), 0)
    INTO tables, rows, bytes
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'reading'::regclass;
    IF EXISTS (SELECT FROM reading_storage WHERE kind = 'hypertable') THEN
        rows := approximate_row_count('reading');
        bytes := hypertable_size('reading');
    END IF;
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION compress_week, reading_sizes FROM PUBLIC;
