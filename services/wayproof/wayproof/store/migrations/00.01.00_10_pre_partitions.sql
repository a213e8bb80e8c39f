-- Readings lie in weeks of their own times: partitions, or, where `wayproof.readings` says so, chunks of a hypertable.
-- Of two indexes the one by message stays: everybody asks by message, and each index costs as much as the row.
-- What is there is moved by its name alone (partitions: it becomes the default one) or copied (hypertable).
-- A message says from when to when it measured, so that only its weeks are looked into.
ALTER TABLE message ADD COLUMN first_observed_at_ms bigint, ADD COLUMN last_observed_at_ms bigint;
UPDATE message SET first_observed_at_ms = measured.first_ms, last_observed_at_ms = measured.last_ms
FROM (
    SELECT ingest_id, min(observed_at_ms) AS first_ms, max(observed_at_ms) AS last_ms FROM reading GROUP BY ingest_id
) AS measured
WHERE message.ingest_id = measured.ingest_id;

CREATE TABLE reading_storage (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    kind text NOT NULL CHECK (kind IN ('partitions', 'hypertable')),
    reason text NOT NULL,
    chosen_at timestamptz NOT NULL DEFAULT now()
);

DROP VIEW partner_reading;
ALTER TABLE reading RENAME TO reading_default;
ALTER TABLE reading_default DROP CONSTRAINT reading_pkey;
ALTER INDEX reading_message RENAME TO reading_default_ingest_id_idx;

DO $$
DECLARE
    grantee name;
BEGIN
    -- Rights are granted on `reading` alone: `schema apply` grants them anew.
    FOR grantee IN
        SELECT DISTINCT pg_roles.rolname
        FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) AS acl JOIN pg_roles ON pg_roles.oid = acl.grantee
        WHERE pg_class.oid = 'reading_default'::regclass AND acl.grantee <> relowner
    LOOP
        EXECUTE format('REVOKE ALL ON reading_default FROM %I', grantee);
    END LOOP;

    IF current_setting('wayproof.readings', true) = 'hypertable' THEN
        CREATE TABLE reading (LIKE reading_default INCLUDING CONSTRAINTS);
        CREATE INDEX reading_message ON reading (ingest_id);
        CREATE FUNCTION reading_now_ms() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
            AS 'SELECT (extract(epoch FROM now()) * 1000)::bigint';
        PERFORM create_hypertable('reading', by_range('observed_at_ms', 604800000), create_default_indexes => false);
        PERFORM set_integer_now_func('reading', 'reading_now_ms');
    ELSE
        CREATE TABLE reading (LIKE reading_default INCLUDING CONSTRAINTS) PARTITION BY RANGE (observed_at_ms);
        CREATE INDEX reading_message ON reading (ingest_id);
        ALTER TABLE reading ATTACH PARTITION reading_default DEFAULT;
    END IF;
END
$$;

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
