-- Messages wait for their index as runs of consecutive ids: a row for each group of ingest, not for each message.
CREATE TABLE log_waiting_runs (
    first_ingest_id bigint PRIMARY KEY,
    last_ingest_id bigint NOT NULL,
    CHECK (first_ingest_id <= last_ingest_id)
);

INSERT INTO log_waiting_runs (first_ingest_id, last_ingest_id)
SELECT min(ingest_id), max(ingest_id)
FROM (SELECT ingest_id, ingest_id - row_number() OVER (ORDER BY ingest_id) AS run FROM log_waiting) AS numbered
GROUP BY run;

DROP TABLE log_waiting;
ALTER TABLE log_waiting_runs RENAME TO log_waiting;
ALTER TABLE log_waiting RENAME CONSTRAINT log_waiting_runs_pkey TO log_waiting_pkey;
ALTER TABLE log_waiting RENAME CONSTRAINT log_waiting_runs_check TO log_waiting_check;
DO $$
BEGIN  -- since PostgreSQL 18, NOT NULL is a constraint with a name
    IF current_setting('server_version_num')::integer >= 180000 THEN
        EXECUTE 'ALTER TABLE log_waiting
            RENAME CONSTRAINT log_waiting_runs_first_ingest_id_not_null TO log_waiting_first_ingest_id_not_null';
        EXECUTE 'ALTER TABLE log_waiting
            RENAME CONSTRAINT log_waiting_runs_last_ingest_id_not_null TO log_waiting_last_ingest_id_not_null';
    END IF;
END
$$;
