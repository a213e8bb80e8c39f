-- name: one_snapshot
-- Everything that follows in this transaction is read as it stands now.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ

-- name: count_messages
-- How much there is to do.
SELECT count(*) AS count FROM message

-- name: leaves
-- Sealed messages in the order of the log, with what should not be beside them.
SELECT
    leaf.epoch, leaf.leaf_index, leaf.ingest_id, message.ingest_id IS NOT NULL AS is_there,
    EXISTS (SELECT FROM log_waiting WHERE leaf.ingest_id BETWEEN first_ingest_id AND last_ingest_id) AS is_waiting,
    message.device_id, message.received_at_ms, message.topic, message.payload, message.salt, message.entry,
    message.message_hash, message.stream_id, message.boot, message.sequence, message.previous,
    message.after_boot, message.after_sequence, message.rejection,
    message.first_observed_at_ms, message.last_observed_at_ms,
    stream.device_id AS stream_device_id, stream.name AS stream_name
FROM log_leaf AS leaf
LEFT JOIN message USING (ingest_id)
LEFT JOIN stream ON stream.stream_id = message.stream_id
ORDER BY leaf.epoch, leaf.leaf_index

-- name: unsealed
-- Messages that have no index yet.
SELECT
    NULL::integer AS epoch, NULL::bigint AS leaf_index, message.ingest_id, true AS is_there,
    EXISTS (SELECT FROM log_waiting WHERE message.ingest_id BETWEEN first_ingest_id AND last_ingest_id) AS is_waiting,
    message.device_id, message.received_at_ms, message.topic, message.payload, message.salt, message.entry,
    message.message_hash, message.stream_id, message.boot, message.sequence, message.previous,
    message.after_boot, message.after_sequence, message.rejection,
    message.first_observed_at_ms, message.last_observed_at_ms,
    stream.device_id AS stream_device_id, stream.name AS stream_name
FROM message
LEFT JOIN log_leaf AS leaf USING (ingest_id)
LEFT JOIN stream ON stream.stream_id = message.stream_id
WHERE leaf.ingest_id IS NULL
ORDER BY message.ingest_id

-- name: readings
-- The readings of messages. Their span is said too: of a compressed week only what may hold them is then read.
SELECT
    ingest_id, ordinal, stream_id, observed_at_ms, quantity_id, value, scale, text,
    quantity.name, quantity.unit, quantity.kind
FROM reading LEFT JOIN quantity USING (quantity_id)
WHERE ingest_id = ANY(%(ingest_ids)b::bigint[]) AND ingest_id BETWEEN %(first)s AND %(last)s
ORDER BY ingest_id, ordinal, observed_at_ms, stream_id

-- name: keys
-- Every key that devices ever had; of those that ended, up to which positions they count.
SELECT device_id, key_id, public_key, registered_at_ms, last_positions
FROM device_key
LEFT JOIN (
    SELECT device_id, row_number() OVER (PARTITION BY device_id ORDER BY version) - 1 AS ordinal, last_positions
    FROM device_key_end
    WHERE device_id = ANY(%(device_ids)s)
) AS ending USING (device_id, ordinal)
WHERE device_id = ANY(%(device_ids)s) AND key_id IS NOT NULL AND public_key IS NOT NULL

-- name: has_stream
-- Whether a stream has a number.
SELECT stream_id AS number FROM stream WHERE device_id = %(device_id)s AND name = %(name)s

-- name: has_quantity
-- Whether a quantity has a number.
SELECT quantity_id AS number FROM quantity WHERE name = %(name)s AND unit = %(unit)s AND kind = %(kind)s

-- name: record
-- The projected record at a key.
SELECT value FROM ledger_record WHERE key = %(key)s

-- name: tile
-- What is stored of a tile.
SELECT hashes FROM log_tile WHERE epoch = %(epoch)s AND level = %(level)s AND tile_index = %(tile_index)s

-- name: extra_tile
-- The first tile that a tree of this size does not have.
SELECT level, tile_index FROM log_tile
WHERE epoch = %(epoch)s
    AND (level NOT BETWEEN 0 AND 6 OR tile_index < 0 OR tile_index * 256 >= %(size)s::bigint >> (8 * level))
ORDER BY level, tile_index
LIMIT 1

-- name: anchors
-- The anchored heads of an epoch, as they were projected, from the smallest on.
SELECT epoch, counter, size, root
FROM anchor WHERE log_id = %(log_id)s AND epoch = %(epoch)s
ORDER BY size, counter

-- name: orphans
-- The first row of each table that belongs to nothing.
(
    SELECT 'reading' AS name, 'ingest_id ' || ingest_id AS key
    FROM reading LEFT JOIN message USING (ingest_id) WHERE message.ingest_id IS NULL LIMIT 1
)
UNION ALL (
    SELECT 'log_waiting', 'ingest_id ' || first_ingest_id || ' to ' || last_ingest_id
    FROM log_waiting
    WHERE last_ingest_id - first_ingest_id + 1 <> (
        SELECT count(*) FROM message WHERE message.ingest_id BETWEEN first_ingest_id AND last_ingest_id
    )
    LIMIT 1
)
UNION ALL (
    SELECT 'log_tile', 'epoch ' || epoch || ', level ' || level || ', tile ' || tile_index
    FROM log_tile LEFT JOIN log_epoch USING (epoch) WHERE log_epoch.epoch IS NULL LIMIT 1
)
UNION ALL (
    SELECT 'log_leaf', 'epoch ' || leaf.epoch || ', index ' || leaf_index
    FROM log_leaf AS leaf LEFT JOIN log_epoch USING (epoch) WHERE log_epoch.epoch IS NULL LIMIT 1
)

-- name: hours
-- Every hour that is not what the readings of the leaves before this one make, or is of none. Those of dropped weeks, and
-- those that an erasure has just removed, are left out.
WITH expected AS (
    SELECT
        stream_id, quantity_id, hour_ms, sum(count) AS count, sum((total || 'e-' || scale)::numeric) AS sum,
        min((least || 'e-' || scale)::numeric) AS minimum, max((greatest || 'e-' || scale)::numeric) AS maximum
    FROM (
        SELECT
            reading.stream_id, reading.quantity_id,
            reading.observed_at_ms - reading.observed_at_ms %% 3600000 AS hour_ms, reading.scale, count(*) AS count,
            sum(reading.value) AS total, min(reading.value) AS least, max(reading.value) AS greatest
        FROM reading
        JOIN log_leaf AS leaf USING (ingest_id)
        WHERE (leaf.epoch, leaf.leaf_index) < (%(epoch)s, %(leaf_index)s) AND reading.value IS NOT NULL
        GROUP BY reading.stream_id, reading.quantity_id, hour_ms, reading.scale
    ) AS scaled
    GROUP BY stream_id, quantity_id, hour_ms
)
SELECT
    stream_id, quantity_id, hour_ms,
    concat_ws(' ', hour.count, hour.sum, hour.minimum, hour.maximum) AS found,
    concat_ws(' ', expected.count, expected.sum, expected.minimum, expected.maximum) AS expected
FROM expected FULL JOIN reading_hour AS hour USING (stream_id, quantity_id, hour_ms)
WHERE
    (hour.count, hour.sum, hour.minimum, hour.maximum)
    IS DISTINCT FROM (expected.count, expected.sum, expected.minimum, expected.maximum)
    AND NOT EXISTS (SELECT FROM reading_week_dropped WHERE week = hour_ms / 604800000)
    AND NOT EXISTS (
        SELECT FROM reading_hour_again AS again
        WHERE again.stream_id = coalesce(hour.stream_id, expected.stream_id)
            AND hour_ms BETWEEN first_hour_ms AND last_hour_ms
    )
ORDER BY stream_id, quantity_id, hour_ms

-- name: count_hours
-- How many hours there are, and how many of them are of dropped weeks.
SELECT
    count(*) AS hours,
    count(*) FILTER (
        WHERE EXISTS (SELECT FROM reading_week_dropped WHERE week = hour_ms / 604800000)
    ) AS kept
FROM reading_hour

-- name: payloads
-- Topic and payload of those of these messages that measured in a dropped week.
SELECT ingest_id, topic, payload
FROM message
WHERE
    ingest_id = ANY(%(ingest_ids)b::bigint[]) AND payload IS NOT NULL
    AND EXISTS (
        SELECT FROM reading_week_dropped
        WHERE week BETWEEN coalesce(first_observed_at_ms, 0) / 604800000
            AND coalesce(last_observed_at_ms, 9007199254740991) / 604800000
    )

-- name: unused
-- Numbers that were given and not used: ingest may have died between the two. Nothing rests on them.
SELECT
    (SELECT count(*) FROM stream WHERE NOT EXISTS (SELECT FROM message WHERE message.stream_id = stream.stream_id))
        AS streams,
    (
        SELECT count(*) FROM quantity
        WHERE NOT EXISTS (SELECT FROM reading WHERE reading.quantity_id = quantity.quantity_id)
    ) AS quantities

-- name: shadow
-- Empty tables of this session alone, in front of those that are projected: the ledger is projected again into them.
CREATE TEMP TABLE ledger_config_block (LIKE ledger_config_block INCLUDING ALL);
CREATE TEMP TABLE ledger_transaction (LIKE ledger_transaction INCLUDING ALL);
CREATE TEMP TABLE ledger_record (LIKE ledger_record INCLUDING ALL);
CREATE TEMP TABLE shipment (LIKE shipment INCLUDING ALL);
CREATE TEMP TABLE shipment_event (LIKE shipment_event INCLUDING ALL);
CREATE TEMP TABLE attachment (LIKE attachment INCLUDING ALL);
CREATE TEMP TABLE excursion (LIKE excursion INCLUDING ALL);
CREATE TEMP TABLE device (LIKE device INCLUDING ALL);
CREATE TEMP TABLE device_key (LIKE device_key INCLUDING ALL);
CREATE TEMP TABLE device_key_end (LIKE device_key_end INCLUDING ALL);
CREATE TEMP TABLE log_record (LIKE log_record INCLUDING ALL);
CREATE TEMP TABLE anchor (LIKE anchor INCLUDING ALL)
