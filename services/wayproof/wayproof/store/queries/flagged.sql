-- name: counts
-- How many readings of how many devices are flagged, by code.
SELECT code, count(*) AS readings, count(DISTINCT stream.device_id) AS devices
FROM reading_flag JOIN stream USING (stream_id)
GROUP BY code
ORDER BY code

-- name: within
-- The flags of intervals, for drawing.
SELECT
    interval.device_id, interval.name AS stream, quantity.name, flag.observed_at_ms, flag.ingest_id, flag.ordinal,
    flag.code, flag.rule_version, flag.detail
FROM unnest(
    %(attached)b::integer[], %(device_ids)b::text[], %(streams)b::text[], %(start_boots)b::bigint[],
    %(start_sequences)b::bigint[], %(end_boots)b::bigint[], %(end_sequences)b::bigint[]
) AS interval (attached, device_id, name, start_boot, start_sequence, end_boot, end_sequence)
JOIN stream USING (device_id, name)
JOIN reading_flag AS flag USING (stream_id)
JOIN message USING (ingest_id)
JOIN reading ON
    reading.ingest_id = flag.ingest_id AND reading.ordinal = flag.ordinal
    AND reading.stream_id = flag.stream_id AND reading.observed_at_ms = flag.observed_at_ms
    AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
JOIN quantity USING (quantity_id)
WHERE
    (message.boot, message.sequence) > (start_boot, start_sequence)
    AND (message.boot, message.sequence) <= (end_boot, end_sequence)
ORDER BY flag.observed_at_ms, flag.ingest_id, flag.ordinal, flag.code
LIMIT %(limit)s

-- name: of_messages
-- The flags of these messages' readings.
SELECT ingest_id, ordinal, code, rule_version, detail
FROM reading_flag
WHERE ingest_id = ANY(%(ingest_ids)b::bigint[])
ORDER BY ingest_id, ordinal, code

-- name: at
-- The flags of readings that are known by device, name and time.
SELECT wanted.place, flag.code, flag.rule_version, flag.detail
FROM unnest(%(places)b::integer[], %(device_ids)b::text[], %(names)b::text[], %(observed_at_ms)b::bigint[])
    AS wanted (place, device_id, name, observed_at_ms)
JOIN stream ON stream.device_id = wanted.device_id
JOIN reading_flag AS flag ON flag.stream_id = stream.stream_id AND flag.observed_at_ms = wanted.observed_at_ms
JOIN reading ON
    (reading.stream_id, reading.observed_at_ms, reading.ingest_id, reading.ordinal)
    = (flag.stream_id, flag.observed_at_ms, flag.ingest_id, flag.ordinal)
    AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
JOIN quantity ON quantity.quantity_id = reading.quantity_id AND quantity.name = wanted.name
ORDER BY wanted.place, flag.code
