-- name: find_devices
-- Find registered devices with every key they ever had, in the order of registration, and how those that ended did.
SELECT
    device_id, organisation, home_log, key_id, algorithm, public_key, ended_block IS NOT NULL AS has_ended,
    last_positions
FROM device JOIN device_key USING (device_id)
LEFT JOIN (
    SELECT device_id, row_number() OVER (PARTITION BY device_id ORDER BY version) - 1 AS ordinal, last_positions
    FROM device_key_end
    WHERE device_id = ANY(%(device_ids)s)
) AS ending USING (device_id, ordinal)
WHERE device_id = ANY(%(device_ids)s)
ORDER BY device_id, ordinal

-- name: devices
-- A page of registered devices, by id, with their streams that are held here and where they are attached now.
SELECT
    device.device_id, device.organisation, device.home_log, device.model, device.status, device.head,
    log_record.organisation AS keeper,
    (
        SELECT jsonb_agg(
            jsonb_build_object(
                'key_id', encode(key_id, 'hex'), 'algorithm', algorithm, 'registered_at_ms', registered_at_ms,
                'has_ended', ended_block IS NOT NULL
            )
            ORDER BY ordinal
        )
        FROM device_key WHERE device_key.device_id = device.device_id
    ) AS keys,
    (
        SELECT jsonb_agg(
            jsonb_build_object(
                'stream', stream.name, 'boot', last.boot, 'sequence', last.sequence,
                'hash', encode(last.message_hash, 'hex'), 'received_at_ms', last.received_at_ms
            )
            ORDER BY stream.name
        )
        FROM stream CROSS JOIN LATERAL (
            SELECT boot, sequence, message_hash, received_at_ms FROM message
            WHERE message.stream_id = stream.stream_id
            ORDER BY boot DESC, sequence DESC, ingest_id LIMIT 1
        ) AS last
        WHERE stream.device_id = device.device_id
    ) AS streams,
    (
        SELECT jsonb_agg(jsonb_build_object('gsin', gsin, 'stream', stream) ORDER BY gsin, stream)
        FROM attachment WHERE attachment.device_id = device.device_id AND end_boot IS NULL
    ) AS attached
FROM device LEFT JOIN log_record ON log_record.log_id = device.home_log
WHERE device.device_id > %(after)s AND (%(device_id)s::text IS NULL OR device.device_id = %(device_id)s)
ORDER BY device.device_id
LIMIT %(limit)s
