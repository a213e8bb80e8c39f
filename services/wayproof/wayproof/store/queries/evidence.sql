-- name: records
-- Records at keys, and in ranges of keys, with their place on the ledger.
SELECT key, block_number, tx_index, tx_id, value
FROM ledger_record
WHERE key = ANY(%(keys)s)
UNION
SELECT key, block_number, tx_index, tx_id, value
FROM unnest(%(starts)s::text[], %(ends)s::text[]) AS span (first, last)
JOIN ledger_record ON key >= first COLLATE "C" AND key < last COLLATE "C"

-- name: nearest_anchors
-- Anchors of logs: the last one before each moment, the first one from it on, and the first and last of each epoch.
WITH log AS (
    SELECT unnest(%(log_ids)s::text[]) AS log_id
), nearest AS (
    SELECT found.*
    FROM log
    CROSS JOIN unnest(%(block_numbers)s::bigint[], %(tx_indices)s::integer[]) AS moment (block_number, tx_index)
    CROSS JOIN LATERAL (
        (
            SELECT log_id, epoch, counter FROM anchor
            WHERE
                anchor.log_id = log.log_id
                AND (anchor.block_number, anchor.tx_index) < (moment.block_number, moment.tx_index)
            ORDER BY block_number DESC, tx_index DESC LIMIT 1
        )
        UNION ALL
        (
            SELECT log_id, epoch, counter FROM anchor
            WHERE
                anchor.log_id = log.log_id
                AND (anchor.block_number, anchor.tx_index) >= (moment.block_number, moment.tx_index)
            ORDER BY block_number, tx_index LIMIT 1
        )
    ) AS found
    UNION
    SELECT found.*
    FROM log
    JOIN log_record USING (log_id)
    CROSS JOIN generate_series(1, (head ->> 'epoch')::integer) AS log_epoch (epoch)
    CROSS JOIN LATERAL (
        (
            SELECT log_id, epoch, counter FROM anchor
            WHERE anchor.log_id = log.log_id AND anchor.epoch = log_epoch.epoch
            ORDER BY counter LIMIT 1
        )
        UNION ALL
        (
            SELECT log_id, epoch, counter FROM anchor
            WHERE anchor.log_id = log.log_id AND anchor.epoch = log_epoch.epoch
            ORDER BY counter DESC LIMIT 1
        )
    ) AS found
)
SELECT key, block_number, tx_index, tx_id, value
FROM nearest
JOIN ledger_record ON key = format(
    'anchor/%%s/%%s/%%s', log_id, lpad(epoch::text, 6, '0'), lpad(counter::text, 12, '0')
) COLLATE "C"

-- name: envelopes
-- Envelopes of transactions, in ledger order.
SELECT envelope FROM ledger_transaction WHERE tx_id = ANY(%(tx_ids)s) ORDER BY block_number, tx_index

-- name: config_blocks
-- The channel's config blocks, the genesis block first.
SELECT block FROM ledger_config_block ORDER BY block_number

-- name: leaves
-- Sealed messages of streams between positions, in the order of the log.
WITH wanted AS (
    SELECT DISTINCT message.ingest_id
    FROM unnest(
        %(device_ids)s::text[], %(streams)s::text[], %(start_boots)s::bigint[], %(start_sequences)s::bigint[],
        %(end_boots)s::bigint[], %(end_sequences)s::bigint[]
    ) AS span (device_id, stream, start_boot, start_sequence, end_boot, end_sequence)
    JOIN stream ON stream.device_id = span.device_id AND stream.name = span.stream
    JOIN message ON
        message.stream_id = stream.stream_id
        AND (message.boot, message.sequence) > (start_boot, start_sequence)
        AND (message.boot, message.sequence) <= (end_boot, end_sequence)
)
SELECT
    leaf_index, entry, salt, topic, payload, received_at_ms, message.device_id, stream.name AS stream, boot, sequence,
    message_hash, previous
FROM wanted
JOIN log_leaf USING (ingest_id)
JOIN message USING (ingest_id)
JOIN stream USING (stream_id)
WHERE epoch = %(epoch)s AND leaf_index < %(size)s
ORDER BY leaf_index
