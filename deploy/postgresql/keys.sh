#!/bin/sh
# Run once, as the superuser, when the key store's server is made: one login, which owns one database and reaches no other.
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
  --set keys="$(cat ${SECRETS:-/run/secrets}/keys-password)" <<'SQL'
CREATE ROLE muniment_keys LOGIN PASSWORD :'keys';
CREATE DATABASE keys OWNER muniment_keys;
REVOKE ALL ON DATABASE keys, postgres FROM PUBLIC;
SQL
