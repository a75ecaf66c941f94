-- The same page for PostGraphile: row security lets owners and members read, pgcrypto seals three fields. The keys of
-- pgcrypto's messages are made without stretching (s2k-mode 1), since the secret is random.
CREATE EXTENSION pgcrypto;
CREATE SCHEMA app;
CREATE TABLE app.projects (id uuid PRIMARY KEY, owner_id uuid NOT NULL);
CREATE TABLE app.project_members (
    project_id uuid NOT NULL REFERENCES app.projects, contributor_id uuid NOT NULL, PRIMARY KEY (project_id, contributor_id)
);
CREATE INDEX ON app.project_members (contributor_id);
CREATE TABLE app.assets (
    id uuid PRIMARY KEY, owner_id uuid NOT NULL, project_id uuid NOT NULL REFERENCES app.projects, status text NOT NULL,
    media_type text NOT NULL, byte_size int NOT NULL, created_at timestamptz NOT NULL, title_sealed bytea NOT NULL,
    file_name_sealed bytea NOT NULL, description_sealed bytea NOT NULL
);
CREATE INDEX ON app.assets (owner_id, id);
CREATE INDEX ON app.assets (project_id, id);
CREATE FUNCTION app.unsealed(sealed bytea) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT pgp_sym_decrypt(sealed, current_setting('app.key')) $$;
CREATE FUNCTION app.assets_title(asset app.assets) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT app.unsealed(asset.title_sealed) $$;
CREATE FUNCTION app.assets_file_name(asset app.assets) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT app.unsealed(asset.file_name_sealed) $$;
CREATE FUNCTION app.assets_description(asset app.assets) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT app.unsealed(asset.description_sealed) $$;
CREATE FUNCTION pg_temp.sealed(clear text) RETURNS bytea LANGUAGE sql
    AS $$ SELECT pgp_sym_encrypt(clear, '{key}', 'cipher-algo=aes256, s2k-mode=1, compress-algo=0') $$;

INSERT INTO app.projects SELECT md5('project ' || o)::uuid, md5('owner ' || o)::uuid FROM generate_series(1, {owners}) o;
INSERT INTO app.assets
SELECT md5('asset ' || o || ' ' || n)::uuid, md5('owner ' || o)::uuid, md5('project ' || o)::uuid, 'AVAILABLE',
    'image/png', 1000 + n, now(), pg_temp.sealed('Picture number ' || n), pg_temp.sealed('picture-' || n || '.png'),
    pg_temp.sealed('A picture of a river in the morning, seen from the old bridge.')
FROM generate_series(1, {owners}) o, generate_series(0, {each} - 1) n;

ALTER TABLE app.projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.project_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.assets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.project_members FOR SELECT USING (contributor_id = current_setting('app.user')::uuid);
CREATE POLICY own ON app.assets FOR SELECT USING (
    owner_id = current_setting('app.user')::uuid OR EXISTS (
        SELECT FROM app.project_members m
        WHERE m.project_id = assets.project_id AND m.contributor_id = current_setting('app.user')::uuid
    )
);
CREATE ROLE visitor;
GRANT USAGE ON SCHEMA app TO visitor;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO visitor;
ANALYZE;
