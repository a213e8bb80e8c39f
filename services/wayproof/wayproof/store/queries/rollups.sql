-- name: become_keeper
-- Take the lock of the one process that keeps the store, until the connection ends.
SELECT pg_try_advisory_lock(%(lock)s) AS taken

-- name: checkpoint
-- The next leaf to sum up, and whether the log still reaches up to it: an epoch may have been cut.
SELECT
    checkpoint.epoch, checkpoint.leaf_index,
    checkpoint.leaf_index <= coalesce(log_epoch.size, 0) AS is_reached
FROM reading_hour_checkpoint AS checkpoint LEFT JOIN log_epoch USING (epoch)

-- name: put_checkpoint
-- Go on from this leaf.
INSERT INTO reading_hour_checkpoint (epoch, leaf_index) VALUES (%(epoch)s, %(leaf_index)s)
ON CONFLICT (singleton) DO UPDATE SET epoch = EXCLUDED.epoch, leaf_index = EXCLUDED.leaf_index

-- name: last_of
-- The last of the next leaves, how many they are, and from when to when they measured: only these weeks are planned for.
SELECT
    epoch, leaf_index, count(*) OVER () AS leaves,
    coalesce(min(coalesce(first_observed_at_ms, 0)) FILTER (WHERE stream_id IS NOT NULL) OVER (), 0) AS from_ms,
    coalesce(
        max(coalesce(last_observed_at_ms, 9007199254740991)) FILTER (WHERE stream_id IS NOT NULL) OVER (), -1
    ) AS until_ms
FROM (
    SELECT epoch, leaf_index, ingest_id FROM log_leaf
    WHERE (epoch, leaf_index) >= (%(epoch)s, %(leaf_index)s)
    ORDER BY epoch, leaf_index
    LIMIT %(limit)s
) AS taken
LEFT JOIN message USING (ingest_id)
ORDER BY epoch DESC, leaf_index DESC LIMIT 1

-- name: add
-- Add the numbers of these leaves to their hours. They are summed up as they lie, by scale, and then made exact decimals.
INSERT INTO reading_hour AS hour (stream_id, quantity_id, hour_ms, count, sum, minimum, maximum)
SELECT
    stream_id, quantity_id, hour_ms, sum(count), sum((total || 'e-' || scale)::numeric),
    min((least || 'e-' || scale)::numeric), max((greatest || 'e-' || scale)::numeric)
FROM (
    SELECT
        held.stream_id, quantity_id, observed_at_ms - observed_at_ms %% 3600000 AS hour_ms, scale, count(*) AS count,
        sum(value) AS total, min(value) AS least, max(value) AS greatest
    FROM (
        SELECT ingest_id FROM log_leaf
        WHERE
            (epoch, leaf_index) >= (%(epoch)s, %(leaf_index)s)
            AND (epoch, leaf_index) <= (%(last_epoch)s, %(last_leaf_index)s)
        OFFSET 0  -- first the leaves, then what belongs to each, by its index
    ) AS leaf
    CROSS JOIN LATERAL (
        SELECT stream_id, first_observed_at_ms, last_observed_at_ms FROM message
        WHERE message.ingest_id = leaf.ingest_id AND stream_id IS NOT NULL
        OFFSET 0
    ) AS held
    CROSS JOIN LATERAL (
        SELECT quantity_id, observed_at_ms, scale, value FROM reading
        WHERE
            reading.ingest_id = leaf.ingest_id AND reading.stream_id = held.stream_id
            AND reading.observed_at_ms
            BETWEEN coalesce(held.first_observed_at_ms, 0) AND coalesce(held.last_observed_at_ms, 9007199254740991)
            AND reading.observed_at_ms BETWEEN %(from_ms)s AND %(until_ms)s
            AND reading.value IS NOT NULL
        OFFSET 0
    ) AS measured
    WHERE NOT EXISTS (SELECT FROM reading_week_dropped AS gone WHERE gone.week = observed_at_ms / 604800000)
    GROUP BY held.stream_id, quantity_id, hour_ms, scale
) AS scaled
GROUP BY stream_id, quantity_id, hour_ms
ON CONFLICT (stream_id, quantity_id, hour_ms) DO UPDATE SET
    count = hour.count + EXCLUDED.count, sum = hour.sum + EXCLUDED.sum,
    minimum = least(hour.minimum, EXCLUDED.minimum), maximum = greatest(hour.maximum, EXCLUDED.maximum)

-- name: take_again
-- Hours that an erasure removed: they are taken off the list with what is done about them.
DELETE FROM reading_hour_again RETURNING stream_id, first_hour_ms, last_hour_ms

-- name: remove_hours
-- Make room for hours that are summed up again; what is left of dropped weeks stays.
DELETE FROM reading_hour
WHERE
    stream_id = %(stream_id)s AND hour_ms BETWEEN %(first_hour_ms)s AND %(last_hour_ms)s
    AND NOT EXISTS (SELECT FROM reading_week_dropped AS gone WHERE gone.week = hour_ms / 604800000)

-- name: add_again
-- Sum a stream's hours up again, from all leaves before this one.
INSERT INTO reading_hour (stream_id, quantity_id, hour_ms, count, sum, minimum, maximum)
SELECT
    stream_id, quantity_id, hour_ms, sum(count), sum((total || 'e-' || scale)::numeric),
    min((least || 'e-' || scale)::numeric), max((greatest || 'e-' || scale)::numeric)
FROM (
    SELECT
        held.stream_id, quantity_id, observed_at_ms - observed_at_ms %% 3600000 AS hour_ms, scale, count(*) AS count,
        sum(value) AS total, min(value) AS least, max(value) AS greatest
    FROM (
        SELECT ingest_id, message.stream_id, first_observed_at_ms, last_observed_at_ms
        FROM message JOIN log_leaf AS leaf USING (ingest_id)
        WHERE
            message.stream_id = %(stream_id)s
            AND (leaf.epoch, leaf.leaf_index) < (%(epoch)s, %(leaf_index)s)
            AND coalesce(first_observed_at_ms, 0) <= %(last_hour_ms)s + 3599999
            AND coalesce(last_observed_at_ms, 9007199254740991) >= %(first_hour_ms)s
        OFFSET 0
    ) AS held
    CROSS JOIN LATERAL (
        SELECT quantity_id, observed_at_ms, scale, value FROM reading
        WHERE
            reading.ingest_id = held.ingest_id AND reading.stream_id = held.stream_id
            AND reading.observed_at_ms
            BETWEEN coalesce(held.first_observed_at_ms, 0) AND coalesce(held.last_observed_at_ms, 9007199254740991)
            AND reading.observed_at_ms BETWEEN %(first_hour_ms)s AND %(last_hour_ms)s + 3599999
            AND reading.value IS NOT NULL
        OFFSET 0
    ) AS measured
    WHERE NOT EXISTS (SELECT FROM reading_week_dropped AS gone WHERE gone.week = observed_at_ms / 604800000)
    GROUP BY held.stream_id, quantity_id, hour_ms, scale
) AS scaled
GROUP BY stream_id, quantity_id, hour_ms

-- name: forget
-- Remove every hour but those of dropped weeks, which cannot be had again.
DELETE FROM reading_hour
WHERE NOT EXISTS (SELECT FROM reading_week_dropped AS gone WHERE gone.week = hour_ms / 604800000)
