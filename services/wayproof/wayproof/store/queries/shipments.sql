-- name: watched_shipments
-- A page of the open shipments that the monitor has judged, the most urgent first.
SELECT urgency, due_at_ms, gsin
FROM shipment JOIN watch USING (gsin)
WHERE status = 'open' AND (urgency, due_at_ms, gsin) > (%(urgency)s, %(due_at_ms)s, %(gsin)s)
ORDER BY urgency, due_at_ms, gsin
LIMIT %(limit)s

-- name: unwatched_shipments
-- What the ledger says of how urgent those open shipments are that no monitor has judged.
SELECT gsin, due_at_ms, head #>> '{offer,to}' AS offer_to, nullif(head -> 'excursions', '[]') AS excursions
FROM shipment
WHERE status = 'open' AND NOT EXISTS (SELECT FROM watch WHERE watch.gsin = shipment.gsin)

-- name: closed_shipments
-- A page of closed shipments, those that changed last first.
SELECT gsin, changed_block
FROM shipment
WHERE status = 'closed' AND (changed_block, gsin) < (%(changed_block)s, %(gsin)s)
ORDER BY changed_block DESC, gsin DESC
LIMIT %(limit)s

-- name: shipments
-- Shipments with the monitor's view of those that are open, and the last condition that the ledger has of each.
SELECT
    shipment.gsin, shipment.head, shipment.created_at_ms,
    watch.urgency, watch.reasons, watch.latest, watch.missing, watch.last_observed_at_ms, watch.last_received_at_ms,
    watch.judged_at_ms, last_condition.latest AS ledger_latest
FROM shipment
LEFT JOIN watch ON watch.gsin = shipment.gsin AND shipment.status = 'open'
LEFT JOIN LATERAL (
    SELECT event #> '{condition,latest}' AS latest
    FROM shipment_event
    WHERE
        shipment_event.gsin = shipment.gsin
        AND kind IN ('custody_offered', 'custody_accepted', 'shipment_closed')
        AND event #> '{condition,latest}' <> '[]'
    ORDER BY version DESC
    LIMIT 1
) AS last_condition ON watch.gsin IS NULL
WHERE shipment.gsin = ANY(%(gsins)s)

-- name: events
-- A shipment's events in order.
SELECT version, kind, organisation, tx_id, tx_timestamp_ms, block_number, event
FROM shipment_event
WHERE gsin = %(gsin)s
ORDER BY version

-- name: nearest_anchors
-- Of each log the anchors just before and just after each block, ascending.
SELECT DISTINCT
    nearest.log_id, nearest.epoch, nearest.counter, nearest.size, nearest.root, nearest.tx_timestamp_ms,
    nearest.block_number, nearest.tx_id
FROM unnest(%(log_ids)s::text[]) AS log (log_id)
CROSS JOIN unnest(%(blocks)s::bigint[]) AS moment (block_number)
CROSS JOIN LATERAL (
    (
        SELECT * FROM anchor
        WHERE anchor.log_id = log.log_id AND anchor.block_number <= moment.block_number
        ORDER BY block_number DESC LIMIT 1
    )
    UNION ALL
    (
        SELECT * FROM anchor
        WHERE anchor.log_id = log.log_id AND anchor.block_number > moment.block_number
        ORDER BY block_number LIMIT 1
    )
) AS nearest
ORDER BY nearest.block_number, nearest.log_id

-- name: latest_anchors
-- The latest anchor of each log in its present epoch; counter and size 0 before the first.
SELECT
    log_record.log_id, (head ->> 'epoch')::integer AS epoch, coalesce(latest.counter, 0) AS counter,
    coalesce(latest.size, 0) AS size, latest.tx_timestamp_ms
FROM log_record
LEFT JOIN LATERAL (
    SELECT counter, size, tx_timestamp_ms FROM anchor
    WHERE anchor.log_id = log_record.log_id AND anchor.epoch = (head ->> 'epoch')::integer
    ORDER BY counter DESC LIMIT 1
) AS latest ON true
WHERE log_record.log_id = ANY(%(log_ids)s)
ORDER BY log_record.log_id
