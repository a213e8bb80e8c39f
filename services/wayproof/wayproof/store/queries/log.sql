-- name: begin_epoch
-- Open an epoch, empty; one that is there is left alone.
INSERT INTO log_epoch (epoch, log_id) VALUES (%(epoch)s, %(log_id)s) ON CONFLICT DO NOTHING

-- name: epochs
-- All epochs of the organisation's log.
SELECT epoch, log_id, size FROM log_epoch ORDER BY epoch

-- name: epoch_size
-- How many leaves an epoch has.
SELECT size FROM log_epoch WHERE epoch = %(epoch)s

-- name: lock_epoch
-- The same, and nobody else seals until the transaction ends.
SELECT size FROM log_epoch WHERE epoch = %(epoch)s FOR UPDATE

-- name: take_waiting
-- Messages that have no index yet, the oldest of them; with the transaction they wait no more. Of the last run the rest
-- waits on. (Each run is a range of the primary key: nothing depends on how large the planner believes a table to be.)
WITH oldest AS (
    SELECT
        first_ingest_id, last_ingest_id,
        sum(last_ingest_id - first_ingest_id + 1) OVER (ORDER BY first_ingest_id)::bigint AS up_to_here
    FROM log_waiting
    ORDER BY first_ingest_id
    LIMIT %(limit)s
),
taken AS (
    SELECT
        first_ingest_id, last_ingest_id, least(last_ingest_id, last_ingest_id - up_to_here + %(limit)s) AS last_taken
    FROM oldest
    WHERE up_to_here - (last_ingest_id - first_ingest_id + 1) < %(limit)s
),
gone AS (
    DELETE FROM log_waiting USING taken WHERE log_waiting.first_ingest_id = taken.first_ingest_id
),
rest AS (
    INSERT INTO log_waiting (first_ingest_id, last_ingest_id)
    SELECT last_taken + 1, last_ingest_id FROM taken WHERE last_taken < last_ingest_id
)
SELECT message.ingest_id, message.received_at_ms, message.entry
FROM taken JOIN message ON message.ingest_id BETWEEN taken.first_ingest_id AND taken.last_taken

-- name: copy_leaves
-- Give messages their index, for ever.
COPY log_leaf (epoch, leaf_index, ingest_id) FROM STDIN (FORMAT BINARY)

-- name: set_size
-- The epoch has so many leaves now.
UPDATE log_epoch SET size = %(size)s WHERE epoch = %(epoch)s

-- name: latest_anchor
-- The newest head of the log that the ledger has, as far as the projection has come.
SELECT epoch, counter, size, root FROM anchor WHERE log_id = %(log_id)s ORDER BY epoch DESC, counter DESC LIMIT 1

-- name: cut_leaves
-- Take the index from messages that no anchored head covers: they wait again.
WITH cut AS (
    DELETE FROM log_leaf WHERE epoch = %(epoch)s AND leaf_index >= %(size)s RETURNING ingest_id
)
INSERT INTO log_waiting (first_ingest_id, last_ingest_id)
SELECT min(ingest_id), max(ingest_id)
FROM (SELECT ingest_id, ingest_id - row_number() OVER (ORDER BY ingest_id) AS run FROM cut) AS numbered
GROUP BY run
