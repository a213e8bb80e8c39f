-- What the platform thinks of readings: flags, and what their rules remember.
-- Why a reading is not plausible. An opinion about a row that stays as it is.
CREATE TABLE reading_flag (
    stream_id integer NOT NULL,
    observed_at_ms bigint NOT NULL,
    ingest_id bigint NOT NULL,
    ordinal smallint NOT NULL,
    code text NOT NULL,
    rule_version smallint NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (stream_id, observed_at_ms, ingest_id, ordinal, code)
);
CREATE INDEX reading_flag_message ON reading_flag (ingest_id);

-- Up to which leaf of the log readings are judged: the next one.
CREATE TABLE plausibility_checkpoint (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch integer NOT NULL,
    leaf_index bigint NOT NULL
);

-- The rules, by the first leaf that they judged.
CREATE TABLE plausibility_rules (
    epoch integer NOT NULL,
    leaf_index bigint NOT NULL,
    rules jsonb NOT NULL,
    PRIMARY KEY (epoch, leaf_index)
);

-- What rules remember of a stream at the checkpoint.
CREATE TABLE plausibility_memory (
    stream_id integer PRIMARY KEY,
    memory jsonb NOT NULL
);

-- Runs of numbers by their fingerprint, and where each was seen first.
CREATE TABLE plausibility_run (
    fingerprint bigint PRIMARY KEY,
    stream_id integer NOT NULL,
    observed_at_ms bigint NOT NULL
);
