#!/bin/sh
# Run once, as the superuser, when the server's directory is made: the owner of the tables, and a login each for the API and the agents,
# which own nothing. What they may do is granted by `python -m muniment database upgrade`.
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
  --set owner="$(cat ${SECRETS:-/run/secrets}/database-owner)" --set api="$(cat ${SECRETS:-/run/secrets}/database-api)" \
  --set agents="$(cat ${SECRETS:-/run/secrets}/database-agents)" <<'SQL'
-- The server would write the passwords into its log, and into pg_stat_statements.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track_utility = off;
CREATE ROLE muniment_owner LOGIN PASSWORD :'owner';
CREATE ROLE muniment_api LOGIN PASSWORD :'api';
CREATE ROLE muniment_agents LOGIN PASSWORD :'agents';
CREATE DATABASE muniment OWNER muniment_owner;
REVOKE ALL ON DATABASE muniment, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE muniment TO muniment_api, muniment_agents;
\connect muniment
ALTER SCHEMA public OWNER TO muniment_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
-- Large objects lie outside all tables: no erasure, backup or scrub knows of them.
DO $$
DECLARE name regprocedure;
BEGIN
  FOR name IN SELECT oid FROM pg_proc
      WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE 'lo\_%' OR proname IN ('loread', 'lowrite')) LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name);
  END LOOP;
END $$;
ALTER ROLE muniment_api SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE muniment_api SET lock_timeout = '30s';
ALTER ROLE muniment_api SET statement_timeout = '60s';
SQL
