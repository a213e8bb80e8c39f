#!/bin/sh
# Run once by the image, as superuser, when the database is new: the roles (docs/reference/roles.md), which the owner may
# not make, a login for each process and for the owner of the tables (`logins.sql`, made by infra/fabric/provision.py, has
# no passwords in it), and one that only reads. `wayproof schema apply` says what each may do.
# The reader's password goes from a file into the server without passing through a command line.
set -eu
secrets=${SECRETS_DIRECTORY:-/run/secrets}
logins=${LOGINS_DIRECTORY:-/etc/wayproof/database}

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
  --set=database="$POSTGRES_DB" --set=secrets="$secrets" --set=logins="$logins" <<'SQL'
\set logins_file :logins '/logins.sql'
\set reader_file :secrets '/database_reader'
\set reader_password `cat :reader_file`
SET password_encryption = 'scram-sha-256';
CREATE ROLE wayproof_ingest NOLOGIN;
CREATE ROLE wayproof_anchor NOLOGIN;
CREATE ROLE wayproof_log NOLOGIN;
CREATE ROLE wayproof_projection NOLOGIN;
CREATE ROLE wayproof_monitor NOLOGIN;
CREATE ROLE wayproof_plausibility NOLOGIN;
CREATE ROLE wayproof_maintain NOLOGIN;
CREATE ROLE wayproof_api NOLOGIN;
CREATE ROLE wayproof_gate NOLOGIN;
CREATE ROLE wayproof_devices NOLOGIN;
CREATE ROLE wayproof_rejections NOLOGIN;
CREATE ROLE wayproof_audit NOLOGIN;
CREATE ROLE wayproof_dashboards NOLOGIN;
CREATE ROLE wayproof_partner NOLOGIN;
CREATE ROLE wayproof_erasure NOLOGIN;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
\i :logins_file
CREATE ROLE wayproof_reader LOGIN PASSWORD :'reader_password' IN ROLE wayproof_dashboards;
ALTER DATABASE :"database" OWNER TO wayproof_owner;
ALTER SCHEMA public OWNER TO wayproof_owner;
GRANT CONNECT ON DATABASE :"database" TO wayproof_reader;
ALTER ROLE wayproof_reader SET default_transaction_read_only = on;
ALTER ROLE wayproof_reader SET statement_timeout = '30s';
SQL
