-- name: find_devices
-- Find registered devices with every key they ever had, in the order of registration.
SELECT
    device_id, organisation, home_log, key_id, algorithm, public_key, ended_block IS NOT NULL AS has_ended
FROM device JOIN device_key USING (device_id)
WHERE device_id = ANY(%(device_ids)s)
ORDER BY device_id, ordinal
