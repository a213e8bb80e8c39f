#!/bin/sh
# Run once by the image, as superuser, when the database is new: the login that owns the tables, one that only reads,
# and the roles (docs/reference/roles.md), which the owner may not make; `wayproof schema apply` says what each may do.
# Passwords go from files into the server without passing through a command line.
set -eu
secrets=${SECRETS_DIRECTORY:-/run/secrets}

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
  --set=database="$POSTGRES_DB" --set=secrets="$secrets" <<'SQL'
\set owner_file :secrets '/database'
\set reader_file :secrets '/database_reader'
\set owner_password `cat :owner_file`
\set reader_password `cat :reader_file`
SET password_encryption = 'scram-sha-256';
CREATE ROLE wayproof_ingest NOLOGIN;
CREATE ROLE wayproof_anchor NOLOGIN;
CREATE ROLE wayproof_log NOLOGIN;
CREATE ROLE wayproof_projection NOLOGIN;
CREATE ROLE wayproof_monitor NOLOGIN;
CREATE ROLE wayproof_plausibility NOLOGIN;
CREATE ROLE wayproof_api NOLOGIN;
CREATE ROLE wayproof_gate NOLOGIN;
CREATE ROLE wayproof_devices NOLOGIN;
CREATE ROLE wayproof_rejections NOLOGIN;
CREATE ROLE wayproof_audit NOLOGIN;
CREATE ROLE wayproof_dashboards NOLOGIN;
CREATE ROLE wayproof_partner NOLOGIN;
CREATE ROLE wayproof_erasure NOLOGIN;
CREATE ROLE wayproof_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE wayproof_reader LOGIN PASSWORD :'reader_password' IN ROLE wayproof_dashboards;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
ALTER DATABASE :"database" OWNER TO wayproof_owner;
ALTER SCHEMA public OWNER TO wayproof_owner;
GRANT CONNECT ON DATABASE :"database" TO wayproof_reader;
ALTER ROLE wayproof_reader SET default_transaction_read_only = on;
ALTER ROLE wayproof_reader SET statement_timeout = '30s';
SQL
