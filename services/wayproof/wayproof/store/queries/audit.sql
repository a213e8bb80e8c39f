-- name: messages
-- Every accepted signed message, with its leaf if it has one.
SELECT message.ingest_id, message.device_id, stream.name AS stream, message.boot, message.sequence, message.message_hash,
       log_leaf.epoch, log_leaf.leaf_index
FROM message
JOIN stream USING (stream_id)
LEFT JOIN log_leaf USING (ingest_id)

-- name: anchored_sizes
-- How far each epoch of a log is anchored.
SELECT epoch, max(size) AS size FROM anchor WHERE log_id = %(log_id)s GROUP BY epoch

-- name: rejected
-- Payloads refused: those of known devices, which are entries of the log, and all others, counted.
SELECT (SELECT count(*) FROM message WHERE rejection IS NOT NULL)
     + (SELECT coalesce(sum(times), 0) FROM rejection) AS rejected
