#!/bin/sh
# Run once by the image, as superuser, when the database is new: the role that owns the tables, and one that only reads.
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
CREATE ROLE wayproof_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE wayproof_reader LOGIN PASSWORD :'reader_password';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
ALTER DATABASE :"database" OWNER TO wayproof_owner;
ALTER SCHEMA public OWNER TO wayproof_owner;
GRANT CONNECT ON DATABASE :"database" TO wayproof_reader;
GRANT pg_read_all_data TO wayproof_reader;
ALTER ROLE wayproof_reader SET default_transaction_read_only = on;
ALTER ROLE wayproof_reader SET statement_timeout = '30s';
SQL
