-- name: checkpoint
-- How far the ledger has been taken in.
SELECT height, genesis_hash, last_block_hash FROM ledger_checkpoint

-- name: put_checkpoint
-- Move the checkpoint.
INSERT INTO ledger_checkpoint (height, genesis_hash, last_block_hash)
VALUES (%(height)s, %(genesis_hash)s, %(last_block_hash)s)
ON CONFLICT (singleton) DO UPDATE SET
    height = EXCLUDED.height, genesis_hash = EXCLUDED.genesis_hash, last_block_hash = EXCLUDED.last_block_hash

-- name: notify
-- Tell whoever waits, once this transaction is committed.
SELECT pg_notify('wayproof_projected', %(height)s)

-- name: listen
-- Hear of every checkpoint from now on.
LISTEN wayproof_projected

-- name: unlisten
-- Hear of it no longer.
UNLISTEN wayproof_projected

-- name: become_writer
-- Take the projection's lock if it is free; it is given back when the connection ends.
SELECT pg_try_advisory_lock(%(lock)s) AS taken

-- name: record
-- The record at a key, and the block that wrote it.
SELECT block_number, value FROM ledger_record WHERE key = %(key)s

-- name: put_ledger_config_block
-- Enter a row, in place of the one with its key.
INSERT INTO ledger_config_block (
    block_number, block
) VALUES (
    %(block_number)s, %(block)s
)
ON CONFLICT (block_number) DO UPDATE SET
    block = EXCLUDED.block

-- name: put_ledger_transaction
-- Enter a row, in place of the one with its key.
INSERT INTO ledger_transaction (
    tx_id, block_number, tx_index, envelope
) VALUES (
    %(tx_id)s, %(block_number)s, %(tx_index)s, %(envelope)s
)
ON CONFLICT (tx_id) DO UPDATE SET
    block_number = EXCLUDED.block_number, tx_index = EXCLUDED.tx_index, envelope = EXCLUDED.envelope

-- name: put_ledger_record
-- Enter a row, in place of the one with its key.
INSERT INTO ledger_record (
    key, block_number, tx_index, tx_id, value
) VALUES (
    %(key)s, %(block_number)s, %(tx_index)s, %(tx_id)s, %(value)s
)
ON CONFLICT (key) DO UPDATE SET
    block_number = EXCLUDED.block_number, tx_index = EXCLUDED.tx_index, tx_id = EXCLUDED.tx_id,
    value = EXCLUDED.value

-- name: put_shipment
-- Enter a row, in place of the one with its key.
INSERT INTO shipment (
    gsin, status, custodian, due_at_ms, created_at_ms, changed_block, head
) VALUES (
    %(gsin)s, %(status)s, %(custodian)s, %(due_at_ms)s, %(created_at_ms)s, %(changed_block)s, %(head)s
)
ON CONFLICT (gsin) DO UPDATE SET
    status = EXCLUDED.status, custodian = EXCLUDED.custodian, due_at_ms = EXCLUDED.due_at_ms,
    created_at_ms = EXCLUDED.created_at_ms, changed_block = EXCLUDED.changed_block, head = EXCLUDED.head

-- name: put_shipment_event
-- Enter a row, in place of the one with its key.
INSERT INTO shipment_event (
    gsin, version, kind, organisation, tx_id, tx_timestamp_ms, block_number, event
) VALUES (
    %(gsin)s, %(version)s, %(kind)s, %(organisation)s, %(tx_id)s, %(tx_timestamp_ms)s, %(block_number)s,
    %(event)s
)
ON CONFLICT (gsin, version) DO UPDATE SET
    kind = EXCLUDED.kind, organisation = EXCLUDED.organisation, tx_id = EXCLUDED.tx_id,
    tx_timestamp_ms = EXCLUDED.tx_timestamp_ms, block_number = EXCLUDED.block_number, event = EXCLUDED.event

-- name: put_attachment
-- Enter a row, in place of the one with its key.
INSERT INTO attachment (
    gsin, attached, device_id, stream, organisation, start_boot, start_sequence, start_hash, end_boot,
    end_sequence, end_hash
) VALUES (
    %(gsin)s, %(attached)s, %(device_id)s, %(stream)s, %(organisation)s, %(start_boot)s, %(start_sequence)s,
    %(start_hash)s, %(end_boot)s, %(end_sequence)s, %(end_hash)s
)
ON CONFLICT (gsin, attached) DO UPDATE SET
    device_id = EXCLUDED.device_id, stream = EXCLUDED.stream, organisation = EXCLUDED.organisation,
    start_boot = EXCLUDED.start_boot, start_sequence = EXCLUDED.start_sequence,
    start_hash = EXCLUDED.start_hash, end_boot = EXCLUDED.end_boot, end_sequence = EXCLUDED.end_sequence,
    end_hash = EXCLUDED.end_hash

-- name: put_excursion
-- Enter a row, in place of the one with its key.
INSERT INTO excursion (
    gsin, excursion_id, device_id, stream, name, direction, started_at_ms, ended_at_ms, resolution, record
) VALUES (
    %(gsin)s, %(excursion_id)s, %(device_id)s, %(stream)s, %(name)s, %(direction)s, %(started_at_ms)s,
    %(ended_at_ms)s, %(resolution)s, %(record)s
)
ON CONFLICT (gsin, excursion_id) DO UPDATE SET
    device_id = EXCLUDED.device_id, stream = EXCLUDED.stream, name = EXCLUDED.name,
    direction = EXCLUDED.direction, started_at_ms = EXCLUDED.started_at_ms, ended_at_ms = EXCLUDED.ended_at_ms,
    resolution = EXCLUDED.resolution, record = EXCLUDED.record

-- name: put_device
-- Enter a row, in place of the one with its key.
INSERT INTO device (
    device_id, organisation, home_log, model, status, head
) VALUES (
    %(device_id)s, %(organisation)s, %(home_log)s, %(model)s, %(status)s, %(head)s
)
ON CONFLICT (device_id) DO UPDATE SET
    organisation = EXCLUDED.organisation, home_log = EXCLUDED.home_log, model = EXCLUDED.model,
    status = EXCLUDED.status, head = EXCLUDED.head

-- name: put_device_key
-- Enter a row, in place of the one with its key.
INSERT INTO device_key (
    device_id, ordinal, key_id, algorithm, public_key, registered_at_ms, ended_block
) VALUES (
    %(device_id)s, %(ordinal)s, %(key_id)s, %(algorithm)s, %(public_key)s, %(registered_at_ms)s, %(ended_block)s
)
ON CONFLICT (device_id, ordinal) DO UPDATE SET
    key_id = EXCLUDED.key_id, algorithm = EXCLUDED.algorithm, public_key = EXCLUDED.public_key,
    registered_at_ms = EXCLUDED.registered_at_ms, ended_block = EXCLUDED.ended_block

-- name: put_device_key_end
-- Enter a row, in place of the one with its key.
INSERT INTO device_key_end (
    device_id, version, last_positions
) VALUES (
    %(device_id)s, %(version)s, %(last_positions)s
)
ON CONFLICT (device_id, version) DO UPDATE SET last_positions = EXCLUDED.last_positions

-- name: put_log_record
-- Enter a row, in place of the one with its key.
INSERT INTO log_record (
    log_id, organisation, head
) VALUES (
    %(log_id)s, %(organisation)s, %(head)s
)
ON CONFLICT (log_id) DO UPDATE SET
    organisation = EXCLUDED.organisation, head = EXCLUDED.head

-- name: put_anchor
-- Enter a row, in place of the one with its key.
INSERT INTO anchor (
    log_id, epoch, counter, size, root, tx_id, tx_timestamp_ms, block_number, tx_index
) VALUES (
    %(log_id)s, %(epoch)s, %(counter)s, %(size)s, %(root)s, %(tx_id)s, %(tx_timestamp_ms)s, %(block_number)s,
    %(tx_index)s
)
ON CONFLICT (log_id, epoch, counter) DO UPDATE SET
    size = EXCLUDED.size, root = EXCLUDED.root, tx_id = EXCLUDED.tx_id,
    tx_timestamp_ms = EXCLUDED.tx_timestamp_ms, block_number = EXCLUDED.block_number,
    tx_index = EXCLUDED.tx_index

-- name: all_ledger_config_block
-- Every row, by its key, in the order of code points.
SELECT
    block_number, block
FROM ledger_config_block
ORDER BY block_number

-- name: all_ledger_transaction
-- Every row, by its key, in the order of code points.
SELECT
    tx_id, block_number, tx_index, envelope
FROM ledger_transaction
ORDER BY tx_id COLLATE "C"

-- name: all_ledger_record
-- Every row, by its key, in the order of code points.
SELECT
    key, block_number, tx_index, tx_id, value
FROM ledger_record
ORDER BY key

-- name: all_shipment
-- Every row, by its key, in the order of code points.
SELECT
    gsin, status, custodian, due_at_ms, created_at_ms, changed_block, head
FROM shipment
ORDER BY gsin COLLATE "C"

-- name: all_shipment_event
-- Every row, by its key, in the order of code points.
SELECT
    gsin, version, kind, organisation, tx_id, tx_timestamp_ms, block_number, event
FROM shipment_event
ORDER BY gsin COLLATE "C", version

-- name: all_attachment
-- Every row, by its key, in the order of code points.
SELECT
    gsin, attached, device_id, stream, organisation, start_boot, start_sequence, start_hash, end_boot,
    end_sequence, end_hash
FROM attachment
ORDER BY gsin COLLATE "C", attached

-- name: all_excursion
-- Every row, by its key, in the order of code points.
SELECT
    gsin, excursion_id, device_id, stream, name, direction, started_at_ms, ended_at_ms, resolution, record
FROM excursion
ORDER BY gsin COLLATE "C", excursion_id COLLATE "C"

-- name: all_device
-- Every row, by its key, in the order of code points.
SELECT
    device_id, organisation, home_log, model, status, head
FROM device
ORDER BY device_id COLLATE "C"

-- name: all_device_key
-- Every row, by its key, in the order of code points.
SELECT
    device_id, ordinal, key_id, algorithm, public_key, registered_at_ms, ended_block
FROM device_key
ORDER BY device_id COLLATE "C", ordinal

-- name: all_device_key_end
-- Every row, by its key, in the order of code points.
SELECT
    device_id, version, last_positions
FROM device_key_end
ORDER BY device_id COLLATE "C", version

-- name: all_log_record
-- Every row, by its key, in the order of code points.
SELECT
    log_id, organisation, head
FROM log_record
ORDER BY log_id COLLATE "C"

-- name: all_anchor
-- Every row, by its key, in the order of code points.
SELECT
    log_id, epoch, counter, size, root, tx_id, tx_timestamp_ms, block_number, tx_index
FROM anchor
ORDER BY log_id COLLATE "C", epoch, counter
