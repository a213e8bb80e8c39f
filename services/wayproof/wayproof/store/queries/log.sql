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
-- Messages that have no index yet, the oldest of them; with the transaction they wait no more. (By a bound and not by
-- IN: the table is empty now and full a second later, and a plan made for an empty one would compare all with all.)
WITH taken AS (
    DELETE FROM log_waiting
    WHERE ingest_id <= (
        SELECT max(ingest_id)
        FROM (SELECT ingest_id FROM log_waiting ORDER BY ingest_id LIMIT %(limit)s) AS oldest
    )
    RETURNING ingest_id
)
SELECT ingest_id, received_at_ms, entry FROM taken JOIN message USING (ingest_id)

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
INSERT INTO log_waiting (ingest_id) SELECT ingest_id FROM cut
