-- name: storage
-- How readings are stored, and why.
SELECT kind, reason, chosen_at FROM reading_storage

-- name: put_storage
-- Record how readings are stored, once.
INSERT INTO reading_storage (kind, reason) VALUES (%(kind)s, %(reason)s) ON CONFLICT DO NOTHING

-- name: choose
-- What the migration shall make of the readings' table.
SELECT set_config('wayproof.readings', %(kind)s, true)

-- name: timescaledb
-- The extension as it is: whether it is here already, could be made, and is loaded by the server. What the server
-- loads only few logins may read; a setting of what is loaded everyone may.
SELECT
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS installed,
    (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS available,
    current_setting('timescaledb.disable_load', true) IS NOT NULL AS is_loaded,
    current_setting('timescaledb.license', true) AS licence

-- name: oldest_received
-- When the oldest message came.
SELECT received_at_ms FROM message ORDER BY ingest_id LIMIT 1

-- name: partitions
-- The weeks that have a partition.
SELECT substr(relname, 9)::integer AS week
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'reading'::regclass AND relname ~ '^reading_[0-9]+$'
ORDER BY week

-- name: chunks
-- The weeks that have a chunk.
SELECT (range_start_integer / %(week_ms)s)::integer AS week
FROM timescaledb_information.chunks
WHERE
    hypertable_schema = current_schema AND hypertable_name = 'reading'
    AND range_end_integer - range_start_integer = %(week_ms)s
ORDER BY week

-- name: latest_chunk
-- Where the chunk of all later times begins.
SELECT range_start_integer AS start_ms
FROM timescaledb_information.chunks
WHERE
    hypertable_schema = current_schema AND hypertable_name = 'reading'
    AND range_end_integer = %(all_time_ms)s::bigint

-- name: move_late
-- Put aside what lies in the chunk of all later times.
INSERT INTO pg_temp.moved SELECT * FROM reading WHERE observed_at_ms >= %(start_ms)s::bigint

-- name: drop_late
-- Remove the chunk of all later times.
SELECT drop_chunks('reading', newer_than => %(start_ms)s::bigint)

-- name: drop_chunk
-- Remove one week's chunk.
SELECT drop_chunks('reading', older_than => %(end_ms)s::bigint, newer_than => %(start_ms)s::bigint)

-- name: set_interval
-- From now on new chunks are as long as this.
SELECT set_chunk_time_interval('reading', %(interval_ms)s::bigint)

-- name: touch
-- Rows that make chunks; no message has number 0.
INSERT INTO reading (stream_id, observed_at_ms, ingest_id, ordinal, quantity_id, value, scale)
SELECT 0, at_ms, 0, 0, 0, 0, 0 FROM unnest(%(times_ms)s::bigint[]) AS marked (at_ms)

-- name: sizes
-- The tables that readings lie in, with an estimate of their rows and their size on disk.
SELECT
    count(*) AS tables, coalesce(sum(greatest(reltuples, 0)), 0)::bigint AS rows,
    coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint AS bytes
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'reading'::regclass

-- name: is_left
-- Whether there is a table of readings beside the hypertable.
SELECT to_regclass('reading_default') IS NOT NULL AS is_left
