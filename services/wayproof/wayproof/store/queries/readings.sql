-- name: streams
-- The streams of these names: what device they are of, whose log it reports to, and the last message held of each.
SELECT
    wanted.device_id, wanted.stream, device.model, log_record.organisation AS keeper, last.boot, last.sequence,
    last.message_hash, last.received_at_ms
FROM unnest(%(device_ids)b::text[], %(streams)b::text[]) AS wanted (device_id, stream)
LEFT JOIN device USING (device_id)
LEFT JOIN log_record ON log_record.log_id = device.home_log
LEFT JOIN stream ON stream.device_id = wanted.device_id AND stream.name = wanted.stream
LEFT JOIN LATERAL (
    SELECT boot, sequence, message_hash, received_at_ms FROM message
    WHERE message.stream_id = stream.stream_id
    ORDER BY boot DESC, sequence DESC, ingest_id
    LIMIT 1
) AS last ON true
ORDER BY wanted.device_id, wanted.stream

-- name: interval_span
-- From when to when the messages of intervals measured: with it as constants, only these weeks are planned for.
SELECT coalesce(min(held.first_observed_at_ms), 0) AS from_ms, coalesce(max(held.last_observed_at_ms), -1) AS until_ms
FROM unnest(
    %(attached)b::integer[], %(device_ids)b::text[], %(streams)b::text[], %(start_boots)b::bigint[],
    %(start_sequences)b::bigint[], %(end_boots)b::bigint[], %(end_sequences)b::bigint[]
) AS interval (attached, device_id, name, start_boot, start_sequence, end_boot, end_sequence)
JOIN stream USING (device_id, name)
CROSS JOIN LATERAL (
    SELECT first_observed_at_ms, last_observed_at_ms FROM message
    WHERE
        message.stream_id = stream.stream_id AND (boot, sequence) > (start_boot, start_sequence)
        AND (boot, sequence) <= (end_boot, end_sequence)
    OFFSET 0
) AS held

-- name: interval_contents
-- What is held of each interval: messages, how far they are sealed and anchored, their readings, the last of them.
SELECT
    attached, count(*) AS messages, count(leaf_index) AS sealed,
    count(*) FILTER (WHERE leaf_index < anchored.size) AS anchored,
    count(*) FILTER (WHERE log_leaf.epoch = interval.epoch AND leaf_index < interval.size) AS retrospective,
    coalesce(sum(readings), 0)::bigint AS readings, min(observed.first_observed_at_ms) AS first_observed_at_ms,
    max(observed.last_observed_at_ms) AS last_observed_at_ms, max(held.received_at_ms) AS last_received_at_ms,
    min(last.boot) AS last_boot, min(last.sequence) AS last_sequence, min(last.ingest_id) AS last_ingest_id
FROM unnest(
    %(attached)b::integer[], %(device_ids)b::text[], %(streams)b::text[], %(start_boots)b::bigint[],
    %(start_sequences)b::bigint[], %(end_boots)b::bigint[], %(end_sequences)b::bigint[], %(epochs)b::integer[],
    %(sizes)b::bigint[]
) AS interval (
    attached, device_id, name, start_boot, start_sequence, end_boot, end_sequence, epoch, size
)
JOIN stream USING (device_id, name)
CROSS JOIN LATERAL (
    SELECT ingest_id, received_at_ms, first_observed_at_ms, last_observed_at_ms FROM message
    WHERE
        message.stream_id = stream.stream_id AND (boot, sequence) > (start_boot, start_sequence)
        AND (boot, sequence) <= (end_boot, end_sequence)
    OFFSET 0  -- first the messages, then what belongs to each: as long as the interval, however long the stream
) AS held
CROSS JOIN LATERAL (
    SELECT
        count(*) AS readings, min(observed_at_ms) AS first_observed_at_ms, max(observed_at_ms) AS last_observed_at_ms
    FROM reading
    WHERE
        reading.ingest_id = held.ingest_id AND reading.stream_id = stream.stream_id
        AND reading.observed_at_ms BETWEEN held.first_observed_at_ms AND held.last_observed_at_ms
        AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
) AS observed
CROSS JOIN LATERAL (
    SELECT boot, sequence, ingest_id FROM message
    WHERE message.stream_id = stream.stream_id AND (boot, sequence) <= (end_boot, end_sequence)
    ORDER BY boot DESC, sequence DESC LIMIT 1
) AS last
LEFT JOIN log_leaf ON log_leaf.ingest_id = held.ingest_id
LEFT JOIN (
    SELECT
        epoch, (
            SELECT max(anchor.size) FROM anchor
            WHERE anchor.log_id = log_epoch.log_id AND anchor.epoch = log_epoch.epoch
        ) AS size
    FROM log_epoch
) AS anchored ON anchored.epoch = log_leaf.epoch
GROUP BY attached

-- name: interval_breaks
-- Where a message of an interval does not follow the one held before it: that one, and the one that it names instead.
SELECT
    attached, boot, sequence, held_boot, held_sequence, named_boot, named_sequence,
    held_last_ms AS from_ms, first_observed_at_ms AS until_ms
FROM (
    SELECT
        attached, held.boot, held.sequence, held.ingest_id, held.first_observed_at_ms,
        lag(held.boot, 1, start_boot) OVER earlier AS held_boot,
        lag(held.sequence, 1, start_sequence) OVER earlier AS held_sequence,
        lag(held.last_observed_at_ms) OVER earlier AS held_last_ms,
        CASE WHEN held.sequence > 1 THEN held.boot ELSE coalesce(held.after_boot, 0) END AS named_boot,
        CASE WHEN held.sequence > 1 THEN held.sequence - 1 ELSE coalesce(held.after_sequence, 0) END AS named_sequence
    FROM unnest(
        %(attached)b::integer[], %(device_ids)b::text[], %(streams)b::text[], %(start_boots)b::bigint[],
        %(start_sequences)b::bigint[], %(end_boots)b::bigint[], %(end_sequences)b::bigint[]
    ) AS interval (attached, device_id, name, start_boot, start_sequence, end_boot, end_sequence)
    JOIN stream USING (device_id, name)
    CROSS JOIN LATERAL (
        SELECT boot, sequence, ingest_id, after_boot, after_sequence, first_observed_at_ms, last_observed_at_ms
        FROM message
        WHERE
            message.stream_id = stream.stream_id AND (boot, sequence) > (start_boot, start_sequence)
            AND (boot, sequence) <= (end_boot, end_sequence)
        OFFSET 0
    ) AS held
    WINDOW earlier AS (PARTITION BY attached ORDER BY held.boot, held.sequence, held.ingest_id)
) AS placed
WHERE (held_boot, held_sequence) <> (named_boot, named_sequence)
ORDER BY attached, boot, sequence

-- name: interval_series
-- Every measurement within the intervals as arrays of the same length, unordered: numbers, or the texts of a door.
SELECT
    attached, quantity.name, quantity.unit, quantity.kind, gathered.observed_at_ms, gathered.numbers, gathered.texts
FROM (
    SELECT
        attached, measured.quantity_id, array_agg(measured.observed_at_ms) AS observed_at_ms,
        array_agg(measured.value / power(10::double precision, measured.scale)) AS numbers,
        array_agg(measured.text) FILTER (WHERE measured.text IS NOT NULL) AS texts
    FROM unnest(
        %(attached)b::integer[], %(device_ids)b::text[], %(streams)b::text[], %(start_boots)b::bigint[],
        %(start_sequences)b::bigint[], %(end_boots)b::bigint[], %(end_sequences)b::bigint[]
    ) AS interval (attached, device_id, name, start_boot, start_sequence, end_boot, end_sequence)
    JOIN stream USING (device_id, name)
    CROSS JOIN LATERAL (
        SELECT ingest_id, first_observed_at_ms, last_observed_at_ms FROM message
        WHERE
            message.stream_id = stream.stream_id AND (boot, sequence) > (start_boot, start_sequence)
            AND (boot, sequence) <= (end_boot, end_sequence)
        OFFSET 0
    ) AS held
    CROSS JOIN LATERAL (
        SELECT quantity_id, observed_at_ms, value, scale, text FROM reading
        WHERE
            reading.ingest_id = held.ingest_id AND reading.stream_id = stream.stream_id
            AND reading.observed_at_ms BETWEEN held.first_observed_at_ms AND held.last_observed_at_ms
            AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
        OFFSET 0
    ) AS measured
    GROUP BY attached, measured.quantity_id
) AS gathered
JOIN quantity USING (quantity_id)
WHERE kind = 'v' OR (kind = 'vb' AND name ~ '(^|/)door$')
ORDER BY attached, quantity.name, quantity.unit

-- name: readings
-- A page of single readings of intervals, newest first, each with its message, leaf and first anchor above it.
SELECT
    page.device_id, page.stream, quantity.name, quantity.unit, quantity.kind, page.value, page.scale, page.text,
    page.observed_at_ms, page.received_at_ms, page.boot, page.sequence, page.message_hash, page.ingest_id,
    page.ordinal, log_leaf.epoch, log_leaf.leaf_index, log_epoch.log_id, anchored.counter, anchored.size,
    anchored.tx_id, anchored.tx_timestamp_ms, anchored.block_number
FROM (
    SELECT
        interval.device_id, interval.name AS stream, measured.*, held.received_at_ms, held.boot, held.sequence,
        held.message_hash
    FROM unnest(
        %(attached)b::integer[], %(device_ids)b::text[], %(streams)b::text[], %(start_boots)b::bigint[],
        %(start_sequences)b::bigint[], %(end_boots)b::bigint[], %(end_sequences)b::bigint[]
    ) AS interval (attached, device_id, name, start_boot, start_sequence, end_boot, end_sequence)
    JOIN stream USING (device_id, name)
    CROSS JOIN LATERAL (
        SELECT
            ingest_id, received_at_ms, boot, sequence, message_hash, first_observed_at_ms, last_observed_at_ms
        FROM message
        WHERE
            message.stream_id = stream.stream_id AND (boot, sequence) > (start_boot, start_sequence)
            AND (boot, sequence) <= (end_boot, end_sequence)
        OFFSET 0
    ) AS held
    CROSS JOIN LATERAL (
        SELECT quantity_id, observed_at_ms, ingest_id, ordinal, value, scale, text FROM reading
        WHERE
            reading.ingest_id = held.ingest_id AND reading.stream_id = stream.stream_id
            AND reading.observed_at_ms BETWEEN held.first_observed_at_ms AND held.last_observed_at_ms
            AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
        OFFSET 0
    ) AS measured
    WHERE
        (measured.observed_at_ms, measured.ingest_id, measured.ordinal)
        < (%(observed_at_ms)s, %(ingest_id)s, %(ordinal)s)
        AND (
            %(name)s::text IS NULL
            OR measured.quantity_id IN (SELECT quantity_id FROM quantity WHERE quantity.name = %(name)s)
        )
    ORDER BY measured.observed_at_ms DESC, measured.ingest_id DESC, measured.ordinal DESC
    LIMIT %(limit)s
) AS page
JOIN quantity USING (quantity_id)
LEFT JOIN log_leaf USING (ingest_id)
LEFT JOIN log_epoch USING (epoch)
LEFT JOIN LATERAL (
    SELECT counter, size, tx_id, tx_timestamp_ms, block_number FROM anchor
    WHERE anchor.log_id = log_epoch.log_id AND anchor.epoch = log_leaf.epoch AND anchor.size > log_leaf.leaf_index
    ORDER BY size, counter LIMIT 1
) AS anchored ON true
ORDER BY page.observed_at_ms DESC, page.ingest_id DESC, page.ordinal DESC

-- name: latest_readings
-- The latest number of each measurement among the last messages of each interval.
SELECT DISTINCT ON (interval.device_id, interval.name, quantity.name)
    interval.device_id, interval.name AS stream, quantity.name, reading.value, reading.scale, quantity.unit,
    reading.observed_at_ms
FROM unnest(
    %(attached)b::integer[], %(device_ids)b::text[], %(streams)b::text[], %(start_boots)b::bigint[],
    %(start_sequences)b::bigint[], %(end_boots)b::bigint[], %(end_sequences)b::bigint[]
) AS interval (attached, device_id, name, start_boot, start_sequence, end_boot, end_sequence)
JOIN stream USING (device_id, name)
CROSS JOIN LATERAL (
    SELECT ingest_id, first_observed_at_ms, last_observed_at_ms FROM message
    WHERE
        message.stream_id = stream.stream_id AND (boot, sequence) > (start_boot, start_sequence)
        AND (boot, sequence) <= (end_boot, end_sequence)
    ORDER BY boot DESC, sequence DESC
    LIMIT %(messages)s
) AS held
JOIN reading ON
    reading.ingest_id = held.ingest_id AND reading.stream_id = stream.stream_id
    AND reading.observed_at_ms BETWEEN held.first_observed_at_ms AND held.last_observed_at_ms
    AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
JOIN quantity USING (quantity_id)
WHERE quantity.kind = 'v'
ORDER BY
    interval.device_id, interval.name, quantity.name, reading.observed_at_ms DESC, reading.ingest_id DESC,
    reading.ordinal DESC

-- name: observed_at
-- When the messages at these places were observed, as far as they are held: the last reading of each.
SELECT
    wanted.place, (
        SELECT max(last_observed_at_ms) FROM message
        WHERE message.stream_id = stream.stream_id AND (boot, sequence) = (wanted.boot, wanted.sequence)
    ) AS observed_at_ms
FROM unnest(
    %(places)b::integer[], %(device_ids)b::text[], %(streams)b::text[], %(boots)b::bigint[], %(sequences)b::bigint[]
) AS wanted (place, device_id, name, boot, sequence)
JOIN stream USING (device_id, name)
