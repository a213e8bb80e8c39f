-- The hot path has no foreign keys: what they cost, and who checks instead, stands in schema.sql.
ALTER TABLE message DROP CONSTRAINT message_stream_id_fkey;
ALTER TABLE reading DROP CONSTRAINT reading_stream_id_fkey;
ALTER TABLE reading DROP CONSTRAINT reading_ingest_id_fkey;
ALTER TABLE reading DROP CONSTRAINT reading_quantity_id_fkey;
ALTER TABLE log_waiting DROP CONSTRAINT log_waiting_ingest_id_fkey;
ALTER TABLE log_leaf DROP CONSTRAINT log_leaf_epoch_fkey;
ALTER TABLE log_leaf DROP CONSTRAINT log_leaf_ingest_id_fkey;
