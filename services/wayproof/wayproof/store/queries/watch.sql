-- name: latest_ingest_id
-- The last number given to a message.
SELECT coalesce(max(ingest_id), 0) AS ingest_id FROM message

-- name: arrived
-- Messages of streams above a number.
SELECT message.ingest_id, stream.device_id, stream.name AS stream
FROM message JOIN stream USING (stream_id)
WHERE message.ingest_id > %(above)s

-- name: open_shipments
-- Shipments under way, and the block of each one's last event.
SELECT gsin, changed_block FROM shipment WHERE status = 'open' ORDER BY gsin

-- name: shipment
-- One shipment as the ledger has it, and when its streams were attached.
SELECT
    shipment.changed_block, shipment.created_at_ms, shipment.head, (
        SELECT coalesce(jsonb_object_agg(event.version::text, event.tx_timestamp_ms), '{}')
        FROM shipment_event AS event
        WHERE event.gsin = shipment.gsin AND event.kind = 'device_attached'
    ) AS attached_at_ms
FROM shipment
WHERE shipment.gsin = %(gsin)s

-- name: find_stream
-- The number of a stream, and from when to when its messages of an interval measured.
SELECT stream_id, coalesce(from_ms, 0) AS from_ms, coalesce(until_ms, -1) AS until_ms
FROM stream
CROSS JOIN LATERAL (
    SELECT min(first_observed_at_ms) AS from_ms, max(last_observed_at_ms) AS until_ms
    FROM message
    WHERE
        message.stream_id = stream.stream_id
        AND (boot, sequence) > (%(start_boot)s, %(start_sequence)s)
        AND (boot, sequence) <= (%(end_boot)s, %(end_sequence)s)
) AS span
WHERE device_id = %(device_id)s AND name = %(stream)s

-- name: tally
-- How many messages of an interval are held, the last arrival, and at how many places there are two.
SELECT
    coalesce(sum(held.hashes), 0)::bigint AS messages,
    max(held.received_at_ms) AS last_received_at_ms,
    count(*) FILTER (WHERE held.hashes > 1) AS equivocations
FROM (
    SELECT count(*) AS hashes, max(received_at_ms) AS received_at_ms
    FROM message
    WHERE
        stream_id = %(stream_id)s
        AND (boot, sequence) > (%(start_boot)s, %(start_sequence)s)
        AND (boot, sequence) <= (%(end_boot)s, %(end_sequence)s)
    GROUP BY boot, sequence
) AS held

-- name: gaps
-- Sequences of an interval that are missing, in order: each message (and the interval's end) asks for the one before.
WITH held AS (
    SELECT boot, sequence, max(after_boot) AS after_boot, max(after_sequence) AS after_sequence
    FROM message
    WHERE
        stream_id = %(stream_id)s
        AND (boot, sequence) > (%(start_boot)s, %(start_sequence)s)
        AND (boot, sequence) <= (%(end_boot)s, %(end_sequence)s)
    GROUP BY boot, sequence
),
asking AS (
    SELECT
        boot, sequence, false AS is_end,
        CASE WHEN sequence > 1 THEN boot ELSE coalesce(after_boot, 0) END AS wanted_boot,
        CASE WHEN sequence > 1 THEN sequence - 1 ELSE coalesce(after_sequence, 0) END AS wanted_sequence
    FROM held
    UNION ALL
    SELECT %(end_boot)s, %(end_sequence)s, true, %(end_boot)s, %(end_sequence)s
    WHERE %(is_ended)s
),
answered AS (
    SELECT
        *,
        lag(boot, 1, %(start_boot)s::bigint) OVER stream AS known_boot,
        lag(sequence, 1, %(start_sequence)s::bigint) OVER stream AS known_sequence
    FROM asking
    WINDOW stream AS (ORDER BY boot, sequence, is_end)
)
SELECT
    wanted_boot AS boot,
    CASE WHEN known_boot = wanted_boot THEN known_sequence + 1 ELSE 1 END AS first,
    wanted_sequence AS last
FROM answered
WHERE (known_boot, known_sequence) < (wanted_boot, wanted_sequence)
ORDER BY boot, first

-- name: cadence
-- The median step, by the device's clock, between the latest messages of an interval.
WITH recent AS (
    SELECT last_observed_at_ms AS at_ms
    FROM message
    WHERE
        stream_id = %(stream_id)s
        AND (boot, sequence) > (%(start_boot)s, %(start_sequence)s)
        AND (boot, sequence) <= (%(end_boot)s, %(end_sequence)s)
    ORDER BY boot DESC, sequence DESC
    LIMIT 100
),
step AS (
    SELECT at_ms - lag(at_ms) OVER (ORDER BY at_ms) AS step_ms FROM recent WHERE at_ms IS NOT NULL
)
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY step_ms) AS median_step_ms FROM step WHERE step_ms > 0

-- name: latest
-- The newest number of each name in an interval.
SELECT DISTINCT ON (quantity.name)
    quantity.name, reading.value, reading.scale, quantity.unit, reading.observed_at_ms
FROM message
JOIN reading ON
    reading.ingest_id = message.ingest_id AND reading.stream_id = message.stream_id
    AND reading.observed_at_ms BETWEEN message.first_observed_at_ms AND message.last_observed_at_ms
    AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
JOIN quantity USING (quantity_id)
WHERE
    message.stream_id = %(stream_id)s
    AND (message.boot, message.sequence) > (%(start_boot)s, %(start_sequence)s)
    AND (message.boot, message.sequence) <= (%(end_boot)s, %(end_sequence)s)
    AND reading.value IS NOT NULL
ORDER BY quantity.name, reading.observed_at_ms DESC, message.boot DESC, message.sequence DESC, reading.ordinal DESC

-- name: readings
-- The numbers of some measurements in an interval; the measurement is the last part of the name.
SELECT quantity.name, reading.value, reading.scale, quantity.unit, reading.observed_at_ms
FROM message
JOIN reading ON
    reading.ingest_id = message.ingest_id AND reading.stream_id = message.stream_id
    AND reading.observed_at_ms BETWEEN message.first_observed_at_ms AND message.last_observed_at_ms
    AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
JOIN quantity USING (quantity_id)
WHERE
    message.stream_id = %(stream_id)s
    AND (message.boot, message.sequence) > (%(start_boot)s, %(start_sequence)s)
    AND (message.boot, message.sequence) <= (%(end_boot)s, %(end_sequence)s)
    AND reading.value IS NOT NULL
    AND regexp_replace(quantity.name, '^.*/', '') = ANY (%(measurements)s)

-- name: put_watch
-- Enter what is to be seen of a shipment, in place of what was.
INSERT INTO watch (
    gsin, urgency, reasons, latest, missing, last_observed_at_ms, last_received_at_ms, judged_at_ms
) VALUES (
    %(gsin)s, %(urgency)s, %(reasons)s, %(latest)s, %(missing)s, %(last_observed_at_ms)s, %(last_received_at_ms)s,
    %(judged_at_ms)s
)
ON CONFLICT (gsin) DO UPDATE SET
    urgency = EXCLUDED.urgency, reasons = EXCLUDED.reasons, latest = EXCLUDED.latest, missing = EXCLUDED.missing,
    last_observed_at_ms = EXCLUDED.last_observed_at_ms, last_received_at_ms = EXCLUDED.last_received_at_ms,
    judged_at_ms = EXCLUDED.judged_at_ms

-- name: watches
-- What is to be seen of some shipments.
SELECT gsin, urgency, reasons, latest, missing, last_observed_at_ms, last_received_at_ms, judged_at_ms
FROM watch
WHERE gsin = ANY (%(gsins)s)

-- name: forget_closed
-- Remove what was to be seen of shipments that are no longer under way.
DELETE FROM watch
WHERE NOT EXISTS (SELECT FROM shipment WHERE shipment.gsin = watch.gsin AND shipment.status = 'open')
