-- Connections with other programs, such as identity servers whose codes are delivered.
CREATE TABLE integrations (
    id              UUID PRIMARY KEY,
    project_id      UUID NOT NULL REFERENCES projects (id),
    kind            TEXT NOT NULL,
    name            TEXT NOT NULL,
    settings        TEXT NOT NULL, -- JSON
    secret          BYTEA, -- encrypted; NULL: not known yet
    previous_secret BYTEA, -- encrypted; good until previous_until
    previous_until  TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    made_by         UUID -- a key or a user
);

-- The last requests to each, for people: what came of them.
CREATE TABLE integration_calls (
    id              UUID PRIMARY KEY, -- in order of time
    integration_id  UUID NOT NULL,
    at              TIMESTAMPTZ NOT NULL,
    outcome         TEXT NOT NULL,
    detail          TEXT NOT NULL, -- empty: there is none
    verification_id UUID
);

CREATE INDEX integration_calls_list ON integration_calls (integration_id, id);
