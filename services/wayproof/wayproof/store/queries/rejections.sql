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
