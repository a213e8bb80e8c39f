-- What a year of trade leaves in a shipper's database, with its indexes in place: shipments under way, each with a device
-- of its own, messages interleaved in time as devices send them, everything sealed and anchored.
-- Parameters: shipments, messages (of each shipment), instants (of each message; two readings an instant).
SET session_replication_role = replica;  -- the rows are consistent by construction: no look-up for each reference

INSERT INTO log_record VALUES ('shipper-log', 'ShipperMSP', '{"epoch": 1}');
INSERT INTO quantity (name, unit, kind) VALUES ('temperature', 'CEL', 'v'), ('humidity', 'P1', 'v');

INSERT INTO device (device_id, organisation, home_log, model, status, head)
SELECT 'logger-' || number, 'ShipperMSP', 'shipper-log', 'logger', 'active', '{}'
FROM generate_series(1, %(shipments)s) AS number;

INSERT INTO stream (device_id, name)
SELECT 'logger-' || number, 'conditions' FROM generate_series(1, %(shipments)s) AS number ORDER BY number;

INSERT INTO shipment (gsin, status, custodian, due_at_ms, created_at_ms, changed_block, head)
SELECT
    gsin, 'open', 'ShipperMSP', due_at_ms, %(start_ms)s, number,
    jsonb_build_object(
        'gsin', gsin, 'status', 'open', 'custodian', 'ShipperMSP', 'due_at_ms', due_at_ms, 'version', 2,
        'parties', '[{"role": "consignor", "msp_id": "ShipperMSP", "party_gln": "9506000134352"},
                     {"role": "carrier", "msp_id": "CarrierMSP", "party_gln": "9506000149301"},
                     {"role": "consignee", "msp_id": "ConsigneeMSP", "party_gln": "9506000140445"}]'::jsonb,
        'lane', '{"origin_gln": "9506000134352", "destination_gln": "9506000140445", "mode": "road"}'::jsonb,
        'limits', '[{"name": "temperature", "unit": "CEL", "scale": 1, "low": 20, "high": 80}]'::jsonb,
        'units', '[{"sscc": "095060001111111119", "contents": [{"gtin": "09506000134352", "lot": "A-17"}], "assets": []}]'::jsonb,
        'attachments', jsonb_build_array(
            jsonb_build_object(
                'attached', 2, 'organisation', 'ShipperMSP',
                'anchor', '{"log_id": "shipper-log", "epoch": 1, "counter": 0, "size": 0}'::jsonb,
                'start', jsonb_build_object(
                    'device_id', 'logger-' || number, 'stream', 'conditions', 'boot', 0, 'sequence', 0,
                    'hash', repeat('0', 64)
                )
            )
        ),
        'excursions', '[]'::jsonb, 'amendments', '[]'::jsonb
    )
FROM (
    SELECT number, to_char(number, 'FM00000000000000000') AS gsin, %(start_ms)s + number * 60000 AS due_at_ms
    FROM generate_series(1, %(shipments)s) AS number
) AS numbered;

INSERT INTO shipment_event (gsin, version, kind, organisation, tx_id, tx_timestamp_ms, block_number, event)
SELECT gsin, version, kind, 'ShipperMSP', md5(gsin || kind), %(start_ms)s, changed_block + version, '{}'
FROM shipment CROSS JOIN (VALUES (1, 'shipment_created'), (2, 'device_attached')) AS event (version, kind);

INSERT INTO message (
    device_id, received_at_ms, topic, payload, salt, entry, message_hash, stream_id, boot, sequence, previous,
    first_observed_at_ms, last_observed_at_ms
)
SELECT
    'logger-' || stream_id, %(start_ms)s + sequence * 600000 + stream_id,
    'wayproof/v1/ShipperMSP/logger-' || stream_id || '/messages',
    decode(repeat(md5(stream_id || '/' || sequence), 20), 'hex'), '\x00000000000000000000000000000000',
    sha256(int8send(sequence * 1000000 + stream_id)), sha256(int8send(sequence * 1000000 + stream_id)), stream_id, 1,
    sequence, sha256(int8send((sequence - 1) * 1000000 + stream_id)),
    %(start_ms)s + sequence * 600000 + 60000, %(start_ms)s + sequence * 600000 + %(instants)s * 60000
FROM generate_series(1, %(messages)s) AS sequence
CROSS JOIN generate_series(1, %(shipments)s) AS stream_id
ORDER BY sequence, stream_id;

INSERT INTO reading (stream_id, observed_at_ms, ingest_id, ordinal, quantity_id, value, scale)
SELECT
    stream_id, %(start_ms)s + sequence * 600000 + instant * 60000, ingest_id, (instant - 1) * 2 + quantity_id - 1,
    quantity_id, CASE quantity_id WHEN 1 THEN 45 + (sequence + instant) %% 20 ELSE 55 END, 2 - quantity_id
FROM message
CROSS JOIN generate_series(1, %(instants)s) AS instant
CROSS JOIN generate_series(1, 2) AS quantity_id
ORDER BY ingest_id, instant, quantity_id;

INSERT INTO log_epoch (epoch, log_id, size) SELECT 1, 'shipper-log', count(*) FROM message;
INSERT INTO log_leaf (epoch, leaf_index, ingest_id) SELECT 1, ingest_id - 1, ingest_id FROM message ORDER BY ingest_id;
INSERT INTO anchor (log_id, epoch, counter, size, root, tx_id, tx_timestamp_ms, block_number, tx_index)
SELECT 'shipper-log', 1, counter, counter * 1000, '\x00', md5(counter::text), %(start_ms)s, counter * 2, 0
FROM generate_series(1, (SELECT size / 1000 FROM log_epoch)) AS counter;

INSERT INTO watch (
    gsin, urgency, reasons, latest, missing, last_observed_at_ms, last_received_at_ms, judged_at_ms
)
SELECT gsin, changed_block %% 4, '[{"code": "overdue", "text": "due 1 day ago"}]',
    '{"measurements": [{"device_id": "logger", "name": "temperature", "value": 45, "scale": 1, "unit": "CEL",
      "observed_at_ms": %(start_ms)s, "state": "inside"}]}', 0, %(start_ms)s, %(start_ms)s, %(start_ms)s
FROM shipment
WHERE %(is_monitored)s;

INSERT INTO ledger_checkpoint (height, genesis_hash, last_block_hash) VALUES (1, '\x00', '\x00');
SET session_replication_role = origin;
