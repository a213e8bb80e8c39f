-- name: behind
-- How many leaves are not judged yet.
SELECT
    coalesce(sum(CASE WHEN epoch > %(epoch)s THEN size ELSE greatest(size - %(leaf_index)s, 0) END), 0)::bigint AS leaves
FROM log_epoch WHERE epoch >= %(epoch)s

-- name: leaves
-- The next leaves in the order of the log, with the messages that are there and accepted.
SELECT
    leaf.epoch, leaf.leaf_index, leaf.ingest_id, message.stream_id, message.device_id,
    coalesce(device.model, '') AS model, message.boot, message.sequence, message.after_boot, message.after_sequence,
    message.received_at_ms, message.first_observed_at_ms, message.last_observed_at_ms,
    message.ingest_id IS NOT NULL AND message.topic IS NULL AS is_erased,
    message.boot > 0 AND EXISTS (
        SELECT FROM message AS other JOIN log_leaf AS earlier USING (ingest_id)
        WHERE
            (other.stream_id, other.boot, other.sequence) = (message.stream_id, message.boot, message.sequence)
            AND other.message_hash <> message.message_hash
            AND (earlier.epoch, earlier.leaf_index) < (leaf.epoch, leaf.leaf_index)
    ) AS contradicts
FROM log_leaf AS leaf
LEFT JOIN message USING (ingest_id)
LEFT JOIN device ON device.device_id = message.device_id
WHERE (leaf.epoch, leaf.leaf_index) >= (%(epoch)s, %(leaf_index)s)
ORDER BY leaf.epoch, leaf.leaf_index
LIMIT %(limit)s

-- name: readings
-- What these messages measured.
SELECT
    reading.ingest_id, reading.ordinal, quantity.name, quantity.unit, reading.value, reading.scale,
    reading.observed_at_ms
FROM message
JOIN reading ON
    reading.ingest_id = message.ingest_id AND reading.stream_id = message.stream_id
    AND reading.observed_at_ms BETWEEN message.first_observed_at_ms AND message.last_observed_at_ms
    AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
JOIN quantity USING (quantity_id)
WHERE message.ingest_id = ANY(%(ingest_ids)b::bigint[])
ORDER BY reading.ingest_id, reading.ordinal
