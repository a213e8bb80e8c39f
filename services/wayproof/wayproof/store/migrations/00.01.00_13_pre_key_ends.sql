-- Ingest is to know up to where a key that ended counts: the ledger's records say it.
CREATE TABLE device_key_end (
    device_id text NOT NULL,
    version integer NOT NULL,
    last_positions jsonb NOT NULL,
    PRIMARY KEY (device_id, version)
);

INSERT INTO device_key_end (device_id, version, last_positions)
SELECT event ->> 'device_id', (event ->> 'version')::integer, event -> 'last_positions'
FROM (
    SELECT replace(convert_from(value, 'UTF8'), '\u0000', '\ufffd')::jsonb AS event FROM ledger_record
    WHERE key LIKE 'device\_event/%'
) AS device_event
WHERE event ? 'last_positions';
