-- The schema of one organisation's database (PostgreSQL 15 or later). This file is the truth; `migrations/` leads to it,
-- and a test holds both equal. Integers of time are epoch milliseconds, hashes are 32 bytes.
--
-- Each part has one writer: ingest (streams, messages, readings, rejections), the sealer (log_*), the projection
-- (ledger_*, shipment*, device*, ...), the monitor (watch), `wayproof plausibility` (reading_flag, plausibility_*),
-- people (location). Nobody updates or deletes a message or a reading; the one lawful exception is an
-- erasure, which removes salt, topic, payload and times of one message, its readings and their flags.
--
-- What is written for every message or reading has no foreign keys: each would look up and lock a row for every row (14
-- microseconds a reading with them, 3 without). One transaction writes what belongs together, nobody may delete it, and
-- `wayproof fsck` names the first row that belongs to nothing.

CREATE TABLE schema_migration (
    name text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- --- messages and readings: written by ingest ------------------------------------------------------------------------

-- A numbered chain of a device's messages. The empty name is for what a device publishes unsigned.
CREATE TABLE stream (
    stream_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id text NOT NULL,
    name text NOT NULL,
    UNIQUE (device_id, name)
);

-- What a known device published, byte for byte, accepted or refused: each row becomes one leaf of the log.
CREATE TABLE message (
    ingest_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id text NOT NULL,
    received_at_ms bigint NOT NULL,
    topic text,                    -- null once erased, like payload and salt
    payload bytea,
    salt bytea,
    entry bytea NOT NULL,          -- commitment to salt, topic, payload and received_at_ms (docs/reference/log.md)
    message_hash bytea NOT NULL,   -- SHA-256 of the signed bytes; of the payload where nothing is signed or it is refused
    stream_id integer,             -- null: refused
    boot bigint NOT NULL DEFAULT 0,
    sequence bigint NOT NULL DEFAULT 0,
    previous bytea,                -- message hash of the stream's message before; null where nothing is signed
    after_boot bigint,             -- what the first message of a later boot names
    after_sequence bigint,
    rejection text,                -- code of the refusal
    first_observed_at_ms bigint,   -- from when to when it measured; null: nothing, or erased
    last_observed_at_ms bigint,
    CHECK ((stream_id IS NULL) = (rejection IS NOT NULL))
);
-- The same signed bytes again are a duplicate; other ones at the same place are an equivocation, and both are kept.
CREATE UNIQUE INDEX message_position ON message (stream_id, boot, sequence, message_hash);
CREATE UNIQUE INDEX message_refused ON message (device_id, message_hash) WHERE stream_id IS NULL;
CREATE INDEX message_refused_at ON message (received_at_ms, ingest_id) WHERE stream_id IS NULL;

-- What is measured: the resolved SenML name, its unit (UN/ECE Rec 20), and the kind of its value (v, vb, vs, vd).
CREATE TABLE quantity (
    quantity_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    unit text NOT NULL,
    kind text NOT NULL,
    UNIQUE (name, unit, kind)
);

-- One measured value: value * 10^-scale, or a text. It lies in the week of its time (`store/weeks.py`): a partition
-- `reading_N`, made ahead, or a chunk where `reading` is a hypertable of TimescaleDB. Times far from now, which a wrong
-- clock gives, lie together in one more. Ask for it by its message, with first_ and last_observed_at_ms; and with
-- constants around them, or PostgreSQL plans for every week there is. That is its only
-- index: (ingest_id, ordinal) comes once because its message does, and each index costs as much as the row.
CREATE TABLE reading (
    stream_id integer NOT NULL,
    observed_at_ms bigint NOT NULL,
    ingest_id bigint NOT NULL,
    ordinal smallint NOT NULL,     -- place in the message's pack, from 0
    quantity_id integer NOT NULL,
    value bigint,
    scale smallint,
    text text,
    CHECK ((value IS NULL) = (scale IS NULL) AND (value IS NULL) <> (text IS NULL))
) PARTITION BY RANGE (observed_at_ms);
CREATE INDEX reading_message ON reading (ingest_id);
CREATE TABLE reading_default PARTITION OF reading DEFAULT;

-- How readings are stored here, and why: decided once, by `wayproof schema apply`.
CREATE TABLE reading_storage (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    kind text NOT NULL CHECK (kind IN ('partitions', 'hypertable')),
    reason text NOT NULL,
    chosen_at timestamptz NOT NULL DEFAULT now()
);

-- Numbers by the hour of their time, exact: of all readings up to a leaf of the log, each once. Written by `wayproof store
-- maintain` in the transaction of its checkpoint. The hours of a dropped week stay as they were when it was dropped.
CREATE TABLE reading_hour (
    stream_id integer NOT NULL,
    quantity_id integer NOT NULL,
    hour_ms bigint NOT NULL,       -- its begin
    count bigint NOT NULL,
    sum numeric NOT NULL,
    minimum numeric NOT NULL,
    maximum numeric NOT NULL,
    PRIMARY KEY (stream_id, quantity_id, hour_ms)
);

-- Up to which leaf of the log readings are summed up: the next one.
CREATE TABLE reading_hour_checkpoint (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch integer NOT NULL,
    leaf_index bigint NOT NULL
);

-- Hours that an erasure removed: to be summed up again from what is left.
CREATE TABLE reading_hour_again (
    stream_id integer NOT NULL,
    first_hour_ms bigint NOT NULL,
    last_hour_ms bigint NOT NULL
);

-- Weeks whose readings were let go of. Their messages are kept, from which they can be derived again.
CREATE TABLE reading_week_dropped (
    week integer PRIMARY KEY,      -- since 1970-01-01, a Thursday
    dropped_at_ms bigint NOT NULL,
    rows bigint NOT NULL
);

-- Refused payloads that no known device published: counted, and kept unless over-long. They are no entries of the log.
CREATE TABLE rejection (
    rejection_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,           -- cut to 200 characters
    payload_hash bytea NOT NULL,
    payload_size bigint NOT NULL,
    payload bytea,                 -- null when over-long
    code text NOT NULL,
    detail text NOT NULL,
    first_received_at_ms bigint NOT NULL,
    last_received_at_ms bigint NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    UNIQUE (topic, payload_hash, code)
);
CREATE INDEX rejection_last ON rejection (last_received_at_ms, rejection_id);
CREATE INDEX rejection_payload ON rejection (last_received_at_ms, rejection_id) WHERE payload IS NOT NULL;

-- What was let go of so that they keep to their limit, by code.
CREATE TABLE rejection_cut (
    code text PRIMARY KEY,
    payloads bigint NOT NULL,      -- payloads dropped while their row stayed
    rows bigint NOT NULL,          -- rows dropped
    times bigint NOT NULL          -- refusals that these rows counted
);

-- Refused payloads that somebody published again to have them judged anew. What became of them is in the other tables.
CREATE TABLE rejection_replay (
    replay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    payload_hash bytea NOT NULL,   -- SHA-256 of the payload as it was published
    code text NOT NULL,            -- of the refusal that it was replayed for
    operator text NOT NULL,
    replayed_at_ms bigint NOT NULL
);
CREATE INDEX rejection_replay_payload ON rejection_replay (payload_hash);

-- --- the log: written by the sealer ----------------------------------------------------------------------------------

-- Messages without an index yet, as runs of consecutive ids: just these wait. Ingest adds a run in the messages' own
-- transaction, sealing removes it.
CREATE TABLE log_waiting (
    first_ingest_id bigint PRIMARY KEY,
    last_ingest_id bigint NOT NULL,
    CHECK (first_ingest_id <= last_ingest_id)
);

-- An uninterrupted life of the organisation's log.
CREATE TABLE log_epoch (
    epoch integer PRIMARY KEY,
    log_id text NOT NULL,
    size bigint NOT NULL DEFAULT 0
);

-- The frozen assignment of index to message.
CREATE TABLE log_leaf (
    epoch integer NOT NULL,
    leaf_index bigint NOT NULL,
    ingest_id bigint NOT NULL UNIQUE,
    PRIMARY KEY (epoch, leaf_index)
);

-- Hash tiles (c2sp.org/tlog-tiles): up to 256 hashes of 32 bytes; the last tile of a level grows.
CREATE TABLE log_tile (
    epoch integer NOT NULL REFERENCES log_epoch,
    level smallint NOT NULL,
    tile_index bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (epoch, level, tile_index)
);

-- --- the ledger as this organisation may see it: written by the projection, in the transaction of its checkpoint -----

CREATE TABLE ledger_checkpoint (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    height bigint NOT NULL,        -- number of blocks taken in
    genesis_hash bytea NOT NULL,
    last_block_hash bytea NOT NULL
);

CREATE TABLE ledger_config_block (
    block_number bigint PRIMARY KEY,
    block bytea NOT NULL           -- signed part: header, data, metadata slot 0
);

-- Valid transactions of the contract, as evidence carries them.
CREATE TABLE ledger_transaction (
    tx_id text PRIMARY KEY,
    block_number bigint NOT NULL,
    tx_index integer NOT NULL,
    envelope bytea NOT NULL
);

-- The last value of every key of the contract.
CREATE TABLE ledger_record (
    key text COLLATE "C" PRIMARY KEY,
    block_number bigint NOT NULL,
    tx_index integer NOT NULL,
    tx_id text NOT NULL,
    value bytea NOT NULL
);

CREATE TABLE shipment (
    gsin text PRIMARY KEY,
    status text NOT NULL,          -- open, closed
    custodian text NOT NULL,
    due_at_ms bigint NOT NULL,
    created_at_ms bigint NOT NULL, -- tx_timestamp of its creation: claimed by a client
    changed_block bigint NOT NULL, -- block of its last event
    head jsonb NOT NULL            -- the record of docs/reference/contract.md
);
CREATE INDEX shipment_changed ON shipment (status, changed_block, gsin);

CREATE TABLE shipment_event (
    gsin text NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    organisation text NOT NULL,
    tx_id text NOT NULL,
    tx_timestamp_ms bigint NOT NULL,
    block_number bigint NOT NULL,
    event jsonb NOT NULL,
    PRIMARY KEY (gsin, version)
);

-- The intervals of a shipment: after start, up to end (null while open).
CREATE TABLE attachment (
    gsin text NOT NULL,
    attached integer NOT NULL,     -- version of the event that attached
    device_id text NOT NULL,
    stream text NOT NULL,
    organisation text NOT NULL,
    start_boot bigint NOT NULL,
    start_sequence bigint NOT NULL,
    start_hash bytea NOT NULL,
    end_boot bigint,
    end_sequence bigint,
    end_hash bytea,
    PRIMARY KEY (gsin, attached)
);
CREATE INDEX attachment_stream ON attachment (device_id, stream);

CREATE TABLE excursion (
    gsin text NOT NULL,
    excursion_id text NOT NULL,
    device_id text NOT NULL,
    stream text NOT NULL,
    name text NOT NULL,
    direction text NOT NULL,
    started_at_ms bigint NOT NULL,
    ended_at_ms bigint,
    resolution text,
    record jsonb NOT NULL,
    PRIMARY KEY (gsin, excursion_id)
);

CREATE TABLE device (
    device_id text PRIMARY KEY,
    organisation text NOT NULL,
    home_log text NOT NULL,
    model text NOT NULL,
    status text NOT NULL,          -- active, revoked
    head jsonb NOT NULL
);

-- Every key that a device ever had; `ended_block` is the block of its rotation or revocation.
CREATE TABLE device_key (
    device_id text NOT NULL,
    ordinal integer NOT NULL,      -- from 0, in the order of registration
    key_id bytea,                  -- null: the device does not sign
    algorithm text NOT NULL,
    public_key bytea,              -- SubjectPublicKeyInfo DER
    registered_at_ms bigint NOT NULL,
    ended_block bigint,
    PRIMARY KEY (device_id, ordinal)
);
CREATE UNIQUE INDEX device_key_id ON device_key (key_id);

-- Up to where keys that ended count. The first ending of a device is that of its first key, and so on.
CREATE TABLE device_key_end (
    device_id text NOT NULL,
    version integer NOT NULL,      -- of the event that rotated the key or revoked the device
    last_positions jsonb NOT NULL, -- [{"device_id", "stream", "boot", "sequence", "hash"}...]; other streams: not at all
    PRIMARY KEY (device_id, version)
);

CREATE TABLE log_record (
    log_id text PRIMARY KEY,
    organisation text NOT NULL,
    head jsonb NOT NULL
);

CREATE TABLE anchor (
    log_id text NOT NULL,
    epoch integer NOT NULL,
    counter bigint NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    tx_id text NOT NULL,
    tx_timestamp_ms bigint NOT NULL,
    block_number bigint NOT NULL,
    tx_index integer NOT NULL,
    PRIMARY KEY (log_id, epoch, counter)
);
CREATE INDEX anchor_size ON anchor (log_id, epoch, size);
CREATE INDEX anchor_place ON anchor (log_id, block_number, tx_index);
CREATE INDEX anchor_block ON anchor (log_id, block_number);

-- --- flags: written by `wayproof plausibility`, in the transaction of its checkpoint -------------------------------

-- What the platform thinks of readings is no evidence; all of it can be deleted together and comes again.

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

-- Runs of numbers by their fingerprint, and where each was seen first: the newest `plausibility.most_runs` of them.
CREATE TABLE plausibility_run (
    fingerprint bigint PRIMARY KEY,
    stream_id integer NOT NULL,
    observed_at_ms bigint NOT NULL,
    number bigint NOT NULL UNIQUE  -- how many were entered before
);

-- --- what the platform adds for people: no evidence, never on the ledger ---------------------------------------------

-- The monitor's latest view of an open shipment: how urgent it is, and why. Derived; it can be deleted and comes again.
CREATE TABLE watch (
    gsin text PRIMARY KEY,
    urgency smallint NOT NULL,     -- 0 critical, 1 warning, 2 attention, 3 fine
    reasons jsonb NOT NULL,        -- [{"code", "text"}...], the most urgent first
    latest jsonb NOT NULL,         -- {"measurements": [...], "position": {...}}, as docs/reference/api.md says
    missing bigint NOT NULL,       -- messages in gaps
    last_observed_at_ms bigint,
    last_received_at_ms bigint,
    judged_at_ms bigint NOT NULL
);

-- Master data: what a GLN is called and where it lies.
CREATE TABLE location (
    gln text PRIMARY KEY,
    name text NOT NULL,
    latitude double precision,     -- degrees, for drawing only
    longitude double precision
);

-- --- enrolment: written by the API and by `wayproof device` ----------------------------------------------------------

-- Devices that may come: each shows a one-time token, or the serial number that its manufacturer vouches for.
CREATE TABLE device_claim (
    claim_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id text NOT NULL,
    model text NOT NULL,
    token_hash bytea UNIQUE,       -- SHA-256; the token itself is known to who was given it
    serial text,
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    key_id bytea,                  -- of the key that took the claim: it is good for no other
    taken_at_ms bigint,
    CHECK ((token_hash IS NULL) <> (serial IS NULL)),
    CHECK ((key_id IS NULL) = (taken_at_ms IS NULL))
);
CREATE INDEX device_claim_serial ON device_claim (serial) WHERE serial IS NOT NULL;
CREATE INDEX device_claim_device ON device_claim (device_id);

-- Certificates of devices. Whether one is revoked is said by the ledger's register, not here.
CREATE TABLE device_certificate (
    serial_number bytea PRIMARY KEY,
    device_id text NOT NULL,
    key_id bytea NOT NULL,
    certificate bytea NOT NULL,    -- DER
    issued_at_ms bigint NOT NULL,
    not_after_ms bigint NOT NULL
);
CREATE INDEX device_certificate_device ON device_certificate (device_id, issued_at_ms);

-- --- whose database this is, and which rows people's logins see (docs/reference/roles.md) ---------------------------

-- The roles are in `roles.py`; `wayproof schema apply` makes them, and grants. These rows are written by the owner only.

-- The organisation (MSP id) whose deployment this is.
CREATE TABLE deployment (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    organisation text NOT NULL
);

-- Logins of other organisations. A login can set any parameter of its session, and no row of this table.
CREATE TABLE partner_login (
    login text PRIMARY KEY,
    organisation text NOT NULL
);

-- The organisation whose rows the session's login sees: the one it is bound to, else the deployment's for its own
-- people's roles; null, and so no rows, for anybody else.
CREATE FUNCTION visible_organisation() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
RETURN coalesce(
    (SELECT organisation FROM partner_login WHERE login = session_user),
    (
        SELECT organisation FROM deployment
        WHERE
            pg_has_role(session_user, 'wayproof_api', 'MEMBER')
            OR pg_has_role(session_user, 'wayproof_dashboards', 'MEMBER')
    )
);

-- Shipments are for their parties (rule 16 of the contract). Row security is on for tables that are not copied into:
-- PostgreSQL refuses COPY FROM where it is.
ALTER TABLE shipment ENABLE ROW LEVEL SECURITY;
ALTER TABLE shipment_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE attachment ENABLE ROW LEVEL SECURITY;
ALTER TABLE excursion ENABLE ROW LEVEL SECURITY;
ALTER TABLE watch ENABLE ROW LEVEL SECURITY;
CREATE POLICY whole ON shipment TO wayproof_projection, wayproof_monitor, wayproof_audit USING (true);
CREATE POLICY party ON shipment FOR SELECT TO wayproof_api, wayproof_dashboards, wayproof_partner
    USING (head @> (
        SELECT jsonb_build_object('parties', jsonb_build_array(jsonb_build_object('msp_id', visible_organisation())))
    ));
CREATE POLICY whole ON shipment_event TO wayproof_projection, wayproof_monitor, wayproof_audit USING (true);
CREATE POLICY party ON shipment_event FOR SELECT TO wayproof_api, wayproof_dashboards, wayproof_partner
    USING (EXISTS (SELECT FROM shipment WHERE shipment.gsin = shipment_event.gsin));
CREATE POLICY whole ON attachment TO wayproof_projection, wayproof_monitor, wayproof_audit, wayproof_devices USING (true);
CREATE POLICY party ON attachment FOR SELECT TO wayproof_api, wayproof_dashboards, wayproof_partner
    USING (EXISTS (SELECT FROM shipment WHERE shipment.gsin = attachment.gsin));
CREATE POLICY whole ON excursion TO wayproof_projection, wayproof_monitor, wayproof_audit USING (true);
CREATE POLICY party ON excursion FOR SELECT TO wayproof_api, wayproof_dashboards, wayproof_partner
    USING (EXISTS (SELECT FROM shipment WHERE shipment.gsin = excursion.gsin));
CREATE POLICY whole ON watch TO wayproof_monitor, wayproof_audit USING (true);
CREATE POLICY party ON watch FOR SELECT TO wayproof_api, wayproof_dashboards
    USING (EXISTS (SELECT FROM shipment WHERE shipment.gsin = watch.gsin));

-- What a partner's own devices sent: all that it may read of messages and readings. The views read as their owner.
CREATE VIEW partner_message WITH (security_barrier) AS
SELECT
    message.ingest_id, message.device_id, stream.name AS stream, message.boot, message.sequence, message.message_hash,
    message.previous, message.received_at_ms, message.rejection, log_leaf.epoch, log_leaf.leaf_index
FROM message
JOIN device ON device.device_id = message.device_id
LEFT JOIN stream ON stream.stream_id = message.stream_id
LEFT JOIN log_leaf ON log_leaf.ingest_id = message.ingest_id
WHERE device.organisation = (SELECT visible_organisation());

CREATE VIEW partner_reading WITH (security_barrier) AS
SELECT
    stream.device_id, stream.name AS stream, reading.observed_at_ms, reading.ingest_id, reading.ordinal, quantity.name,
    quantity.unit, quantity.kind, reading.value, reading.scale, reading.text
FROM device
JOIN stream ON stream.device_id = device.device_id
JOIN message ON message.stream_id = stream.stream_id
JOIN reading ON
    reading.ingest_id = message.ingest_id
    AND reading.observed_at_ms BETWEEN message.first_observed_at_ms AND message.last_observed_at_ms
JOIN quantity ON quantity.quantity_id = reading.quantity_id
WHERE device.organisation = (SELECT visible_organisation());

CREATE VIEW partner_flag WITH (security_barrier) AS
SELECT
    stream.device_id, stream.name AS stream, flag.observed_at_ms, flag.ingest_id, flag.ordinal, flag.code,
    flag.rule_version, flag.detail
FROM device
JOIN stream ON stream.device_id = device.device_id
JOIN reading_flag AS flag ON flag.stream_id = stream.stream_id
WHERE device.organisation = (SELECT visible_organisation());

-- --- keeping the store: what `wayproof store maintain` may have done, as the owner --------------------------------

-- Weeks as partitions. What lies in no week's partition lies in the default one, and moves to its week when that is made:
-- one scan of it, and one more by which PostgreSQL sees that nothing of these weeks is left there.
CREATE FUNCTION make_partitions(first_week integer, after_week integer) RETURNS SETOF integer
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    week_ms constant bigint := 604800000;
    missing integer[] := ARRAY(
        SELECT week FROM generate_series(first_week, after_week - 1) AS week
        WHERE to_regclass('public.reading_' || week) IS NULL ORDER BY week
    );
    made integer;
BEGIN
    IF missing = '{}' THEN
        RETURN;
    END IF;
    LOCK TABLE reading IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE reading DETACH PARTITION reading_default;
    FOREACH made IN ARRAY missing LOOP
        EXECUTE format(
            'CREATE TABLE public.reading_%s PARTITION OF reading FOR VALUES FROM (%s) TO (%s)',
            made, made * week_ms, (made + 1) * week_ms
        );
        RETURN NEXT made;
    END LOOP;
    WITH gone AS (
        DELETE FROM reading_default
        WHERE
            observed_at_ms >= missing[1] * week_ms AND observed_at_ms < after_week * week_ms
            AND (observed_at_ms / week_ms)::integer = ANY (missing)
        RETURNING *
    )
    INSERT INTO reading SELECT * FROM gone;
    ALTER TABLE reading ATTACH PARTITION reading_default DEFAULT;
END
$$;

-- Weeks as chunks of a hypertable, whatever TimescaleDB's licence. It makes a chunk for every week that a row lies in, and
-- one device with a wild clock could make thousands; so two chunks take all before the first week and all after the last
-- one. The Apache edition has no call that makes such a chunk: it comes of a row that is written while the interval is as
-- long as all of time, cut where it meets the chunks of the first and the last week.
CREATE FUNCTION make_chunks(first_week integer, after_week integer) RETURNS SETOF integer
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    week_ms constant bigint := 604800000;
    all_time_ms constant bigint := 9007199254740992;
    late_ms constant bigint := (
        SELECT range_start_integer FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'public' AND hypertable_name = 'reading' AND range_end_integer = all_time_ms
    );
    edges bigint[] := ARRAY[(after_week - 1) * week_ms];
    extremes bigint[] := ARRAY[all_time_ms - 1];
BEGIN
    IF late_ms >= after_week * week_ms THEN
        RETURN;
    END IF;
    LOCK TABLE reading IN ACCESS EXCLUSIVE MODE;
    IF late_ms IS NULL THEN
        edges := edges || (first_week * week_ms);
        extremes := extremes || 0::bigint;
    ELSE
        CREATE TABLE public.reading_moved AS SELECT * FROM reading WHERE observed_at_ms >= late_ms;
        PERFORM drop_chunks('reading', newer_than => late_ms);
    END IF;
    PERFORM set_chunk_time_interval('reading', week_ms);
    INSERT INTO reading (stream_id, observed_at_ms, ingest_id, ordinal, quantity_id, value, scale)
    SELECT 0, at_ms, 0, 0, 0, 0, 0 FROM unnest(edges) AS marked (at_ms);
    PERFORM set_chunk_time_interval('reading', all_time_ms);
    INSERT INTO reading (stream_id, observed_at_ms, ingest_id, ordinal, quantity_id, value, scale)
    SELECT 0, at_ms, 0, 0, 0, 0, 0 FROM unnest(extremes) AS marked (at_ms);
    PERFORM set_chunk_time_interval('reading', week_ms);
    DELETE FROM reading WHERE ingest_id = 0;
    IF late_ms IS NOT NULL THEN
        INSERT INTO reading SELECT * FROM reading_moved;
        DROP TABLE reading_moved;
    END IF;
    RETURN QUERY SELECT generate_series(coalesce((late_ms / week_ms)::integer, first_week), after_week - 1);
END
$$;

-- Let weeks have tables of their own; returns those that had none. It keeps everybody from `reading` meanwhile.
CREATE FUNCTION make_weeks(first_week integer, after_week integer) RETURNS SETOF integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT kind FROM reading_storage) = 'hypertable' THEN
        RETURN QUERY SELECT make_chunks(first_week, after_week);
    ELSE
        RETURN QUERY SELECT make_partitions(first_week, after_week);
    END IF;
END
$$;

-- The next leaf of the log for whoever follows it, 'rollups' or 'flags'; nothing where nobody flags.
CREATE FUNCTION read_up_to(reader text) RETURNS TABLE (epoch integer, leaf_index bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT epoch, leaf_index FROM reading_hour_checkpoint WHERE reader = 'rollups'
    UNION ALL SELECT 1, 0 WHERE reader = 'rollups' AND NOT EXISTS (SELECT FROM reading_hour_checkpoint)
    UNION ALL SELECT epoch, leaf_index FROM plausibility_checkpoint WHERE reader = 'flags'
$$;

-- Whether a follower of the log has still to come to a message that may have measured before a time.
CREATE FUNCTION is_unread(reader text, before_ms bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM read_up_to(reader) AS place
        JOIN log_leaf AS leaf ON (leaf.epoch, leaf.leaf_index) >= (place.epoch, place.leaf_index)
        JOIN message USING (ingest_id)
        WHERE stream_id IS NOT NULL AND coalesce(first_observed_at_ms, 0) < before_ms
    ) OR EXISTS (
        SELECT FROM read_up_to(reader) AS place
        CROSS JOIN log_waiting AS run
        JOIN message ON message.ingest_id BETWEEN run.first_ingest_id AND run.last_ingest_id
        WHERE stream_id IS NOT NULL AND coalesce(first_observed_at_ms, 0) < before_ms
    )
$$;

-- Who needs a week's readings still, so that they may not be dropped; null: nobody. The rule is here so that nobody who
-- may only call these functions gets around it.
CREATE FUNCTION week_needed_by(week integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN week > extract(epoch FROM now()) * 1000 / 604800000 - 5 THEN 'the present'
        WHEN EXISTS (SELECT FROM shipment WHERE status = 'open' AND created_at_ms < ended.at_ms) THEN 'an open shipment'
        WHEN EXISTS (
            SELECT FROM shipment
            JOIN attachment USING (gsin)
            JOIN stream ON (stream.device_id, stream.name) = (attachment.device_id, attachment.stream)
            CROSS JOIN LATERAL (
                SELECT first_observed_at_ms FROM message
                WHERE
                    message.stream_id = stream.stream_id
                    AND (boot, sequence) > (attachment.start_boot, attachment.start_sequence)
                ORDER BY boot, sequence LIMIT 1
            ) AS held
            WHERE shipment.status = 'open' AND held.first_observed_at_ms < ended.at_ms
        ) THEN 'an open shipment'
        WHEN is_unread('rollups', ended.at_ms) THEN 'the rollups'
        WHEN is_unread('flags', ended.at_ms) THEN 'the flags'
    END
    FROM (SELECT (week + 1) * 604800000::bigint AS at_ms) AS ended
$$;

-- Remove a week's readings and note it; returns how many. Late ones that made it a table again are added to the note.
CREATE FUNCTION drop_week(week integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    begin_ms constant bigint := week * 604800000::bigint;
    end_ms constant bigint := begin_ms + 604800000;
    is_hypertable constant boolean := (SELECT kind = 'hypertable' FROM reading_storage);
    held regclass;
    gone bigint;
BEGIN
    IF is_hypertable THEN
        SELECT format('%I.%I', chunk_schema, chunk_name) INTO held FROM timescaledb_information.chunks
        WHERE
            hypertable_schema = 'public' AND hypertable_name = 'reading'
            AND range_start_integer = begin_ms AND range_end_integer = end_ms;
    ELSE
        held := to_regclass('public.reading_' || week);
    END IF;
    IF held IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE MODE', held);  -- nothing late comes in while it is looked at and counted
    IF week_needed_by(week) IS NOT NULL THEN
        RAISE EXCEPTION 'readings of week % are needed by %', week, week_needed_by(week) USING ERRCODE = 'object_in_use';
    END IF;
    SELECT count(*) INTO gone FROM reading WHERE observed_at_ms >= begin_ms AND observed_at_ms < end_ms;
    IF is_hypertable THEN
        PERFORM drop_chunks('reading', older_than => end_ms, newer_than => begin_ms);
    ELSE
        EXECUTE format('DROP TABLE %s', held);
    END IF;
    INSERT INTO reading_week_dropped AS earlier VALUES (week, (extract(epoch FROM now()) * 1000)::bigint, gone)
    ON CONFLICT ON CONSTRAINT reading_week_dropped_pkey
    DO UPDATE SET dropped_at_ms = EXCLUDED.dropped_at_ms, rows = earlier.rows + EXCLUDED.rows;
    RETURN gone;
END
$$;

-- Remove what came late for weeks that are dropped, once it is read; returns how many.
CREATE FUNCTION drop_late_readings() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    IF to_regclass('public.reading_default') IS NULL THEN
        RETURN 0;  -- a chunk of its own takes what comes late, and goes as a week does
    END IF;
    WITH late AS (
        DELETE FROM reading_default AS reading
        WHERE
            EXISTS (SELECT FROM reading_week_dropped WHERE week = reading.observed_at_ms / 604800000)
            AND EXISTS (
                SELECT FROM log_leaf AS leaf
                WHERE
                    leaf.ingest_id = reading.ingest_id
                    AND (leaf.epoch, leaf.leaf_index) < ALL (SELECT epoch, leaf_index FROM read_up_to('rollups'))
                    AND (leaf.epoch, leaf.leaf_index) < ALL (SELECT epoch, leaf_index FROM read_up_to('flags'))
            )
        RETURNING observed_at_ms / 604800000 AS week
    ), counted AS (
        SELECT week, count(*) AS rows FROM late GROUP BY week
    ), noted AS (
        UPDATE reading_week_dropped AS dropped SET rows = dropped.rows + counted.rows
        FROM counted WHERE counted.week = dropped.week
    )
    SELECT coalesce(sum(rows), 0) INTO gone FROM counted;
    RETURN gone;
END
$$;

-- An erasure takes the hours of its message along; they come again from the readings that are left.
CREATE FUNCTION forget_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first_ms constant bigint := coalesce(OLD.first_observed_at_ms, 0);
    last_ms constant bigint := coalesce(OLD.last_observed_at_ms, 9007199254740991);
BEGIN
    DELETE FROM reading_hour WHERE stream_id = OLD.stream_id AND hour_ms BETWEEN first_ms - 3599999 AND last_ms;
    INSERT INTO reading_hour_again VALUES (OLD.stream_id, first_ms - first_ms % 3600000, last_ms - last_ms % 3600000);
    RETURN NULL;
END
$$;
CREATE TRIGGER message_erased AFTER UPDATE OF payload ON message FOR EACH ROW
WHEN (OLD.payload IS NOT NULL AND NEW.payload IS NULL AND OLD.stream_id IS NOT NULL) EXECUTE FUNCTION forget_hours();

REVOKE ALL ON FUNCTION
    make_partitions, make_chunks, make_weeks, read_up_to, is_unread, week_needed_by, drop_week, drop_late_readings,
    forget_hours
FROM PUBLIC;

-- Compress a week's chunk, where TimescaleDB's own licence is there: null where it is not, false where there is nothing to
-- compress. A message's readings are then found by its stream, so whoever asks for them says that too.
CREATE FUNCTION compress_week(week integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    held regclass;
BEGIN
    IF NOT EXISTS (SELECT FROM reading_storage WHERE kind = 'hypertable')
        OR current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale'
    THEN
        RETURN NULL;
    END IF;
    SELECT format('%I.%I', chunk_schema, chunk_name) INTO held FROM timescaledb_information.chunks
    WHERE
        hypertable_schema = 'public' AND hypertable_name = 'reading' AND NOT is_compressed
        AND range_start_integer = week * 604800000::bigint AND range_end_integer = (week + 1) * 604800000::bigint;
    IF held IS NULL THEN
        RETURN false;
    END IF;
    IF NOT (
        SELECT compression_enabled FROM timescaledb_information.hypertables
        WHERE hypertable_schema = 'public' AND hypertable_name = 'reading'
    ) THEN
        ALTER TABLE reading SET (
            timescaledb.compress, timescaledb.compress_segmentby = 'stream_id',
            timescaledb.compress_orderby = 'ingest_id, ordinal'
        );
    END IF;
    PERFORM compress_chunk(held);
    RETURN true;
END
$$;

-- The tables that readings lie in, their rows as estimated, their bytes with index, compressed ones as they are.
CREATE FUNCTION reading_sizes() RETURNS TABLE (tables bigint, rows bigint, bytes bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT count(*), coalesce(sum(greatest(reltuples, 0)), 0), coalesce(sum(pg_total_relation_size(inhrelid)), 0)
    INTO tables, rows, bytes
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'reading'::regclass;
    IF EXISTS (SELECT FROM reading_storage WHERE kind = 'hypertable') THEN
        rows := approximate_row_count('reading');
        bytes := hypertable_size('reading');
    END IF;
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION compress_week, reading_sizes FROM PUBLIC;
