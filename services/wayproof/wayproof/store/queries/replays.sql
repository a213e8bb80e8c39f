-- name: find_rejection
-- A refused payload that is no entry of the log.
SELECT
    false AS is_logged, rejection_id AS number, code, detail, topic, NULL::text AS device_id, payload_hash,
    payload_size, payload, times, first_received_at_ms, last_received_at_ms
FROM rejection
WHERE rejection_id = %(number)s

-- name: find_logged_rejection
-- A refused message of a known device: an entry of the log.
SELECT
    true AS is_logged, ingest_id AS number, rejection AS code, '' AS detail, topic, device_id,
    message_hash AS payload_hash, octet_length(payload) AS payload_size, payload, 1::bigint AS times,
    received_at_ms AS first_received_at_ms, received_at_ms AS last_received_at_ms
FROM message
WHERE ingest_id = %(number)s AND stream_id IS NULL

-- name: note_replay
-- Note that a payload is published again.
INSERT INTO rejection_replay (topic, payload_hash, code, operator, replayed_at_ms)
VALUES (%(topic)s, %(payload_hash)s, %(code)s, %(operator)s, %(replayed_at_ms)s)

-- name: replays
-- When a payload was published again, and by whom, the latest first.
SELECT code, operator, replayed_at_ms
FROM rejection_replay
WHERE payload_hash = %(payload_hash)s AND topic = %(topic)s
ORDER BY replay_id DESC

-- name: accepted
-- The message that a payload became, if it was accepted since.
SELECT ingest_id
FROM message JOIN stream USING (stream_id)
WHERE
    stream.device_id = %(device_id)s AND stream.name = %(stream)s AND boot = %(boot)s AND sequence = %(sequence)s
    AND message_hash = %(message_hash)s

-- name: refused
-- The latest refusals of a payload on a topic, and how often each came.
SELECT code, times FROM rejection WHERE payload_hash = %(payload_hash)s AND topic = %(topic)s
UNION ALL
SELECT rejection, 1 FROM message
WHERE device_id = %(device_id)s AND message_hash = %(payload_hash)s AND stream_id IS NULL
