-- name: become_flagger
-- Take the lock of the one process that flags, until the connection ends.
SELECT pg_try_advisory_lock(%(lock)s) AS taken

-- name: checkpoint
-- The next leaf to judge, and whether the log still reaches up to it: an epoch may have been cut.
SELECT
    checkpoint.epoch, checkpoint.leaf_index,
    checkpoint.leaf_index <= coalesce(log_epoch.size, 0) AS is_reached
FROM plausibility_checkpoint AS checkpoint LEFT JOIN log_epoch USING (epoch)

-- name: put_checkpoint
-- Judge from this leaf on.
INSERT INTO plausibility_checkpoint (epoch, leaf_index) VALUES (%(epoch)s, %(leaf_index)s)
ON CONFLICT (singleton) DO UPDATE SET epoch = EXCLUDED.epoch, leaf_index = EXCLUDED.leaf_index

-- name: rules
-- All rules ever in force, from the first leaf that they judged.
SELECT epoch, leaf_index, rules::text AS rules FROM plausibility_rules ORDER BY epoch, leaf_index

-- name: put_rules
-- Judge by other rules from this leaf on.
INSERT INTO plausibility_rules (epoch, leaf_index, rules) VALUES (%(epoch)s, %(leaf_index)s, %(rules)s)
ON CONFLICT (epoch, leaf_index) DO UPDATE SET rules = EXCLUDED.rules

-- name: forget_memories
-- Let rules begin anew.
DELETE FROM plausibility_memory

-- name: forget_runs
-- Let no run have been seen.
DELETE FROM plausibility_run

-- name: forget_flags
-- Take every flag from its reading.
DELETE FROM reading_flag

-- name: forget_rules
-- Let no rules have been in force.
DELETE FROM plausibility_rules

-- name: forget_checkpoint
-- Judge from the log's beginning on.
DELETE FROM plausibility_checkpoint

-- name: memories
-- What is remembered of these streams.
SELECT stream_id, memory FROM plausibility_memory WHERE stream_id = ANY(%(stream_ids)b::integer[])

-- name: all_memories
-- What is remembered of every stream.
SELECT stream_id, memory FROM plausibility_memory

-- name: put_memories
-- Remember this of streams, in place of what was.
INSERT INTO plausibility_memory (stream_id, memory)
SELECT stream_id, memory::jsonb
FROM unnest(%(stream_ids)b::integer[], %(memories)b::text[]) AS given (stream_id, memory)
ON CONFLICT (stream_id) DO UPDATE SET memory = EXCLUDED.memory

-- name: entered_runs
-- How many runs were entered in all: the newest one is always there.
SELECT coalesce(max(number) + 1, 0) AS entered FROM plausibility_run

-- name: enter_runs
-- Enter where runs were seen; one that is forgotten and still there gives way.
INSERT INTO plausibility_run AS known (fingerprint, stream_id, observed_at_ms, number)
SELECT fingerprint, stream_id, observed_at_ms, number
FROM unnest(
    %(fingerprints)b::bigint[], %(stream_ids)b::integer[], %(observed_at_ms)b::bigint[], %(numbers)b::bigint[]
) AS given (fingerprint, stream_id, observed_at_ms, number)
ON CONFLICT (fingerprint) DO UPDATE
SET stream_id = excluded.stream_id, observed_at_ms = excluded.observed_at_ms, number = excluded.number

-- name: let_runs_go
-- Throw away the runs that are forgotten.
DELETE FROM plausibility_run WHERE number < %(first)s

-- name: runs
-- Where these runs were seen first.
SELECT fingerprint, stream.device_id, run.stream_id, run.observed_at_ms, run.number
FROM plausibility_run AS run JOIN stream USING (stream_id)
WHERE fingerprint = ANY(%(fingerprints)b::bigint[])

-- name: all_runs
-- Where every run that is known was seen first.
SELECT fingerprint, stream_id, observed_at_ms, number FROM plausibility_run ORDER BY fingerprint

-- name: insert_flags
-- Flag readings.
INSERT INTO reading_flag (stream_id, observed_at_ms, ingest_id, ordinal, code, rule_version, detail)
SELECT stream_id, observed_at_ms, ingest_id, ordinal, code, rule_version, detail
FROM unnest(
    %(stream_ids)b::integer[], %(observed_at_ms)b::bigint[], %(ingest_ids)b::bigint[], %(ordinals)b::smallint[],
    %(codes)b::text[], %(rule_versions)b::smallint[], %(details)b::text[]
) AS given (stream_id, observed_at_ms, ingest_id, ordinal, code, rule_version, detail)
ON CONFLICT DO NOTHING

-- name: flags_of
-- The flags of these messages.
SELECT stream_id, observed_at_ms, ingest_id, ordinal, code, rule_version, detail
FROM reading_flag
WHERE ingest_id = ANY(%(ingest_ids)b::bigint[])
ORDER BY ingest_id, ordinal, code

-- name: unjudged_flags
-- The flags of messages that no rule has judged yet, or that are not there: there are none.
SELECT flag.stream_id, flag.observed_at_ms, flag.ingest_id, flag.ordinal, flag.code, flag.rule_version, flag.detail
FROM reading_flag AS flag
LEFT JOIN log_leaf AS leaf USING (ingest_id)
WHERE leaf.ingest_id IS NULL OR (leaf.epoch, leaf.leaf_index) >= (%(epoch)s, %(leaf_index)s)
ORDER BY flag.ingest_id, flag.ordinal, flag.code
