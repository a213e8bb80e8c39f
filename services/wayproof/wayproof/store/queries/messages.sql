-- name: next_ingest_ids
-- Take so many numbers for messages that are to be copied, in rising order. (Which sequence it is, is asked once: to look
-- it up in the catalogue for each number would cost more than the row.)
SELECT nextval(sequence)
FROM (SELECT pg_get_serial_sequence('message', 'ingest_id')::regclass AS sequence OFFSET 0) AS owned,
    generate_series(1, %(count)s)

-- name: copy_messages
-- Take messages that are all new; a unique violation undoes it.
COPY message (
    ingest_id, device_id, received_at_ms, topic, payload, salt, entry, message_hash,
    stream_id, boot, sequence, previous, after_boot, after_sequence, rejection,
    first_observed_at_ms, last_observed_at_ms
)
FROM STDIN (FORMAT BINARY)

-- name: add_waiting
-- Let new messages wait for their index in the log.
INSERT INTO log_waiting (first_ingest_id, last_ingest_id)
SELECT first_ingest_id, last_ingest_id
FROM unnest(%(first)b::bigint[], %(last)b::bigint[]) AS run (first_ingest_id, last_ingest_id)

-- name: contradictions
-- Which of the messages just added say something else than one that was added before, at the same place. A higher number
-- than all of ours is another writer's, who was faster.
SELECT it.ingest_id
FROM message AS it JOIN message AS other USING (stream_id, boot, sequence)
WHERE
    it.ingest_id BETWEEN %(first)s AND %(last)s AND it.boot > 0
    AND other.message_hash <> it.message_hash
    AND (other.ingest_id < it.ingest_id OR other.ingest_id > %(last)s)

-- name: insert_messages
-- Insert messages in the order given, each waiting for its index in the log; one that is there already is left out.
WITH new AS (
    INSERT INTO message (
        device_id, received_at_ms, topic, payload, salt, entry, message_hash,
        stream_id, boot, sequence, previous, after_boot, after_sequence, rejection,
        first_observed_at_ms, last_observed_at_ms
    )
    SELECT
        device_id, received_at_ms, topic, payload, salt, entry, message_hash,
        stream_id, boot, sequence, previous, after_boot, after_sequence, rejection,
        first_observed_at_ms, last_observed_at_ms
    FROM unnest(
        %(device_ids)b::text[], %(received_at_ms)b::bigint[], %(topics)b::text[], %(payloads)b::bytea[],
        %(salts)b::bytea[], %(entries)b::bytea[], %(message_hashes)b::bytea[], %(stream_ids)b::integer[],
        %(boots)b::bigint[], %(sequences)b::bigint[], %(previous)b::bytea[], %(after_boots)b::bigint[],
        %(after_sequences)b::bigint[], %(rejections)b::text[],
        %(first_observed_at_ms)b::bigint[], %(last_observed_at_ms)b::bigint[]
    ) WITH ORDINALITY AS given (
        device_id, received_at_ms, topic, payload, salt, entry, message_hash,
        stream_id, boot, sequence, previous, after_boot, after_sequence, rejection,
        first_observed_at_ms, last_observed_at_ms, place
    )
    ORDER BY place
    ON CONFLICT DO NOTHING
    RETURNING ingest_id, device_id, stream_id, boot, sequence, message_hash
),
waiting AS (
    INSERT INTO log_waiting (first_ingest_id, last_ingest_id)
    SELECT min(ingest_id), max(ingest_id)
    FROM (SELECT ingest_id, ingest_id - row_number() OVER (ORDER BY ingest_id) AS run FROM new) AS numbered
    GROUP BY run
)
SELECT ingest_id, device_id, stream_id, boot, sequence, message_hash FROM new

-- name: copy_readings
-- Take the readings of new messages; they cannot be there already.
COPY reading (stream_id, observed_at_ms, ingest_id, ordinal, quantity_id, value, scale, text)
FROM STDIN (FORMAT BINARY)

-- name: find_streams
-- Find the numbers of streams.
SELECT device_id, name, stream_id AS number
FROM stream JOIN unnest(%(device_id)b::text[], %(name)b::text[]) AS wanted (device_id, name) USING (device_id, name)

-- name: insert_streams
-- Number streams that are new; another process may have done it meanwhile.
INSERT INTO stream (device_id, name)
SELECT device_id, name FROM unnest(%(device_id)b::text[], %(name)b::text[]) AS wanted (device_id, name)
ON CONFLICT DO NOTHING

-- name: find_quantities
-- Find the numbers of quantities.
SELECT name, unit, kind, quantity_id AS number
FROM quantity JOIN unnest(%(name)b::text[], %(unit)b::text[], %(kind)b::text[]) AS wanted (name, unit, kind)
    USING (name, unit, kind)

-- name: insert_quantities
-- Number quantities that are new; another process may have done it meanwhile.
INSERT INTO quantity (name, unit, kind)
SELECT name, unit, kind FROM unnest(%(name)b::text[], %(unit)b::text[], %(kind)b::text[]) AS wanted (name, unit, kind)
ON CONFLICT DO NOTHING

-- name: open_epoch
-- Find the epoch that the log is in.
SELECT max(epoch) AS epoch FROM log_epoch WHERE log_id = %(log_id)s
