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
    first_observed_at_ms bigint,   -- from when to when it measured; null: nothing, or not known (before 00.01.00_10)
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
-- clock gives, lie together in one more. Ask for it by its message, with first_ and last_observed_at_ms. That is its only
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
    AND reading.observed_at_ms
    BETWEEN coalesce(message.first_observed_at_ms, 0) AND coalesce(message.last_observed_at_ms, 9007199254740991)
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
