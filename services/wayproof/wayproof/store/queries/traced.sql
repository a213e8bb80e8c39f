-- name: followed_leaves
-- Hashes of the messages with these leaves that the draw chose: bytes 12 to 15 of the hash, as a number, below a bound.
SELECT message_hash
FROM log_leaf JOIN message USING (ingest_id)
WHERE
    epoch = %(epoch)s AND leaf_index >= %(first)s AND leaf_index < %(end)s
    AND ('x' || encode(substring(message_hash FROM 13 FOR 4), 'hex'))::bit(32)::bigint < %(below)s
ORDER BY leaf_index
LIMIT %(limit)s

-- name: heads_between
-- Heads of a log that blocks brought, each with the size of the head before it in its epoch.
SELECT
    epoch, size, coalesce((
        SELECT before.size FROM anchor AS before
        WHERE (before.log_id, before.epoch) = (it.log_id, it.epoch) AND before.counter < it.counter
        ORDER BY before.counter DESC LIMIT 1
    ), 0) AS size_before
FROM anchor AS it
WHERE log_id = %(log_id)s AND block_number >= %(first)s AND block_number < %(end)s
ORDER BY epoch, counter
