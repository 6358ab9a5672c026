-- Connections with other programs, such as identity servers whose codes are delivered.
CREATE TABLE integrations (
    id              BLOB PRIMARY KEY,
    project_id      BLOB NOT NULL REFERENCES projects (id),
    kind            TEXT NOT NULL,
    name            TEXT NOT NULL,
    settings        TEXT NOT NULL, -- JSON
    secret          BLOB, -- encrypted; NULL: not known yet
    previous_secret BLOB, -- encrypted; good until previous_until
    previous_until  TEXT,
    created_at      TEXT NOT NULL,
    made_by         BLOB -- a key or a user
);

-- The last requests to each, for people: what came of them.
CREATE TABLE integration_calls (
    id              BLOB PRIMARY KEY, -- in order of time
    integration_id  BLOB NOT NULL,
    at              TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    detail          TEXT NOT NULL, -- empty: there is none
    verification_id BLOB
);

CREATE INDEX integration_calls_list ON integration_calls (integration_id, id);
