-- Numbers, prefixes, countries and addresses that are let through, or that nothing is sent to.
CREATE TABLE guard_lists (
    id         UUID PRIMARY KEY, -- in order of time
    project_id UUID REFERENCES projects (id), -- NULL: every project
    list       TEXT NOT NULL, -- allow or block
    matches    TEXT NOT NULL, -- number, prefix, country or ip
    value      BYTEA NOT NULL, -- encrypted
    note       TEXT NOT NULL, -- empty: there is none
    expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    made_by    UUID -- a key or a user
);

-- Grows with each change, so that replicas know without reading the lists that they are as they were.
CREATE TABLE guard_lists_version (
    version BIGINT NOT NULL
);

INSERT INTO guard_lists_version (version) VALUES (1);
