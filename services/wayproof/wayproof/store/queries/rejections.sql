-- name: count_rejections
-- Keep payloads that are refused and are no entries of the log; one that came before is counted again.
INSERT INTO rejection AS it (
    topic, payload_hash, payload_size, payload, code, detail, first_received_at_ms, last_received_at_ms, times
)
SELECT topic, payload_hash, payload_size, payload, code, detail, first_received_at_ms, last_received_at_ms, times
FROM unnest(
    %(topics)b::text[], %(payload_hashes)b::bytea[], %(payload_sizes)b::bigint[], %(payloads)b::bytea[],
    %(codes)b::text[], %(details)b::text[], %(first_received_at_ms)b::bigint[], %(last_received_at_ms)b::bigint[],
    %(times)b::bigint[]
) AS given (
    topic, payload_hash, payload_size, payload, code, detail, first_received_at_ms, last_received_at_ms, times
)
ON CONFLICT (topic, payload_hash, code) DO UPDATE SET
    times = it.times + excluded.times,
    first_received_at_ms = least(it.first_received_at_ms, excluded.first_received_at_ms),
    last_received_at_ms = greatest(it.last_received_at_ms, excluded.last_received_at_ms)

-- name: list_rejections
-- A page of refused payloads, the newest first: those that no log has, and those that are entries of ours.
SELECT
    listed.*,
    (
        SELECT max(replayed_at_ms) FROM rejection_replay AS replay
        WHERE replay.payload_hash = listed.payload_hash AND replay.topic = listed.topic
    ) AS replayed_at_ms
FROM (
    (
        SELECT
            false AS is_logged, rejection_id AS number, code, detail, topic, NULL::text AS device_id, payload_hash,
            payload_size, times, first_received_at_ms, last_received_at_ms
        FROM rejection
        WHERE
            last_received_at_ms <= %(last_received_at_ms)s
            AND (last_received_at_ms, false, rejection_id) < (%(last_received_at_ms)s, %(is_logged)s, %(number)s)
        ORDER BY last_received_at_ms DESC, rejection_id DESC
        LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT
            true, ingest_id, rejection, '', topic, device_id, message_hash, octet_length(payload), 1, received_at_ms,
            received_at_ms
        FROM message
        WHERE
            stream_id IS NULL AND received_at_ms <= %(last_received_at_ms)s
            AND (received_at_ms, true, ingest_id) < (%(last_received_at_ms)s, %(is_logged)s, %(number)s)
        ORDER BY received_at_ms DESC, ingest_id DESC
        LIMIT %(limit)s
    )
    ORDER BY last_received_at_ms DESC, is_logged DESC, number DESC
    LIMIT %(limit)s
) AS listed
ORDER BY last_received_at_ms DESC, is_logged DESC, number DESC
