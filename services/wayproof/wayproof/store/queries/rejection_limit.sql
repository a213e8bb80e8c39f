-- name: become_cutter
-- One process at a time lets go of refused payloads; the lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(%(lock)s) AS is_ours

-- name: relation_bytes
-- What refused payloads take of the disk: rows, long values, indexes. Cheap, and it never shrinks by itself.
SELECT pg_total_relation_size('rejection') AS bytes

-- name: live_bytes
-- What the payloads that are there take, and how many rows there are.
SELECT coalesce(sum(payload_size) FILTER (WHERE payload IS NOT NULL), 0)::bigint AS bytes, count(*) AS rows
FROM rejection

-- name: cut_payloads
-- Drop the payloads of the oldest until enough is free; their rows stay. Rows that somebody writes now are passed by.
WITH oldest AS MATERIALIZED (
    SELECT rejection_id, code, payload_size, last_received_at_ms
    FROM rejection
    WHERE payload IS NOT NULL
    ORDER BY last_received_at_ms, rejection_id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
),
aged AS (
    SELECT
        rejection_id, code, payload_size,
        sum(payload_size) OVER (ORDER BY last_received_at_ms, rejection_id) - payload_size AS freed_before
    FROM oldest
),
cut AS (
    UPDATE rejection SET payload = NULL
    FROM aged
    WHERE rejection.rejection_id = aged.rejection_id AND aged.freed_before < %(excess)s
    RETURNING aged.code, aged.payload_size
),
counted AS (
    INSERT INTO rejection_cut AS it (code, payloads, rows, times)
    SELECT code, count(*), 0, 0 FROM cut GROUP BY code
    ON CONFLICT (code) DO UPDATE SET payloads = it.payloads + excluded.payloads
)
SELECT count(*) AS cut, coalesce(sum(payload_size), 0)::bigint AS freed FROM cut

-- name: cut_rows
-- Drop the oldest rows whose payload is gone already; what they counted is counted on.
WITH oldest AS MATERIALIZED (
    SELECT rejection_id
    FROM rejection
    WHERE payload IS NULL
    ORDER BY last_received_at_ms, rejection_id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
),
cut AS (
    DELETE FROM rejection USING oldest
    WHERE rejection.rejection_id = oldest.rejection_id
    RETURNING rejection.code, rejection.times
),
counted AS (
    INSERT INTO rejection_cut AS it (code, payloads, rows, times)
    SELECT code, 0, count(*), sum(times) FROM cut GROUP BY code
    ON CONFLICT (code) DO UPDATE SET rows = it.rows + excluded.rows, times = it.times + excluded.times
)
SELECT count(*) AS cut FROM cut
