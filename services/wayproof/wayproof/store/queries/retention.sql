-- name: dropped
-- Weeks whose readings were let go of.
SELECT week FROM reading_week_dropped

-- name: dropped_rows
-- The same with when, and how many readings they were.
SELECT week, dropped_at_ms, rows FROM reading_week_dropped ORDER BY week

-- name: needed_by
-- Who needs a week's readings still.
SELECT week_needed_by(%(week)s) AS needed_by

-- name: drop_week
-- Let a week's readings go.
SELECT drop_week(%(week)s) AS rows

-- name: compress_week
-- Compress a week's readings, where that can be done.
SELECT compress_week(%(week)s) AS is_done

-- name: drop_late
-- Let go of what came late for weeks that are dropped.
SELECT drop_late_readings() AS rows

-- name: lock_timeout
-- Wait no longer than this for others, in this transaction.
SELECT set_config('lock_timeout', %(milliseconds)s, true)

-- name: week_messages
-- The messages that measured in a week, as far as they are there.
SELECT ingest_id, stream_id, topic, payload
FROM message
WHERE
    stream_id IS NOT NULL AND payload IS NOT NULL
    AND coalesce(first_observed_at_ms, 0) < %(end_ms)s
    AND coalesce(last_observed_at_ms, 9007199254740991) >= %(begin_ms)s
ORDER BY ingest_id

-- name: make_week
-- Let one week have a table of its own again.
SELECT make_weeks(%(week)s, %(week)s + 1)

-- name: put_back
-- Add readings that are not there. What they measure has its number since they first came.
INSERT INTO reading (stream_id, observed_at_ms, ingest_id, ordinal, quantity_id, value, scale, text)
SELECT given.stream_id, given.observed_at_ms, given.ingest_id, given.ordinal, quantity_id, value, scale, text
FROM unnest(
    %(stream_ids)b::integer[], %(observed_at_ms)b::bigint[], %(ingest_ids)b::bigint[], %(ordinals)b::smallint[],
    %(names)b::text[], %(units)b::text[], %(kinds)b::text[], %(values)b::bigint[], %(scales)b::smallint[],
    %(texts)b::text[]
) AS given (stream_id, observed_at_ms, ingest_id, ordinal, name, unit, kind, value, scale, text)
JOIN quantity USING (name, unit, kind)
WHERE NOT EXISTS (
    SELECT FROM reading
    WHERE
        reading.ingest_id = given.ingest_id AND reading.ordinal = given.ordinal
        AND reading.observed_at_ms BETWEEN %(begin_ms)s AND %(end_ms)s - 1
)

-- name: not_dropped
-- A week is dropped no more: its hours are summed up again, with what came late.
WITH gone AS (
    DELETE FROM reading_week_dropped WHERE week = %(week)s RETURNING week * 604800000::bigint AS begin_ms
)
INSERT INTO reading_hour_again (stream_id, first_hour_ms, last_hour_ms)
SELECT stream_id, begin_ms, begin_ms + 604800000 - 3600000 FROM gone CROSS JOIN stream
