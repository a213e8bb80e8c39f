-- name: totals
-- How much there is. Every message is a leaf or waits to be one; readings are counted up to a number, then estimated.
SELECT
    (SELECT count(*) FROM shipment WHERE status = 'open') AS shipments_open,
    (SELECT count(*) FROM shipment WHERE status = 'closed') AS shipments_closed,
    (SELECT coalesce(sum(size), 0) FROM log_epoch)::bigint
    + (SELECT coalesce(sum(last_ingest_id - first_ingest_id + 1), 0) FROM log_waiting)::bigint AS messages,
    (SELECT count(*) FROM (SELECT FROM reading LIMIT %(exactly)s) AS first_readings) AS readings_counted,
    (SELECT rows FROM reading_sizes()) AS readings_estimated,
    (SELECT coalesce(sum(times), 0) FROM rejection)::bigint
    + (SELECT coalesce(sum(times), 0) FROM rejection_cut)::bigint
    + (SELECT count(*) FROM message WHERE stream_id IS NULL) AS rejections
