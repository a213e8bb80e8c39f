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

-- name: make_weeks
-- Let these weeks have tables of their own.
SELECT make_weeks(%(first_week)s, %(after_week)s) AS week

-- name: sizes
-- The tables that readings lie in, with an estimate of their rows and their size on disk.
SELECT tables, rows, bytes FROM reading_sizes()

-- name: is_left
-- Whether there is a table of readings beside the hypertable.
SELECT to_regclass('reading_default') IS NOT NULL AS is_left
