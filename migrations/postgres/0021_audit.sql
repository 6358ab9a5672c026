-- Who changed what. Rows are added in the transaction of what they tell of, and never changed.
CREATE TABLE audit (
    id          UUID PRIMARY KEY, -- of its time, a UUIDv7
    at          TIMESTAMPTZ NOT NULL,
    actor       TEXT NOT NULL CHECK (actor IN ('user', 'key', 'cli')),
    actor_id    UUID, -- NULL: the command line
    actor_name  TEXT,
    client_ip   TEXT,
    action      TEXT NOT NULL,
    object      TEXT NOT NULL, -- its kind
    object_id   TEXT, -- NULL: there is only one
    object_name TEXT,
    project_id  UUID, -- NULL: it concerns the whole instance
    before      TEXT, -- JSON, without secrets
    after       TEXT
);

CREATE INDEX audit_project ON audit (project_id, id) WHERE project_id IS NOT NULL;
