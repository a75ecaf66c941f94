#!/bin/sh
# Run once, as the superuser, when the key store's server is made: one login, which owns one database and reaches no other.
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
  --set keys="$(cat ${SECRETS:-/run/secrets}/keys-password)" <<'SQL'
-- The server would write the password into its log, and into pg_stat_statements.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track_utility = off;
CREATE ROLE muniment_keys LOGIN PASSWORD :'keys';
CREATE DATABASE keys OWNER muniment_keys;
REVOKE ALL ON DATABASE keys, postgres, template1 FROM PUBLIC;
SQL
